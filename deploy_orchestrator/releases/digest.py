import hashlib
import json


def digest_of(*, environment: str, tenant: str, content: str, replaces: str | None) -> str:
    """What a plan, an approval and a release are about, as `sha256:<hex>`.

    The SHA-256 of canonical JSON with the names of these arguments: the `content` (digest of the rendered
    objects) that goes to one tenant in one environment, and the content that it replaces there, None for a
    first release.
    """
    value = {"content": content, "environment": environment, "replaces": replaces, "tenant": tenant}
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

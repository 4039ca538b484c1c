import hashlib
import json

from deploy_orchestrator.fleet import Destination, TakeoverEvidence

FORMAT = 2
"""Of plans, releases and digests that tell where a change goes, and which release it replaces."""


def digest_of(
    *,
    environment: str,
    tenant: str,
    destination: Destination,
    content: str,
    base: str | None,
    replaces: str | None,
    takeover: TakeoverEvidence | None = None,
) -> str:
    """What a plan, an approval and a release are about, as `sha256:<hex>`.

    The SHA-256 of canonical JSON: the `content` (digest of the rendered objects) that goes to one tenant in
    one environment, its destination, the content that it replaces there (`base`), and the commit that
    released that, or took away what was there (`replaces`); None where nothing ever was. What the cluster
    said of a `takeover` is a part of it where it was asked.
    """
    return _sha256(
        {
            "format": FORMAT,
            "environment": environment,
            "tenant": tenant,
            "destination": destination.as_json(),
            "content": content,
            "base": base,
            "replaces": replaces,
            **({"takeover": takeover.as_json()} if takeover else {}),
        }
    )


def line_digest(environment: str, tenant: str | None) -> str:
    """What a decision to pause an environment, or a tenant there, is about."""
    return _sha256({"paused": {"environment": environment, "tenant": tenant}})


def first_digest_of(*, environment: str, tenant: str, content: str, base: str | None) -> str:
    """The digest of format 1, which tells neither where a change goes nor which release it replaces."""
    return _sha256({"content": content, "environment": environment, "replaces": base, "tenant": tenant})


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

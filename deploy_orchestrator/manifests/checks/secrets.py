"""Secrets do not stand readable in Git."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests

_SOPS: Final = re.compile(
    r"ENC\[AES256_GCM,data:([^,]+),iv:([^,]+),tag:([^,]+),type:(?:str|int|float|bool|bytes|comment)\]"
)
"""A value that SOPS encrypted: https://github.com/getsops/sops/blob/main/aes/cipher.go."""

_IV_BYTES, _TAG_BYTES = 32, 16


def _readable(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        if (object_.key.group, object_.kind) != ("", "Secret"):
            continue
        for field in ("data", "stringData"):
            entries = untyped.mapping(object_.body.get(field)).items()
            names = [name for name, value in entries if value and not _is_encrypted(value)]
            if names:
                yield Broken(object_.key, f"{field} holds {', '.join(sorted(names))}")


def _is_encrypted(value: Any) -> bool:
    return _is_of_sops(str(value)) or _is_of_sops((_decoded(str(value)) or b"").decode(errors="replace"))


def _is_of_sops(text: str) -> bool:
    found = _SOPS.fullmatch(text)
    data, iv, tag = map(_decoded, found.groups()) if found else (None, None, None)
    return bool(data and iv and tag) and (len(iv or b""), len(tag or b"")) == (_IV_BYTES, _TAG_BYTES)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


MANIFEST_CHECKS = (
    ManifestCheck(
        "plain-secret",
        "error",
        "Manifests are kept in Git for good, where base64 hides nothing.",
        "use an ExternalSecret, a SealedSecret or SOPS, or refer to a Secret made elsewhere",
        _readable,
    ),
)

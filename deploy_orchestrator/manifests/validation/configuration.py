"""What holds settings and passwords: ConfigMaps, Secrets, and what names them.

After `ValidateConfigMap` and `ValidateSecret` in `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, found

MAX_BYTES: Final = 1024 * 1024
_TOKEN_OWNER: Final = "kubernetes.io/service-account.name"  # noqa: S105
_JSON_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_TLS_KEYS: Final = ("tls.crt", "tls.key")


def _config_map(given: Fields) -> Iterator[Refusal]:
    texts, binaries = (untyped.mapping(given.get(field)) for field in ("data", "binaryData"))
    for field, entries in (("data", texts), ("binaryData", binaries)):
        yield from _keys(field, entries)
    for key in texts.keys() & binaries.keys():
        yield Refusal(("data", key), "stands in binaryData too")
    size = sum(len(untyped.text(value).encode()) for value in texts.values())
    yield from _fits(size + sum(len(value) for value in _bytes(binaries).values()), ("data",))


def _secret(given: Fields) -> Iterator[Refusal]:
    data, texts = (untyped.mapping(given.get(field)) for field in ("data", "stringData"))
    for field, entries in (("data", data), ("stringData", texts)):
        yield from _keys(field, entries)
    held = {**_bytes(data), **{key: untyped.text(value).encode() for key, value in texts.items()}}
    yield from _fits(sum(map(len, held.values())), ("data",))
    yield from _of_type(untyped.text(given.get("type")), held, given)


def _of_type(type_: str, held: Mapping[str, bytes], given: Fields) -> Iterator[Refusal]:
    """What a Secret of a known type must hold."""
    if type_ in _JSON_KEYS:
        key = _JSON_KEYS[type_]
        if key not in held:
            yield Refusal(("data", key), f"required for the type {type_}, and absent")
        elif not isinstance(given.get("sops"), Mapping) and not _is_json_object(held[key]):
            yield Refusal(("data", key), "must be JSON")
    elif type_ == "kubernetes.io/tls":
        for key in _TLS_KEYS:
            if key not in held:
                yield Refusal(("data", key), f"required for the type {type_}, and absent")
    elif type_ == "kubernetes.io/basic-auth" and not held.keys() & {"username", "password"}:
        yield Refusal(("data",), f"needs username or password for the type {type_}")
    elif type_ == "kubernetes.io/ssh-auth" and not held.get("ssh-privatekey"):
        yield Refusal(("data", "ssh-privatekey"), f"required for the type {type_}, and absent")
    elif type_ == "kubernetes.io/service-account-token":
        annotations = untyped.mapping(untyped.at(given, "metadata", "annotations"))
        if not annotations.get(_TOKEN_OWNER):
            yield Refusal(
                ("metadata", "annotations", _TOKEN_OWNER), f"required for the type {type_}, and absent"
            )


def _keys(field: str, entries: Fields) -> Iterator[Refusal]:
    for key in entries:
        if said := formats.config_key(key):
            yield Refusal((field, key), found(said, key))


def _bytes(entries: Fields) -> dict[str, bytes]:
    return {key: formats.decoded(value or "") or b"" for key, value in entries.items()}


def _fits(size: int, path: tuple[str, ...]) -> Iterator[Refusal]:
    if size > MAX_BYTES:
        yield Refusal(path, f"may hold {MAX_BYTES:,} bytes, and holds {size:,}")


def _is_json_object(data: bytes) -> bool:
    try:
        value: Any = json.loads(data)
    except ValueError:
        return False
    return value is None or isinstance(value, dict)


SHAPES: Final = {
    "core.v1.ConfigMap": Shape(rules=(_config_map,)),
    "core.v1.Secret": Shape(rules=(_secret,)),
}

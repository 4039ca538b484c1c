"""Keep secret values out of everything that people look at, and still show that one changed."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from deploy_orchestrator.manifests import lists
from deploy_orchestrator.manifests.fields import NamedPath
from deploy_orchestrator.manifests.objects import Object
from deploy_orchestrator.terms import names_a_secret

HIDDEN: Final = "(hidden)"
CHANGED: Final = "(hidden, changed)"
SOPS: Final = "sops"

_DATA: Final = frozenset({"data", "stringData"})


def hidden(object_: Object, before: Object | None = None) -> Mapping[str, Any]:
    """An object's body with each secret replaced by `HIDDEN`, or by `CHANGED` where `before` has another.

    Secret are the data of a Secret, and the value of an environment variable that is named like one.
    """
    if not _holds_secrets(object_):
        return object_.body
    known = _secrets(before) if before else {}

    def mask(path: NamedPath, value: Any) -> str:
        return CHANGED if path in known and known[path] != value else HIDDEN

    return cast(Mapping[str, Any], _replaced(object_.kind, (), object_.body, mask))


def _holds_secrets(object_: Object) -> bool:
    if object_.kind == "Secret":
        return True
    return b'"value":' in object_.canonical and _holds_secret_values(object_.body)


def _holds_secret_values(value: Any) -> bool:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        if "value" in fields and _is_secret("", (), "value", fields):
            return True
        return any(_holds_secret_values(inner) for inner in fields.values() if isinstance(inner, dict | list))
    items = cast(list[Any], value)
    return any(_holds_secret_values(inner) for inner in items if isinstance(inner, dict | list))


def is_of_sops(object_: Object) -> bool:
    """Whether SOPS encrypted a Secret: in `sops` it says how, and what decrypts it takes that away."""
    is_secret = (object_.key.group, object_.kind) == ("", "Secret")
    return is_secret and isinstance(object_.body.get(SOPS), Mapping)


def redacted(text: str, object_: Object) -> str:
    """What somebody says of an object, with `HIDDEN` in place of each of its secrets, encoded or not."""
    values = {str(value) for value in _secrets(object_).values()}
    for value in sorted(values | set(_decoded(values)), key=len, reverse=True):
        text = text.replace(value, HIDDEN) if value else text
    return text


def _decoded(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        with suppress(ValueError):
            yield base64.b64decode(value, validate=True).decode()


def _secrets(object_: Object) -> dict[NamedPath, Any]:
    found: dict[NamedPath, Any] = {}
    _replaced(object_.kind, (), object_.body, found.__setitem__)
    return found


def _replaced(kind: str, path: NamedPath, value: Any, replace: Callable[[NamedPath, Any], Any]) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return {
            name: replace((*path, name), inner)
            if _is_secret(kind, path, name, fields)
            else _replaced(kind, (*path, name), inner, replace)
            for name, inner in fields.items()
        }
    if isinstance(value, list):
        items = cast(list[Any], value)
        (names,) = lists.identities(path[-1], items) or [[str(index) for index in range(len(items))]]
        return [
            _replaced(kind, (*path, name), item, replace) for name, item in zip(names, items, strict=True)
        ]
    return value


def _is_secret(kind: str, path: NamedPath, name: str, fields: Mapping[str, Any]) -> bool:
    if fields[name] is None:
        return False
    if kind == "Secret":
        return len(path) == 1 and path[0] in _DATA
    return name == "value" and names_a_secret(str(fields.get("name", "")))

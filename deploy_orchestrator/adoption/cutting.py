"""Secrets are cut out of values before anything is written."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from deploy_orchestrator.terms import FieldPath, names_a_secret

CUT: Final = "CUT-OUT-BY-ADOPT"
"""What stands in place of a secret: no secret, and nothing that could be taken for one."""

_NAMES: Final = re.compile(
    r"(?:names?|refs?|path|prefix|file|class|enabled|create|type|ttl|length|annotations|labels|urls?|mounts?"
    r"|issuer|audience|policy|version|key-?id|(?:password|token|user(?:name)?)-?key|existing\w*|rotation\w*"
    r"|pullSecrets?|(?:external|sealed)-?Secrets?|secret-?stores?\w*)$",
    re.IGNORECASE,
)
"""How a value ends its name that names a secret, and is none."""

_IN_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_IN_TEXT: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


def without_secrets(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[FieldPath, ...]]:
    """`values` with `CUT` in place of each secret, and where these stood.

    A secret is a text below a name that says so (`password`, `token`, and the like, but not `secretName` or
    `tokenTTL`), however deep, the `value` beside such a `name`, credentials in a URL, and a private key
    or a JSON web token wherever it stands.
    """
    found: list[FieldPath] = []
    cut = cast(dict[str, Any], _cut(values, (), False, found))
    return cut, tuple(found)


def secrets_in(values: Mapping[str, Any]) -> list[str]:
    """The secrets in `values` themselves, the longest first, for whoever must not repeat one."""
    found: list[str] = []
    for path in without_secrets(values)[1]:
        at: Any = values
        for step in path:
            at = at[step]
        found.append(str(at))
    return sorted(found, key=len, reverse=True)


def _cut(value: Any, path: FieldPath, secret: bool, found: list[FieldPath]) -> Any:
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        called = fields.get("name") if "value" in fields else None
        return {
            key: _cut(
                each,
                (*path, key),
                _names_one(str(called) if called and key == "value" else key, secret),
                found,
            )
            for key, each in fields.items()
        }
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_cut(each, (*path, index), secret, found) for index, each in enumerate(items)]
    if isinstance(value, str) and value and (secret or _shows_one(value)):
        found.append(path)
        return CUT
    return value


def _names_one(name: str, within: bool) -> bool:
    """Whether what goes by `name` is a secret, `within` something that is or not."""
    return not _NAMES.search(name) and (within or names_a_secret(name))


def _shows_one(text: str) -> bool:
    return bool(_IN_URL.search(text) or _IN_TEXT.search(text))

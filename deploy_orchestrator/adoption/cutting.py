"""Secrets are cut out of values before anything is written."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.documents import dotted
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.terms import FieldPath, names_a_secret

CUT: Final = "CUT-OUT-BY-ADOPT"
"""What stands in place of a secret: no secret, and nothing that could be taken for one."""

_OF_HELM: Final = frozenset({"Chart.yaml", "requirements.yaml", "values.schema.json"})

_NAMES: Final = re.compile(
    r"(?:names?|refs?|path|prefix|file|class|enabled|create|types?|ttl|length|annotations|labels|urls?|mounts?"
    r"|issuer|iss|alg(?:orithms?)?|expir(?:es|y|ation)(?:[_-]?in)?|allow[_-]?credentials"
    r"|audience|count|size|seconds|minutes|days|timeout|retries|port|policy|version|key-?id|(?:password|token|user(?:name)?)-?key|existing\w*|rotation\w*"
    r"|pullSecrets?|(?:external|sealed)-?Secrets?|secret-?stores?\w*)$",
    re.IGNORECASE,
)
"""How a value ends its name that names a secret, and is none."""

_REFERRING: Final = re.compile(r"(?:external|env)-?Secrets?", re.IGNORECASE)
"""What goes by such a name says what secrets are called in a store, or in a Secret."""

_CALLED: Final = re.compile(r"(?![0-9a-f-]*[0-9a-f]{8}[0-9a-f-]*$)[a-z][a-z0-9]*(?:[-/._][a-z0-9]+)+")
"""How secrets are called there; UUIDs and the like are no names."""

_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
"""How keys of a Secret may be called."""

_IN_ONE: Final = frozenset({"key", "secretKey"})
"""Beside `secretName` these say under which key it stands in that Secret."""

_IN_URL: Final = re.compile(
    r"(?<![a-z0-9+.-])(?:https?://[^/\s@]+@|[a-z][a-z0-9+.-]{0,30}://[^/\s:@]*:[^\s@]+@"
    r"|https://hooks\.slack\.com/services/)",
    re.IGNORECASE,
)
_IN_TEXT: Final = re.compile(
    r"-----BEGIN (?:[A-Z ]{0,40}PRIVATE KEY|PGP )|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk_live_)\w"
    r"|\b(?:Basic|Bearer)\s+(?=[a-z+/._-]*[A-Z0-9=])[\w+/.-]{8,}"
)
_GIVEN: Final = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{1,100})[\"']?(?:[ \t]*[:=][ \t]*|(?<=[\w])(?<!:)[ \t]+)"
    r"(?![\"']?(?:\$\{\w+\}|\$\(\w+\)|\{\{|true\b|false\b|null\b))[\"']?[^\s\"']"
)
"""A name and what is given by it within a text: `password: x`, `PASSWORD=x`, `--password x`."""


def without_secrets(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[FieldPath, ...]]:
    """`values` with `CUT` in place of each secret, and where these stood.

    A secret is a text or a number below a name that says so (`password`, `token`, and the like, but not
    `secretName` or `tokenTTL`), however deep, the `value` beside such a `name` or `key`, a text that gives
    one by such a name, credentials in a URL, and keys and tokens known by their looks wherever they stand.
    Below `externalSecrets` and `envSecrets` what looks like a name in a store, as `shop/jwt-keys`, is one,
    and so is a `secretKey` beside a `secretName`.
    """
    found: list[FieldPath] = []
    cut = cast(dict[str, Any], _cut(values, (), False, found))
    return cut, tuple(found)


def cuts_in(value: object, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Where a secret is still cut out of `value`, which stands at `path`."""
    if value == CUT:
        yield path
    for index, each in enumerate(untyped.items(value)):
        yield from cuts_in(each, (*path, index))
    for name, each in untyped.mapping(value).items():
        yield from cuts_in(each, (*path, name))


def values_without_secrets(path: str, data: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """A file of a chart, by its `path` in it, with `CUT` in place of each secret, and where these stood.

    Values are all YAML and JSON but templates, definitions, and what Helm reads of a chart. None stands for
    a file that shows a secret and cannot be read as one document.
    """
    folders, _, file = path.rpartition("/")
    if (
        not file.endswith((".yaml", ".yml", ".json"))
        or file in _OF_HELM
        or {"templates", "crds"} & set(folders.split("/"))
    ):
        return data, ()
    try:
        value = documents.parse(data, path).value
    except documents.DocumentError:
        if not _shows_one(data.decode(errors="replace")):
            return data, ()
        return None, ("left out: it has a secret, and is no single document of YAML",)
    kept, found = without_secrets({"": value})
    if not found:
        return data, ()
    return documents.dump(kept[""]), tuple(dotted(each[1:]) for each in found)


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
        called = str(fields.get("name") or fields.get("key") or "")
        known = _IN_ONE if _names_a_secret_of_kubernetes(fields) else ()
        return {
            key: each
            if key in known and isinstance(each, str) and _KEY.fullmatch(each) and not _shows_one(each)
            else _cut(
                each,
                (*path, key),
                secret or _names_one(called, False)
                if called and key == "value"
                else _names_one(str(key), secret) or (str(key).lower() == "auth" and isinstance(each, str)),
                found,
            )
            for key, each in fields.items()
        }
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [
            _cut(each, (*path, index), secret or _is_option(before), found)
            for index, (before, each) in enumerate(zip([None, *items], items, strict=False))
        ]
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and _CALLED.fullmatch(value) and _refers(path) and not _shows_one(value):
        return value
    if (secret and isinstance(value, int | float)) or (
        isinstance(value, str) and value and (secret or _shows_one(value))
    ):
        found.append(path)
        return CUT
    return value


def _names_a_secret_of_kubernetes(fields: Mapping[str, Any]) -> bool:
    """Whether `secretKey` beside it is a key there, and not one half of somebody's login."""
    name = fields.get("secretName")
    return isinstance(name, str) and name != "" and not any("access" in str(each).lower() for each in fields)


def _refers(path: FieldPath) -> bool:
    return any(isinstance(step, str) and _REFERRING.fullmatch(step) for step in path[:-1])


def _names_one(name: str, within: bool) -> bool:
    """Whether what goes by `name` is a secret, `within` something that is or not."""
    return not _NAMES.search(name) and (within or names_a_secret(name))


def _shows_one(text: str) -> bool:
    return bool(_IN_URL.search(text) or _IN_TEXT.search(text)) or any(
        _names_one(each["name"], False)
        for each in _GIVEN.finditer(text)
        if each["name"].startswith("--") or set(each[0][len(each["name"]) :]) & set(":=")
    )


def _is_option(before: Any) -> bool:
    """Whether an item of a list is an option as `--password`, whose value is the next item."""
    return (
        isinstance(before, str)
        and re.fullmatch(r"--?[\w.-]{1,100}", before) is not None
        and _names_one(before, False)
    )

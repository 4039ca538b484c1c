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
    r"|namespaces?|descriptions?|supported|limits?|endpoints?|from[_-]?Secrets?"
    r"|audience|count|size|seconds|minutes|days|timeout|retries|port|policy|version|key-?id|(?:password|token|user(?:name)?)-?key|existing\w*|rotation\w*"
    r"|pullSecrets?|(?:external|sealed)-?Secrets?|secret-?stores?\w*)$",
    re.IGNORECASE,
)
"""How a value ends its name that names a secret, and is none."""

_REFERRING: Final = re.compile(r"(?:external|env)-?Secrets?", re.IGNORECASE)
"""What goes by such a name says what secrets are called in a store, or in a Secret."""

_CALLED: Final = re.compile(r"(?![0-9a-f-]*[0-9a-f]{8}[0-9a-f-]*$)[a-z][a-z0-9]*(?:[-/._][a-z0-9]+)+")
"""How secrets are called there; UUIDs and the like are no names."""

_LISTING: Final = re.compile(
    r"(?:copy|create|import|mirror|mount|provision|reload|replicate|sync|watch)(?:[A-Z_-][\w-]*)?[Ss]ecrets"
)
"""What is done with Secrets lists what they are called."""

_LISTED: Final = re.compile(r"[a-z]{1,20}\d{0,2}(?:[-_.][a-z]{1,20}\d{0,2})*")
"""How they are called in such a list."""

_COUNTING: Final = re.compile(
    r"(?:max|min|num|total)\w*(?:tokens|secrets|credentials|passwords)", re.IGNORECASE
)
"""How a whole number goes by that counts them."""

_NO_CONTENT: Final = re.compile(
    r"true|false|yes|no|on|off|null|none|required?|optional|exempt|enabled?|disabled?"
    r"|(?:allow|deny|ignore|require|skip)(?:_[a-z]{2,20}){1,4}"
    r"|(?:/[a-z0-9._-]+){1,8}\.(?:conf|crt|json|key|p8|p12|pem|toml|txt|ya?ml)"
    r"|/(?:etc|home|mnt|opt|root|run|srv|tmp|usr|var)(?:/[\w.-]+)+"
    r"|\$\{\w+\}|\$\(\w+\)|\$(?=\w*(?:key|passw|pwd|secret|token))[a-z]+(?:_[a-z]+)+"
    r"|\$[a-z]+(?:-[a-z]+)+:[A-Za-z]+(?:[._-][A-Za-z]+)*"
    r"|arn:aws[\w-]*:(?:secretsmanager|ssm):[\w-]*:\d*:(?:secret:|parameter/)[\w/.-]+"
    r"|(?:op|ref\+[a-z]+)://[\w/.-]+(?:#[\w/.-]+)?|vault:[\w/.-]+#[\w.-]+"
)
"""A flag, the path of a file, or a reference to what is kept elsewhere: no secret, whatever it goes by."""

_TEMPLATE: Final = re.compile(r"(?:\{\{[^{}]*\}\}[/:@._-]?)+")
_NAMED: Final = re.compile(
    r"\b(?:env|include|secret)\s+\"[^\"]*\"|\b(?:get|index)\s+[.$][\w.$]*(?:\s+\"[^\"]*\")+|\"\""
)
"""What a template reads by its name; any other text in it may be a secret itself."""

_TASK: Final = re.compile(r"[a-z_]*(?:token|secret|credential)s(?::[a-z]+(?:_[a-z]+)+)+")
"""A task of rake, in the namespace of what it is done with."""

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
_REST: Final = re.compile(r"[ \t]*(?:\n|$)|[ \t]+[#&|;>-]")
"""What may stand behind a value in a line: nothing, a comment, or more of a command."""

_GIVEN: Final = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{1,100})[\"']?(?:[ \t]*[:=][ \t]*|(?<=[\w])(?<!:)[ \t]+)"
    r"[\"']?(?=(?P<value>(?:\{\{[^{}]{0,200}\}\}|\{(?!\{)|[^\s\"'{]){1,200}|\{))[^\s\"']"
)
"""A name and what is given by it within a text: `password: x`, `PASSWORD=x`, `--password x`."""


def without_secrets(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[FieldPath, ...]]:
    """`values` with `CUT` in place of each secret, and where these stood.

    A secret is a text or a number below a name that says so (`password`, `token`, and the like, but not
    `secretName` or `tokenTTL`), however deep, the `value` beside such a `name` or `key`, a text that gives
    one by such a name, credentials in a URL, and keys and tokens known by their looks wherever they stand.
    Below `externalSecrets` and `envSecrets` what looks like a name in a store, as `shop/jwt-keys`, is one,
    and so is a `secretKey` beside a `secretName`, and what `provisionSecrets` and the like list. A flag
    (`required`), a count (`maxTokens`), the path of a file below `/etc` and the like, and what refers to
    elsewhere (`${PASSWORD}`, `{{ .Values.password }}`, an ARN) is none either, as long as it is all there is.
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
    if isinstance(value, str) and (
        _is_no_content(value) or (_is_name(value, path) and not _shows_one(value))
    ):
        return value
    if isinstance(value, int) and path and _COUNTING.fullmatch(str(path[-1])):
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


def _is_name(text: str, path: FieldPath) -> bool:
    """Whether `text` at `path` says what a secret is called."""
    above = [step for step in path[:-1] if isinstance(step, str)]
    if any(map(_REFERRING.fullmatch, above)):
        return _CALLED.fullmatch(text) is not None
    listing = next((number for number, step in enumerate(above, 1) if _LISTING.fullmatch(step)), None)
    return (
        listing is not None
        and isinstance(path[-1], int)
        and not any(names_a_secret(step) for step in above[listing:])
        and _LISTED.fullmatch(text) is not None
    )


def _is_no_content(text: str) -> bool:
    if _TEMPLATE.fullmatch(text):
        return not set("\"'`") & set(_NAMED.sub("", text))
    return _NO_CONTENT.fullmatch(text) is not None


def _names_one(name: str, within: bool) -> bool:
    """Whether what goes by `name` is a secret, `within` something that is or not."""
    return not _NAMES.search(name) and (within or names_a_secret(name))


def _shows_one(text: str) -> bool:
    if _IN_URL.search(text) or _IN_TEXT.search(text):
        return True
    return not _TASK.fullmatch(text) and any(map(_gives_one, _GIVEN.finditer(text)))


def _gives_one(given: re.Match[str]) -> bool:
    by = given[0][len(given["name"]) :][:-1]
    is_given = given["name"].startswith("--") or bool(set(by) & set(":="))
    return is_given and _names_one(given["name"], False) and not _gives_no_content(given, by)


def _gives_no_content(given: re.Match[str], by: str) -> bool:
    said, rest = given["value"], given.string[given.end("value") :]
    is_all = rest.startswith(by[-1]) if by.endswith(("'", '"')) else _REST.match(rest) is not None
    return is_all and (_is_no_content(said) or _is_no_content(said.rstrip(",;)]}")))


def _is_option(before: Any) -> bool:
    """Whether an item of a list is an option as `--password`, whose value is the next item."""
    return (
        isinstance(before, str)
        and re.fullmatch(r"--?[\w.-]{1,100}", before) is not None
        and _names_one(before, False)
    )

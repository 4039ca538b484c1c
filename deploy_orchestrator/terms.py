"""The words of the field, each once: what a name, an address, a time or an amount may be, and what it means.

Types are for models of what people or other programs wrote, and say what they expected.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

MAX_EMAIL: Final = 200

HELM_HOOK_EVENTS: Final = frozenset(
    [
        "pre-install",
        "post-install",
        "pre-delete",
        "post-delete",
        "pre-upgrade",
        "post-upgrade",
        "pre-rollback",
        "post-rollback",
        "test",
        "test-success",
    ]
)
"""Every event that Helm knows: `release.HookEvent` in its source, and `test-success`, which it reads as
`test`.
"""

SENSITIVE: Final = (
    r"(?:passw|passphrase|secret|token|credential|authorization|pwd|jwt|docker-?config-?json|dockercfg"
    r"|(?-i:(?<![A-Za-z])pass(?![a-z])|Pass(?![a-z])|(?<![A-Z])PASS(?![A-Za-z]))"
    r"|(?:api|private|access|signing|encryption|session|master|account|storage|ssh|deploy|hmac|tls)[._-]?key"
    r"|dsn(?![a-z0-9]))"
)
"""What a name has in it, in either case, whose value is nobody's business: a regular expression."""

FieldPath = tuple[str | int, ...]
"""Where a value stands in a document: the keys and the positions in lists that lead to it."""

KeyPath = tuple[str, ...]
"""Where a value stands among Helm's values, in which a list is one value: the keys that lead to it."""

DECIDED: Final[Mapping[str, str]] = {
    "approve": "approved",
    "reject": "rejected",
    "break-glass": "glass broken",
    "pause": "paused",
    "resume": "resumed",
}
"""What has been done by whoever decided so."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""What this machine is called on itself."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_EMAIL = re.compile(
    r"[A-Za-z0-9_+%&'=^~$-][A-Za-z0-9_+%&'=^~$#.-]*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?", re.ASCII
)
_UNITS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_SECRET = re.compile(SENSITIVE, re.IGNORECASE)


class Verdict(StrEnum):
    """What the risk rules make of a change, mildest first."""

    SAFE = "safe"
    NEEDS_APPROVAL = "needs-approval"
    BLOCKED = "blocked"

    @classmethod
    def worst(cls, verdicts: "Iterable[Verdict]") -> "Verdict":
        """The gravest of `verdicts`; safe where there are none."""
        order = list(cls)
        return max(verdicts, key=order.index, default=cls.SAFE)


def is_label(text: str) -> bool:
    """Whether `text` may name a namespace, an environment or a tenant (RFC 1123 label)."""
    return _LABEL.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether `text` is `sha256:` and 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def is_commit_id(text: str) -> bool:
    """Whether `text` is the whole id of a Git object, SHA-1 or SHA-256."""
    return _COMMIT_ID.fullmatch(text) is not None


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way reads or alters what is asked there: https, or http on this machine, without
    a query and a fragment.
    """
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return bool(safe and parts.hostname and not parts.query and not parts.fragment)


def may_speak_for(domains: Collection[str], email: str) -> bool:
    """Whether an issuer with these `domains` may say whose an address is: one of them has it; none: any."""
    return not domains or email.rpartition("@")[2].lower() in {each.lower() for each in domains}


def names_a_secret(name: str) -> bool:
    """Whether the value that goes by `name` is to be hidden."""
    return _SECRET.search(name) is not None


def quantity(value: Any) -> Decimal | None:
    """The number that a quantity means, None for what is none, as `k8s.io/apimachinery` reads it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, exponent, unit = found.groups()
    return Decimal(f"{number}{exponent or ''}") * (_UNITS[unit] if unit else 1)


def checked_label(text: str) -> str:
    """`text` where it is a label; raises ValueError where it is none."""
    if not is_label(text):
        raise ValueError("expected a DNS label: lower-case letters, digits and '-' inside, at most 63")
    return text


def _email(text: str) -> str:
    if len(text) > MAX_EMAIL or not _EMAIL.fullmatch(text):
        raise ValueError(
            "expected an e-mail address such as ann@example.com, of ASCII letters, digits and "
            f"any of . _ + % & ' = ^ ~ $ # - before the @, at most {MAX_EMAIL} characters"
        )
    return text.lower()


def _digest(text: str) -> str:
    if not is_digest(text):
        raise ValueError("expected sha256: and 64 hexadecimal digits")
    return text


def _commit_id(text: str) -> str:
    if not is_commit_id(text):
        raise ValueError("expected the whole id of a commit, 40 or 64 hexadecimal digits")
    return text


def _quantity(value: Any) -> str:
    number = quantity(value)
    if number is None or number.is_signed():
        raise ValueError("expected a Kubernetes quantity such as 500m, 4 or 8Gi")
    return str(value)


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(time, datetime) and time.tzinfo:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected a time with its time zone, such as 2026-12-20T00:00:00+01:00")


def as_pattern(pattern: str) -> WithJsonSchema:
    """The JSON schema of a text that `pattern` matches as a whole."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Label = Annotated[str, AfterValidator(checked_label), as_pattern(_LABEL.pattern)]
"""A DNS label, as environments, tenants, namespaces and rules are named."""

Email = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "pattern": f"^{_EMAIL.pattern}$", "maxLength": MAX_EMAIL}),
]
"""An e-mail address in lower case: people are the same whatever the case they are written in.

It names a file, and a principal in OpenSSH's allowed_signers. So of what RFC 5321 lets stand before the @
it leaves out what has a meaning in a path, a pattern or a list there (`/ * ? ! ,`), quotes and brackets.
"""

Digest = Annotated[str, AfterValidator(_digest), as_pattern(_DIGEST.pattern)]
CommitId = Annotated[str, AfterValidator(_commit_id), as_pattern(_COMMIT_ID.pattern)]
Text = Annotated[str, StringConstraints(max_length=2000)]
"""What somebody said, within bounds."""

Time = Annotated[datetime, BeforeValidator(_time)]
"""A moment, in UTC."""

Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\+?(?:\d+(?:\.\d*)?|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][-+]?\d{1,3})?$",
            "minimum": 0,
        }
    ),
]
"""An amount as Kubernetes writes it, not below nothing."""

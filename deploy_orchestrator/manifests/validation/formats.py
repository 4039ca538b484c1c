"""What names, labels, ports and addresses may look like.

After `k8s.io/apimachinery/pkg/util/validation` and `pkg/api/validate/content`.
"""

import base64
import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from deploy_orchestrator.manifests.validation.shapes import Says
from deploy_orchestrator.terms import quantity

MAX_INT32: Final = 2**31 - 1
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_UNDERSCORED: Final = r"_?[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?"
_DNS_LABEL: Final = re.compile(_LABEL)
_DNS_1035: Final = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_UNDERSCORED_SUBDOMAIN: Final = re.compile(rf"{_UNDERSCORED}(?:\.{_UNDERSCORED})*")
_QUALIFIED: Final = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_HEADER: Final = re.compile(r"[-A-Za-z0-9]+")
_PORT_NAME: Final = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_PERCENT: Final = re.compile(r"[0-9]+%")
_HTTP_PATH: Final = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
_TIME: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_SYSCTL_PART: Final = r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = re.compile(rf"{_SYSCTL_PART}(?:[./]{_SYSCTL_PART})*")
_MAX_SYSCTL: Final = 253
_MAX_LABEL: Final = 63
_MAX_SUBDOMAIN: Final = 253
_MAX_PORT_NAME: Final = 15
_KEPT: Final = 4096
"""Labels of which the answer is kept: the objects of a tenant, and those of many, have the same ones."""


def _shaped(pattern: re.Pattern[str], longest: int, what: str) -> Says:
    def says(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        if len(value.encode()) > longest:
            return f"must be no more than {longest} characters"
        return None if pattern.fullmatch(value) else f"must be {what}"

    return says


dns_label: Final = _shaped(
    _DNS_LABEL, _MAX_LABEL, "lower-case letters, digits and '-', with a letter or digit at both ends"
)
dns_1035_label: Final = _shaped(
    _DNS_1035, _MAX_LABEL, "lower-case letters, digits and '-', from a letter to a letter or digit"
)
dns_subdomain: Final = _shaped(
    _SUBDOMAIN, _MAX_SUBDOMAIN, "lower-case letters, digits, '-' and '.', with a letter or digit at both ends"
)
underscored_subdomain: Final = _shaped(
    _UNDERSCORED_SUBDOMAIN, _MAX_SUBDOMAIN, "lower-case letters, digits, '-', '_' and '.'"
)
header_name: Final = _shaped(_HEADER, 2**20, "letters, digits and '-'")
sysctl_name: Final = _shaped(_SYSCTL, _MAX_SYSCTL, "a sysctl's name")
_key: Final = _shaped(_CONFIG_KEY, _MAX_SUBDOMAIN, "letters, digits, '-', '_' and '.'")


def port_name(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if len(value) > _MAX_PORT_NAME:
        return f"must be no more than {_MAX_PORT_NAME} characters"
    if not _PORT_NAME.fullmatch(value) or not re.search("[a-z]", value):
        return "must be lower-case letters, digits and single '-', with at least one letter"
    return None


def config_key(value: Any) -> str | None:
    """The key of a ConfigMap or Secret, which becomes the name of a file."""
    return "must not start with '..', nor be '.'" if value == "." or value.startswith("..") else _key(value)


def label_key(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return _kept_label_key(value) if len(value) <= _MAX_SUBDOMAIN else _label_key(value)


def _label_key(value: str) -> str | None:
    prefix, slash, name = value.rpartition("/")
    if slash and (not prefix or dns_subdomain(prefix)):
        return "must have a DNS name before its '/'"
    if not name or len(name) > _MAX_LABEL:
        return f"must have a name of 1 to {_MAX_LABEL} characters"
    return None if _QUALIFIED.fullmatch(name) else "must be letters, digits, '-', '_' and '.'"


_kept_label_key: Final = lru_cache(maxsize=_KEPT)(_label_key)


def annotation_key(value: Any) -> str | None:
    return label_key(value.lower())


def label_value(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    if len(value) > _MAX_LABEL or len(value.encode()) > _MAX_LABEL:
        return f"must be no more than {_MAX_LABEL} characters"
    return _label_value(value)


@lru_cache(maxsize=_KEPT)
def _label_value(value: str) -> str | None:
    if _QUALIFIED.fullmatch(value):
        return None
    return "must be letters, digits, '-', '_' and '.', with a letter or digit at both ends"


def path_segment(value: Any) -> str | None:
    return "must not be '.' or '..', nor have '/' or '%' in it" if _breaks_path(value) else None


def _breaks_path(value: Any) -> bool:
    return isinstance(value, str) and (value in {".", ".."} or "/" in value or "%" in value)


def domain_prefixed_path(value: Any) -> str | None:
    host, _, path = value.partition("/")
    if not host or not path or dns_subdomain(host) or not _HTTP_PATH.fullmatch(path):
        return "must be a DNS name, '/' and a path, as example.com/name"
    return None


def domain(value: Any) -> str | None:
    if said := dns_subdomain(value):
        return said
    return None if "." in value else "must be a domain with a dot in it"


def url_path(value: Any) -> str | None:
    steps = value.strip("/").split("/")
    if not value.startswith("/") or any(dns_subdomain(step) for step in steps if value != "/"):
        return "must be / and names with / between"
    return None


def api_version(value: Any) -> str | None:
    group, slash, version = value.partition("/")
    return None if slash and group and version and "/" not in version else "must be a group, / and a version"


def environment_name(value: Any) -> str | None:
    """What an environment variable may be called since Kubernetes 1.30."""
    if all(" " <= letter <= "~" and letter != "=" for letter in value):
        return None
    return "must be printable ASCII characters without '='"


def within(least: int, most: int | None = None) -> Says:
    """A number from `least` to `most`, both allowed."""

    def says(value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        if value < least or (most is not None and value > most):
            return f"must be at least {least}" if most is None else f"must be {least} to {most}"
        return None

    return says


nonnegative: Final = within(0)
positive: Final = within(1)
port_number: Final = within(1, 65535)
identity_number: Final = within(0, MAX_INT32)
file_mode: Final = within(0, 0o777)


def port_number_or_name(value: Any) -> str | None:
    return port_name(value) if isinstance(value, str) else port_number(value)


def amount_or_percent(value: Any) -> str | None:
    """A whole number, or a text such as `25%`."""
    if isinstance(value, str):
        return None if _PERCENT.fullmatch(value) else "must be a number or a percentage such as 25%"
    return nonnegative(value)


def at_most_all(value: Any) -> str | None:
    """As `amount_or_percent`, and no more than `100%`."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        return "must be no more than 100%"
    return amount_or_percent(value)


def amount(value: Any) -> str | None:
    """A quantity such as `500m`, as a text or a number."""
    return None if quantity(value) is not None else "must be an amount such as 500m or 2Gi"


def time(value: Any) -> str | None:
    return None if _TIME.fullmatch(value) else "must be a time such as 2030-01-31T12:00:00Z"


def is_none_at_all(value: Any) -> bool:
    """Whether an amount or percentage is zero."""
    return value == 0 or (isinstance(value, str) and bool(re.fullmatch("0+%", value)))


def one_of(*values: str) -> Says:
    known = frozenset(values)
    return lambda value: None if value in known else f"must be {' or '.join(sorted(known))}"


def ip_address(value: Any) -> str | None:
    return None if _parsed(ipaddress.ip_address, _without_leading_zeros(value)) else "must be an IP address"


def cidr(value: Any) -> str | None:
    found = _parsed(
        lambda text: ipaddress.ip_network(text, strict=False), _without_leading_zeros(value.strip())
    )
    return None if found and "/" in value and "%" not in value else "must be a range such as 10.0.0.0/8"


def network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The range that a CIDR means; None where it is none."""
    if not isinstance(value, str) or cidr(value):
        return None
    return ipaddress.ip_network(_without_leading_zeros(value.strip()), strict=False)


def _without_leading_zeros(value: str) -> str:
    return re.sub(r"(?<![0-9A-Fa-f:])0+(?=[0-9])", "", value) if "." in value else value


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None


def decoded(value: Any) -> bytes | None:
    """The bytes of base64 as Go reads it; None where it is none."""
    try:
        return base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except ValueError:
        return None


def base64_text(value: Any) -> str | None:
    return "must be base64" if isinstance(value, str) and decoded(value) is None else None


def without_steps_back(value: Any) -> str | None:
    return "must not have '..' in it" if ".." in value.split("/") else None


def relative_path(value: Any) -> str | None:
    return "must be a relative path" if value.startswith("/") else without_steps_back(value)


def file_in_volume(value: Any) -> str | None:
    return relative_path(value) or ("must not start with '..'" if value.startswith("..") else None)

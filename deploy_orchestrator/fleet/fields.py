"""The types of the fields that people write; each says what it expected."""

import importlib.util
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from deploy_orchestrator.documents import HIDDEN

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"\+?(?:\d+(?:\.\d*)?|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][-+]?\d{1,3})?", re.ASCII)
_SHARE = re.compile(r"(?:100|[1-9]?\d)%", re.ASCII)
_EMAIL = re.compile(r'[^\s@,"*?!]+@[^\s@,"*?!]+')
_CHART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CLUSTER_KIND = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Z][A-Za-z0-9]*")
_PRINTABLE = re.compile(r"[!-~]+")
_SCHEMES = ("http", "https", "oci", "file")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if found is None:
        raise ValueError("expected a duration such as 30s, 10m, 1h30m or 7d")
    days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(time, datetime) and time.tzinfo:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected a time with its time zone, such as 2026-12-20T00:00:00+01:00")


def is_label(text: str) -> bool:
    """Whether `text` may name a namespace or any other Kubernetes object (RFC 1123 label)."""
    return len(text) <= 63 and bool(_LABEL.fullmatch(text))


def _label(text: str) -> str:
    if not is_label(text):
        raise ValueError("expected a DNS label: lower-case letters, digits and '-' inside, at most 63")
    return text


def _environment_name(name: str) -> str:
    if name.startswith("tenant-"):
        raise ValueError("expected another name: values-tenant-….yaml are the values of a tenant")
    return name


def _namespace(template: str) -> str:
    if "{tenant}" not in template:
        raise ValueError("expected {tenant} in it, so that each tenant has its own")
    _label(template.replace("{tenant}", "t").replace("{environment}", "e"))
    return template


def _quantity(value: Any) -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise ValueError("expected a Kubernetes quantity such as 500m, 4 or 8Gi")
    return text


def _share(value: Any) -> int:
    if not isinstance(value, str) or not _SHARE.fullmatch(value):
        raise ValueError("expected a share from 0% to 100%")
    return int(value[:-1])


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("expected an e-mail address")
    return text


def _chart_name(name: str) -> str:
    if len(name) > 250 or not _CHART_NAME.fullmatch(name):
        raise ValueError("expected the name of a chart")
    return name


def _cluster_kind(kind: str) -> str:
    if not _CLUSTER_KIND.fullmatch(kind):
        raise ValueError("expected a kind with its API group, such as rbac.authorization.k8s.io/ClusterRole")
    return kind


def _repository_url(url: str) -> str:
    parts = _url(url, _SCHEMES)
    is_local = parts.scheme == "file"
    if not (parts.path.startswith("/") and not parts.netloc if is_local else parts.hostname):
        raise ValueError("expected a host in the URL, or an absolute path in one that begins with file://")
    return url


def _server_url(url: str) -> str:
    if not _url(url, ("https", "http")).hostname:
        raise ValueError("expected the URL of an API server, such as https://kubernetes.default.svc")
    return url


def _web_url(url: str) -> str:
    if not _url(url, ("https", "http")).hostname:
        raise ValueError("expected the URL of web pages, such as https://argocd.example.com")
    return url.rstrip("/")


def _url(url: str, schemes: Sequence[str]) -> SplitResult:
    parts = urlsplit(url)
    if not _PRINTABLE.fullmatch(url) or parts.scheme not in schemes or parts.port == 0:
        raise ValueError(f"expected a URL that begins with {' or '.join(f'{each}://' for each in schemes)}")
    if "@" in parts.netloc:
        raise PydanticCustomError(
            HIDDEN, "expected no credentials in the URL; they belong into Helm's or Docker's own settings"
        )
    return parts


def _kubernetes(version: str) -> str:
    known = kubernetes_versions()
    if version not in known:
        raise ValueError(f"expected a minor version of Kubernetes from {known[0]} to {known[-1]}")
    return version


@cache
def kubernetes_versions() -> tuple[str, ...]:
    """The minor versions of Kubernetes whose schemas are at hand, oldest first."""
    package = importlib.util.find_spec("kubernetes_validate")
    folders = package.submodule_search_locations if package else None
    schemas = Path(folders[0]).glob("kubernetes-json-schema/v*-local") if folders else ()
    versions = {tuple(map(int, schema.name[1:].split(".")[:2])) for schema in schemas}
    return tuple(f"{major}.{minor}" for major, minor in sorted(versions))


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Label = Annotated[str, AfterValidator(_label), _text(_LABEL.pattern)]
EnvironmentName = Annotated[Label, AfterValidator(_environment_name)]
NamespaceTemplate = Annotated[str, AfterValidator(_namespace)]
ChartName = Annotated[str, AfterValidator(_chart_name), _text(_CHART_NAME.pattern)]
ClusterKind = Annotated[str, AfterValidator(_cluster_kind), _text(_CLUSTER_KIND.pattern)]
Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
Email = Annotated[str, AfterValidator(_email), _text(_EMAIL.pattern)]
RepositoryUrl = Annotated[str, AfterValidator(_repository_url), _text(f"(?:{'|'.join(_SCHEMES)})://.+")]
ServerUrl = Annotated[str, AfterValidator(_server_url), _text("https?://.+")]
WebUrl = Annotated[str, AfterValidator(_web_url), _text("https?://.+")]
KubernetesVersion = Annotated[str, AfterValidator(_kubernetes), _text(r"\d+\.\d+")]
Duration = Annotated[timedelta, BeforeValidator(_duration), _text(rf"(?=\d){_DURATION.pattern}")]
Share = Annotated[int, BeforeValidator(_share), _text(_SHARE.pattern)]
Time = Annotated[datetime, BeforeValidator(_time)]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    WithJsonSchema({"type": ["string", "number"], "pattern": f"^{_QUANTITY.pattern}$", "minimum": 0}),
]

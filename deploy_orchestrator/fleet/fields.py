"""The types of the fields that people write; each says what it expected."""

import importlib.util
import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from deploy_orchestrator.charts import Constraint, ConstraintError
from deploy_orchestrator.documents import HIDDEN
from deploy_orchestrator.terms import Label, as_pattern, checked_label, is_safe_url

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)
_SHARE = re.compile(r"(?:100|[1-9]?\d)%", re.ASCII)
_CHART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CLUSTER_KIND = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Z][A-Za-z0-9]*")
_HOST = re.compile(
    r"(?:(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.ASCII
)
_PLATFORM = re.compile(r"[a-z0-9]{1,32}/[a-z0-9]{1,32}(?:/[a-z0-9.]{1,32})?", re.ASCII)
_IMAGE_PATH = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*", re.ASCII)
_FIELD_STEPS = r'(?:\.?[A-Za-z0-9_$-]+|\["[^"\]\s]+"\]|\[[^"\[\]\s]+\])'
_STEP = re.compile(
    r"""\.?(?P<name>[A-Za-z0-9_$-]+)|\["(?P<quoted>[^"\]\s]+)"\]|(?P<item>\[[^"\[\]\s]+\])""", re.ASCII
)
_RELEASE = re.compile(r"(?=.{1,53}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUES_PATH = re.compile(
    r"(?:\{chart\}/)?(?:[A-Za-z0-9_{}+ -][A-Za-z0-9_.{}+ -]*/)*[A-Za-z0-9_.{}+ -]+\.(?:ya?ml|json)"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PRINTABLE = re.compile(r"[!-~]+")
_PLACEHOLDERS = ("chart", "cluster", "environment", "release", "tenant")
_SCHEMES = ("http", "https", "oci", "file")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if found is None:
        raise ValueError("expected a duration such as 30s, 10m, 1h30m or 7d")
    days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _as_text(duration: timedelta) -> str:
    left, said = int(duration.total_seconds()), ""
    for unit, seconds, most in (("d", 86400, 9999), ("h", 3600, 99999), ("m", 60, 999999)):
        amount = min(left // seconds, most)
        left -= amount * seconds
        said += f"{amount}{unit}" if amount else ""
    return f"{said}{left}s" if left or not said else said


def _environment_name(name: str) -> str:
    if name.startswith("tenant-"):
        raise ValueError("expected another name: values-tenant-….yaml are the values of a tenant")
    return name


def _namespace(template: str) -> str:
    if "{tenant}" not in template:
        raise ValueError("expected {tenant} in it, so that each tenant has its own")
    checked_label(template.replace("{tenant}", "t").replace("{environment}", "e"))
    return template


def _namespace_name(template: str) -> str:
    checked_label(template.replace("{tenant}", "t").replace("{environment}", "e"))
    return template


def _release_name(name: str) -> str:
    if not _RELEASE.fullmatch(name):
        raise ValueError("expected the name of a Helm release: lower-case, at most 53 characters")
    return name


def _values_path(path: str) -> str:
    if not _VALUES_PATH.fullmatch(path):
        raise ValueError(
            "expected the path of a YAML file from the root of the fleet, such as shared/base.yaml"
        )
    for each in _PLACEHOLDER.findall(path):
        if each not in _PLACEHOLDERS:
            raise ValueError(f"expected {', '.join(f'{{{name}}}' for name in _PLACEHOLDERS)} in braces only")
    if set("{}") & set(_PLACEHOLDER.sub("", path)) or "{chart}" in path.removeprefix("{chart}/"):
        raise ValueError("expected braces around a whole word, and {chart}/ at the beginning only")
    return path


def _fleet_path(path: str) -> str:
    if set("{}") & set(path):
        raise ValueError("expected the path of a file, without braces")
    return _values_path(path)


def _constraint(text: str) -> str:
    try:
        Constraint.parse(text)
    except ConstraintError as error:
        raise ValueError(f"expected a version constraint: {error.what}") from error
    return text


def _share(value: Any) -> int:
    if not isinstance(value, str) or not _SHARE.fullmatch(value):
        raise ValueError("expected a share from 0% to 100%")
    return int(value[:-1])


def _chart_name(name: str) -> str:
    if len(name) > 250 or not _CHART_NAME.fullmatch(name):
        raise ValueError("expected the name of a chart")
    return name


def is_cluster_kind(kind: str) -> bool:
    """Whether fleet.yaml can name a kind so, with its API group."""
    return _CLUSTER_KIND.fullmatch(kind) is not None


def _cluster_kind(kind: str) -> str:
    if not is_cluster_kind(kind):
        raise ValueError("expected a kind with its API group, such as rbac.authorization.k8s.io/ClusterRole")
    return kind


def _platform(text: str) -> str:
    if not _PLATFORM.fullmatch(text):
        raise ValueError("expected a platform such as linux/amd64 or linux/arm64/v8")
    return text


def is_image_place(text: str) -> bool:
    """Whether `text` names a registry, or a part of one, such as `docker.io` or `ghcr.io/acme`."""
    host, slash, path = text.partition("/")
    is_host = (
        _HOST.fullmatch(host) is not None
        and not host.startswith("*")
        and ("." in host or ":" in host or host == "localhost")
    )
    return is_host and (not slash or _IMAGE_PATH.fullmatch(path) is not None)


def _image_place(text: str) -> str:
    if not is_image_place(text):
        raise ValueError("expected a registry, or a part of one, such as docker.io or ghcr.io/acme")
    return text


def _field_path(path: str) -> str:
    if len(steps_of(path)) < 2:
        raise ValueError('expected the path of a field, such as spec.replicas or metadata.annotations["a/b"]')
    return path


def _value_path(path: str) -> str:
    if not steps_of(path):
        raise ValueError("expected the path of a value, such as tag, image.tag or images[0].tag")
    return path


def steps_of(path: str) -> tuple[str, ...]:
    """The steps of a path as plans write it: names of fields, and `[identity]`, `[index]` or `[*]` of items;
    none where it is no such path.
    """
    found = list(_STEP.finditer(path))
    if "".join(each[0] for each in found) != path or path.startswith("."):
        return ()
    return tuple(each["name"] or each["quoted"] or each["item"] for each in found)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("expected a host such as charts.example.com, *.example.com or [::1]:5000")
    return text


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


def _issuer_url(url: str) -> str:
    _url(url, ("https", "http"))
    if not is_safe_url(url):
        raise ValueError("expected the URL of an issuer, such as https://login.example.com/realms/acme")
    return url


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


EnvironmentName = Annotated[Label, AfterValidator(_environment_name)]
NamespaceTemplate = Annotated[str, AfterValidator(_namespace)]
NamespaceName = Annotated[str, AfterValidator(_namespace_name)]
ReleaseName = Annotated[str, AfterValidator(_release_name), as_pattern(_RELEASE.pattern)]
ValuesPath = Annotated[str, AfterValidator(_values_path), as_pattern(_VALUES_PATH.pattern)]
FleetPath = Annotated[str, AfterValidator(_fleet_path), as_pattern(_VALUES_PATH.pattern)]
VersionConstraint = Annotated[str, AfterValidator(_constraint)]
ChartName = Annotated[str, AfterValidator(_chart_name), as_pattern(_CHART_NAME.pattern)]
ClusterKind = Annotated[str, AfterValidator(_cluster_kind), as_pattern(_CLUSTER_KIND.pattern)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
FieldPath = Annotated[str, AfterValidator(_field_path), as_pattern(f"{_FIELD_STEPS}{{2,}}")]
ValuePath = Annotated[str, AfterValidator(_value_path), as_pattern(f"{_FIELD_STEPS}+")]
Host = Annotated[str, AfterValidator(_host), as_pattern(_HOST.pattern)]
RepositoryUrl = Annotated[str, AfterValidator(_repository_url), as_pattern(f"(?:{'|'.join(_SCHEMES)})://.+")]
ServerUrl = Annotated[str, AfterValidator(_server_url), as_pattern("https?://.+")]
WebUrl = Annotated[str, AfterValidator(_web_url), as_pattern("https?://.+")]
IssuerUrl = Annotated[str, AfterValidator(_issuer_url), as_pattern("https?://.+")]
PlatformName = Annotated[str, AfterValidator(_platform), as_pattern(_PLATFORM.pattern)]
ImagePlace = Annotated[
    str, AfterValidator(_image_place), as_pattern(rf"{_HOST.pattern}(?:/{_IMAGE_PATH.pattern})?")
]
KubernetesVersion = Annotated[str, AfterValidator(_kubernetes), as_pattern(r"\d+\.\d+")]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    as_pattern(rf"(?=\d){_DURATION.pattern}"),
    PlainSerializer(_as_text, when_used="json"),
]
Share = Annotated[
    int,
    BeforeValidator(_share),
    as_pattern(_SHARE.pattern),
    PlainSerializer(lambda share: f"{share}%", when_used="json"),
]

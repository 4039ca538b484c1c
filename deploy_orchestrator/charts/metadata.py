"""`Chart.yaml`, `requirements.yaml` and their locks as data: https://helm.sh/docs/topics/charts/#the-chartyaml-file."""

import re
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.documents import DocumentError, parse
from deploy_orchestrator.errors import Place

MAX_NAME = 250

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ALIAS = re.compile(r"[A-Za-z0-9_-]+")


def _chart_name(name: str) -> str:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"expected a chart name of letters, digits, '-', '_' and '.', up to {MAX_NAME} long")
    return name


def _alias(alias: str) -> str:
    if alias and not _ALIAS.fullmatch(alias):
        raise ValueError("expected an alias of letters, digits, '-' and '_'")
    return alias


def _version(text: str) -> str:
    Version.parse(text)
    return text


def _printable(text: str) -> str:
    """As `sanitizeString` of Helm does it: any white space is a space."""
    text = "".join(" " if letter.isspace() else letter for letter in text)
    if not text.isprintable():
        raise ValueError("expected printable text")
    return text


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: field for key, field in cast(dict[Any, Any], value).items() if field is not None}


ChartName = Annotated[str, AfterValidator(_chart_name)]
Line = Annotated[str, AfterValidator(_printable)]


class _Lenient(BaseModel):
    """What Helm reads: unknown keys are ignored, null is absent, numbers become text."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        coerce_numbers_to_str=True,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
    )

    _drop_nulls = model_validator(mode="before")(_without_nulls)


class Dependency(_Lenient):
    """One entry of `dependencies`: a chart by name and version constraint, and when it is switched on."""

    name: ChartName
    version: Line = ""
    repository: Line = ""
    condition: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = False
    import_values: tuple[Any, ...] = Field(
        default=(), validation_alias="import-values", serialization_alias="import-values"
    )
    alias: Annotated[str, AfterValidator(_alias)] = ""

    @property
    def key(self) -> str:
        """The name that the chart goes by in its parent, and that its values stand under."""
        return self.alias or self.name


def _told_apart(dependencies: tuple[Dependency, ...]) -> tuple[Dependency, ...]:
    seen: set[str] = set()
    for dependency in dependencies:
        if dependency.key in seen:
            raise ValueError(f"two dependencies are called {dependency.key}; give one of them another alias")
        seen.add(dependency.key)
    return dependencies


Dependencies = Annotated[tuple[Dependency, ...], AfterValidator(_told_apart)]


class Maintainer(_Lenient):
    """Who keeps a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


class ChartMetadata(_Lenient):
    """A chart's `Chart.yaml`, with the `dependencies` of its `requirements.yaml` where it has one."""

    api_version: Literal["v1", "v2"] = Field("v1", alias="apiVersion")
    name: ChartName
    version: Annotated[str, AfterValidator(_version)]
    kube_version: str = Field("", alias="kubeVersion")
    description: str = ""
    type: Literal["application", "library", ""] = ""
    app_version: str = Field("", alias="appVersion")
    deprecated: bool = False
    home: str = ""
    sources: tuple[str, ...] = ()
    maintainers: tuple[Maintainer, ...] = ()
    annotations: dict[str, str] = Field(default_factory=dict[str, str])
    dependencies: Dependencies = ()

    @property
    def is_library(self) -> bool:
        return self.type == "library"


class LockedDependency(_Lenient):
    """The exact version of one dependency that a lock holds."""

    name: ChartName
    version: Line = ""
    repository: Line = ""


class Lock(_Lenient):
    """`Chart.lock` or `requirements.lock`."""

    dependencies: tuple[LockedDependency, ...] = ()
    digest: str = ""
    generated: str = ""


class Requirements(_Lenient):
    """`requirements.yaml`, where charts of API version v1 name their dependencies."""

    dependencies: Dependencies = ()


_Model = TypeVar("_Model", bound=_Lenient)


def read_metadata(data: bytes, file: str, model: type[_Model]) -> _Model:
    """A chart's YAML file as `model`; `file` is its name for messages.

    Raises:
        ChartInvalid: not YAML, out of bounds, or a field that does not fit, with its line.
    """
    try:
        document = parse(data, file)
        if not isinstance(document.value, dict):
            raise ChartInvalid("expected a mapping of fields", place=Place(file, 1))
        return document.into(model)
    except DocumentError as error:
        raise ChartInvalid(error.what, place=error.place, fix=error.fix) from error

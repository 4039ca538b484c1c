"""One version of a chart as its repository tells it, without its contents."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

import msgspec
import pydantic

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.metadata import Dependencies, Dependency
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.errors import Place

_dependencies = pydantic.TypeAdapter[tuple[Dependency, ...]](Dependencies)


def dependencies_as_json(dependencies: tuple[Dependency, ...]) -> bytes:
    """Dependencies in the form that a `PublishedChart` holds them in."""
    return _dependencies.dump_json(dependencies, by_alias=True)


class ChartIdentity(NamedTuple):
    """What makes two charts the same one: the repository and the name in it."""

    repository: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} of {self.repository}" if self.repository else self.name


class PublishedChart(msgspec.Struct, frozen=True):
    """A version of a chart in a repository.

    `created` is when it was published, `digest` the SHA-256 of its package in hex where the repository tells
    it, `urls` where that package is, relative to the index. `dependencies_json` is what it depends on, a JSON
    list, or None where the repository tells that only when asked for this version. `pins` are the keys of
    dependencies that are to have another version than it was published with.
    """

    repository: str
    name: str
    version: str
    created: datetime | None = None
    digest: str = ""
    urls: tuple[str, ...] = ()
    type: str = ""
    deprecated: bool = False
    app_version: str = ""
    dependencies_json: bytes | None = b"[]"
    pins: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> ChartIdentity:
        return ChartIdentity(self.repository, self.name)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it depends on.

        Raises:
            ChartInvalid: the repository tells something that is no list of dependencies.
        """
        try:
            return _dependencies.validate_json(self.dependencies_json or b"[]")
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise ChartInvalid(
                f"{first['msg'].removeprefix('Value error, ')} in its dependencies",
                place=Place(self.repository, field=str(self)),
            ) from error

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def is_legitimate(chart: PublishedChart) -> bool:
    """Whether Helm considers a version: one in an index must say where its package is."""
    return bool(chart.urls)


def exactly(published: Sequence[PublishedChart], version: str) -> PublishedChart | None:
    """The one among `published` that `version` means: spelled so, or else the first that is equal to it
    (`v1.0.0` is `1.0.0`), as `helm pull --version` takes it. Raises VersionError.
    """
    wanted = Version.parse(version)
    spelled = (one for one in published if one.version == version)
    equal = (one for one in published if Version.parse(one.version) == wanted)
    return next(chain(spelled, equal), None)

"""One version of a chart as its repository tells it, without its contents."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import pydantic

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.metadata import Dependencies, Dependency
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
    list, or None where the repository tells that only when asked for this version.
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

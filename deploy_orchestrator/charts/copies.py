"""Which of the charts that stand in `charts/` Helm takes for a dependency.

A chart there is taken for a dependency if its name is the one that is asked for and its version is allowed,
wherever it came from (`getAliasDependency` in `helm.sh/helm/v4/pkg/chart/v2/util`). One that no dependency
asks for is loaded all the same, under its own name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from deploy_orchestrator.charts.constraint import Constraint, ConstraintError
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.version import VersionError

Copy = TypeVar("Copy")


@dataclass(frozen=True, slots=True)
class Copies(Generic[Copy]):
    """What is loaded: the `unasked` as they are, and for each dependency every copy that it may get.

    Helm reads `charts/` in another order at each run, so that of several copies chance decides.
    """

    unasked: tuple[Copy, ...]
    asked: tuple[tuple[Dependency, tuple[Copy, ...]], ...]


def taken(
    copies: Sequence[Copy], dependencies: Iterable[Dependency], named: Callable[[Copy], tuple[str, str]]
) -> Copies[Copy]:
    """What Helm takes of `copies` for `dependencies`; `named` tells the name and version of a copy."""
    wanted = tuple(dependencies)
    return Copies(
        tuple(copy for copy in copies if not any(is_allowed(*named(copy), each) for each in wanted)),
        tuple((each, tuple(copy for copy in copies if is_allowed(*named(copy), each))) for each in wanted),
    )


def is_allowed(name: str, version: str, dependency: Dependency) -> bool:
    """Whether a chart of this name and version is taken for `dependency`."""
    try:
        return name == dependency.name and Constraint.parse(dependency.version).allows(version)
    except (ConstraintError, VersionError):
        return False

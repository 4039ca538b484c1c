"""Which file each value of a deployment comes from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from deploy_orchestrator.charts import load
from deploy_orchestrator.documents import parse
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.composition import ChartRelease, releases_of
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.terms import KeyPath


@dataclass(frozen=True, slots=True)
class Origin:
    """A value that a chart gets: its `key`, the `file` that says it, and those `over` which it wins.

    A list is one value, and so is an empty mapping. None takes away what stands in the files below.
    """

    key: KeyPath
    value: Any
    file: str
    over: tuple[str, ...] = ()


def origins(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> dict[str, tuple[Origin, ...]]:
    """Every value of each of the tenant's own releases by its name, in the order of their keys. Raises as
    `render`.
    """
    own = releases_of(deployment, fleet, workspace)[-len(deployment.releases) :]
    return {release.name: layered_origins(_layers(release)) for release in own}


def _layers(release: ChartRelease) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield f"{release.source}/values.yaml", load(release.chart.path).values
    for each in release.layers:
        yield each.path, parse(each.data, each.path).value or {}


def layered_origins(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Origin, ...]:
    """Every value of `layers`, each with its file, the later ones winning."""
    found: dict[KeyPath, Origin] = {}
    branches: set[KeyPath] = set()
    for file, values in layers:
        for key, value in _leaves(values, ()):
            above = [key[:end] for end in range(1, len(key) + 1) if key[:end] in found]
            below = [each for each in found if _is_below(each, key)] if key in branches else []
            if value == {} and below:
                continue
            covered = dict.fromkeys([*above, *below])
            over = dict.fromkeys(name for each in covered for name in (*found[each].over, found[each].file))
            for each in covered:
                del found[each]
            found[key] = Origin(key, value, file, tuple(each for each in over if each != file))
            branches |= {key[:end] for end in range(1, len(key))}
    return tuple(found[key] for key in sorted(found))


def _leaves(values: Mapping[str, Any], above: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(cast(Mapping[str, Any], value), (*above, key))
        else:
            yield (*above, key), value


def _is_below(key: KeyPath, other: KeyPath) -> bool:
    return len(key) > len(other) and key[: len(other)] == other

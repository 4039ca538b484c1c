"""Everything that a chart needs, looked up as Helm would: carried along, locked, or else published."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.conditions import enabled, switched
from deploy_orchestrator.charts.errors import ChartNotFound, DependencyCycle, UnsafeChart
from deploy_orchestrator.charts.graph.closure import Closure, Graph, Node, Unresolved
from deploy_orchestrator.charts.graph.contents import MAX_COPIES, composed, without
from deploy_orchestrator.charts.graph.lookup import Found, Step, root_of, steps
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.values import coalesce
from deploy_orchestrator.errors import Place
from deploy_orchestrator.registries import RepositoryError

MAX_NEEDS = 20_000
MAX_DEPTH = 100


def resolve(
    root: Chart | PublishedChart,
    repositories: Repositories,
    *,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
) -> Closure:
    """Everything that `root` needs.

    A dependency is the folder that `file://` names inside `within` (by default the folder around `root`),
    or the copy that its parent carries in `charts/`, or the version that the parent's lock holds, or else the
    highest published version that its constraint allows; with `as_of`, of those published by then. Contents
    of a published chart are not looked into: what it carries is looked up in its own repository. With
    `values` for the root, needs that they switch off are not `enabled`; without, all are.

    Raises:
        DependencyCycle: charts need each other in a circle.
        UnsafeChart: more than `MAX_NEEDS`, or deeper than `MAX_DEPTH`.
    """
    return Resolver(Catalog(repositories, as_of), within).closure(root, values)


@dataclass(slots=True)
class _Walk:
    graph: Graph
    unresolved: list[Unresolved] = field(default_factory=list[Unresolved])
    done: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])
    needs: int = 0


class Resolver:
    """Resolves any number of charts, looking into each one only once; otherwise as `resolve`."""

    def __init__(self, catalog: Catalog, within: Path | None = None) -> None:
        self.catalog = catalog
        self._within = within
        self._steps: dict[tuple[object, ...], tuple[Step, ...]] = {}

    def closure(self, root: Chart | PublishedChart, values: Mapping[str, Any] | None = None) -> Closure:
        """Everything that `root` needs. Raises as `resolve`."""
        import networkx

        top = root_of(root, self._within)
        walk = _Walk(networkx.MultiDiGraph())
        self._visit(top, walk, {})
        if values is not None:
            self._switch(top, walk.graph, values)
        published = self._published(walk.graph, walk.unresolved)
        return Closure((top.node,), walk.graph, tuple(walk.unresolved), published)

    def steps(self, found: Found) -> tuple[Step, ...]:
        """What `found` needs directly."""
        if found.key not in self._steps:
            self._steps[found.key] = tuple(steps(found, self.catalog))
        return self._steps[found.key]

    def _visit(self, found: Found, walk: _Walk, above: dict[Node, None]) -> None:
        place = Place(found.node.repository, field=str(found.node))
        if found.node in above:
            circle = [*above][[*above].index(found.node) :]
            raise DependencyCycle((*map(str, circle), str(found.node)), place=place)
        if found.key in walk.done:
            return
        walk.done.add(found.key)
        walk.graph.add_node(found.node, type=found.type, deprecated=found.deprecated)
        steps = self.steps(found)
        walk.needs += len(steps)
        if len(above) > MAX_DEPTH or walk.needs > MAX_NEEDS:
            raise UnsafeChart(
                f"more than {MAX_NEEDS:,} dependencies, or {MAX_DEPTH} levels of them", place=place
            )
        for step in steps:
            if isinstance(step.to, Unresolved):
                walk.unresolved.append(step.to)
                continue
            needed = step.dependency
            walk.graph.add_edge(
                found.node,
                step.to.node,
                needed.key,
                constraint=needed.version,
                condition=needed.condition,
                tags=needed.tags,
                alias=needed.alias,
                enabled=True,
            )
            self._visit(step.to, walk, {**above, found.node: None})

    def _switch(self, top: Found, graph: Graph, values: Mapping[str, Any]) -> None:
        chart = composed(top, self.steps, without)
        present = set(_paths(switched(chart, values))) if chart else set[tuple[str, ...]]()
        table = coalesce(chart, values) if chart else values
        on: set[tuple[Node, Node, str]] = set()
        copies = count(1)

        def visit(found: Found, path: tuple[str, ...]) -> None:
            if next(copies) > MAX_COPIES:
                raise UnsafeChart(f"more than {MAX_COPIES:,} charts in one", place=Place(str(found.node)))
            for step in self.steps(found):
                if isinstance(step.to, Unresolved):
                    continue
                below = (*path, step.dependency.key)
                prefix = "".join(f"{key}." for key in path)
                if below in present if step.to.contents else enabled(step.dependency, table, prefix):
                    on.add((found.node, step.to.node, step.dependency.key))
                    visit(step.to, below)

        visit(top, ())
        for parent, needed, key, data in graph.edges(keys=True, data=True):
            data["enabled"] = (parent, needed, key) in on

    def _published(self, graph: Graph, unresolved: list[Unresolved]) -> dict[ChartIdentity, tuple[str, ...]]:
        ways: defaultdict[ChartIdentity, set[tuple[str, str]]] = defaultdict(set)
        for _, needed, data in graph.edges(data=True):
            ways[needed.identity].add((data["constraint"], needed.version))
        for missing in unresolved:
            if missing.identity:
                ways[missing.identity].add((missing.dependency.version, ""))
        published: dict[ChartIdentity, tuple[str, ...]] = {}
        for identity, needs in ways.items():
            if len(needs) > 1:
                with suppress(ChartNotFound, RepositoryError):
                    published[identity] = tuple(one.version for one in self.catalog.versions(identity))
        return published


def _paths(chart: Chart, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for subchart in chart.subcharts:
        path = (*above, subchart.name)
        yield path
        yield from _paths(subchart, path)

"""Everything that a chart needs, looked up as Helm would: carried along, locked, or else published."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.errors import ChartNotFound, DependencyCycle, UnsafeChart
from deploy_orchestrator.charts.graph.closure import (
    Closure,
    Deviation,
    Difference,
    Graph,
    Known,
    Node,
    Unresolved,
    edge,
)
from deploy_orchestrator.charts.graph.collector import at_rest
from deploy_orchestrator.charts.graph.lookup import Found, Lookup, Needs, Step
from deploy_orchestrator.charts.graph.switches import switched_graph
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
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
    assembled: bool = False,
) -> Closure:
    """Everything that `root` needs, as Helm loads it.

    Helm looks up what a folder declares and its `charts/` lacks, and nothing else: the folder that `file://`
    names inside `within` (by default the folder around `root`), the version of the lock, or else the highest
    published version that the constraint allows; with `as_of`, of those published by then. A package brings
    what it carries, so it is read; where it is out of reach, what it carries is guessed from what was
    published before it. What stands in `charts/` is taken by name and version, and that may be something else
    than was meant: `deviations` tell.

    `assembled` is as the orchestrator renders a chart, as `assemble` puts it together. With `values` for the
    root, needs that they switch off are not `enabled`; without, all are. A chart whose own needs are switched
    in different ways in several places is a node for each way.

    Raises:
        DependencyCycle: charts need each other in a circle.
        UnsafeChart: more than `MAX_NEEDS`, or deeper than `MAX_DEPTH`.
    """
    return Resolver(Catalog(repositories, as_of), within, assembled=assembled).closure(root, values)


@dataclass(slots=True)
class _Walk:
    graph: Graph
    unresolved: list[Unresolved] = field(default_factory=list[Unresolved])
    deviations: list[Deviation] = field(default_factory=list[Deviation])
    done: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])
    needs: int = 0


class Resolver:
    """Resolves any number of charts, looking into each one only once; otherwise as `resolve`.

    With `guessing` no package is read, and what they carry is guessed.
    """

    def __init__(
        self, catalog: Catalog, within: Path | None = None, *, assembled: bool = False, guessing: bool = False
    ) -> None:
        self.catalog = catalog
        self._assembled = assembled
        self._within = within
        self._lookup = Lookup(catalog, assembled, guessing)
        self._needs: dict[tuple[object, ...], Needs] = {}

    def root(self, chart: Chart | PublishedChart) -> Found:
        """Where the graph of `chart` starts."""
        within = self._within
        if isinstance(chart, Chart) and chart.path is not None:
            within = (within or chart.path.parent).resolve()
        return self._lookup.root(chart, within)

    def guessing(self) -> "Resolver":
        """One that reads no package, and guesses what they carry."""
        return Resolver(self.catalog, self._within, guessing=True)

    @at_rest()
    def closure(self, root: Chart | PublishedChart, values: Mapping[str, Any] | None = None) -> Closure:
        """Everything that `root` needs. Raises as `resolve`."""
        top = self.root(root)
        walk = _Walk(Graph())
        self._visit(top, walk, {})
        graph = walk.graph
        if values is not None:
            graph, deviations = switched_graph(top, self.steps, walk.graph, values)
            walk.deviations += deviations
        if not self._assembled:
            walk.deviations += _mixed(graph)
        places = {node._replace(place=""): node for node in reversed([*graph])}
        unresolved = tuple(replace(each, parent=places[each.parent]) for each in walk.unresolved)
        published = self._published(graph, unresolved)
        return Closure((top.node,), graph, unresolved, published, tuple(walk.deviations))

    def steps(self, found: Found) -> tuple[Step, ...]:
        """What `found` needs directly."""
        return self._needs_of(found).steps

    def _needs_of(self, found: Found) -> Needs:
        if found.key not in self._needs:
            self._needs[found.key] = self._lookup.needs(found)
        return self._needs[found.key]

    def _visit(self, found: Found, walk: _Walk, above: dict[Node, None]) -> None:
        place = Place(found.node.repository, field=str(found.node))
        if found.node in above:
            circle = [*above][[*above].index(found.node) :]
            raise DependencyCycle((*map(str, circle), str(found.node)), place=place)
        if found.key in walk.done:
            return
        walk.done.add(found.key)
        walk.graph.add(found.node, found.about)
        needs = self._needs_of(found)
        walk.deviations += needs.deviations
        walk.needs += len(needs.steps)
        if len(above) > MAX_DEPTH or walk.needs > MAX_NEEDS:
            raise UnsafeChart(
                f"more than {MAX_NEEDS:,} dependencies, or {MAX_DEPTH} levels of them", place=place
            )
        for step in needs.steps:
            if isinstance(step.to, Unresolved):
                walk.unresolved.append(step.to)
                continue
            self._visit(step.to, walk, {**above, found.node: None})
            walk.graph.link(edge(found.node, step.to.node, step.dependency, step.known))

    def _published(
        self, graph: Graph, unresolved: Iterable[Unresolved]
    ) -> dict[ChartIdentity, tuple[str, ...]]:
        ways: defaultdict[ChartIdentity, set[tuple[str, str]]] = defaultdict(set)
        for need in graph.needs:
            ways[need.chart.identity].add((need.constraint, need.chart.version))
        for missing in unresolved:
            if missing.identity:
                ways[missing.identity].add((missing.dependency.version, ""))
        published: dict[ChartIdentity, tuple[str, ...]] = {}
        for identity, needs in ways.items():
            if len(needs) > 1:
                with suppress(ChartNotFound, RepositoryError):
                    published[identity] = tuple(one.version for one in self.catalog.versions(identity))
        return published


def _mixed(graph: Graph) -> Iterator[Deviation]:
    """Folders that Helm packs, as `file://` leads to them: several charts of one name in one get mixed up."""
    for need in graph.needs:
        if need.known is Known.FOLDER:
            for node, name, versions in _namesakes_below(graph, need.chart):
                either = " or ".join(sorted(versions))
                why = f"each build takes {name} {either} by chance, with files of all: {node} has several"
                yield Deviation(need.parent, need.key, Difference.BY_CHANCE, why)


def _namesakes_below(graph: Graph, top: Node) -> Iterator[tuple[Node, str, set[str]]]:
    reached, below = {top}, [top]
    while below:
        node = below.pop()
        by_name: defaultdict[str, set[Node]] = defaultdict(set)
        for chart in graph.below(node):
            by_name[chart.name].add(chart._replace(place=""))
            if chart not in reached:
                reached.add(chart)
                below.append(chart)
        for name, charts in by_name.items():
            if len(charts) > 1:
                yield node, name, {chart.version for chart in charts}

"""A graph under given values: what they switch off, and charts that they switch in more than one way."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from deploy_orchestrator.charts.conditions import enabled
from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.graph.closure import (
    Deviation,
    Difference,
    Graph,
    Known,
    Node,
    Unresolved,
    edge,
)
from deploy_orchestrator.charts.graph.contents import MAX_COPIES, composed, without
from deploy_orchestrator.charts.graph.lookup import Found, Step
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.processing import Processed, processed
from deploy_orchestrator.charts.values import coalesce
from deploy_orchestrator.errors import Place

Steps: TypeAlias = Callable[[Found], Iterable[Step]]
_Path: TypeAlias = tuple[str, ...]


class Switched(NamedTuple):
    """A graph under given values, and where Helm loads what they would leave out."""

    graph: Graph
    deviations: tuple[Deviation, ...]


def switched_graph(top: Found, steps: Steps, graph: Graph, values: Mapping[str, Any]) -> Switched:
    """`graph`, which starts at `top`, as `values` switch it: an edge for what is off stays, not `enabled`.

    Raises:
        UnsafeChart: more than `MAX_COPIES` charts are on.
        ChartInvalid: the values of a subchart are no mapping.
    """
    chart = composed(top, steps, without)
    loaded = processed(chart, values) if chart else None
    switches = _Switches(top, steps, graph, loaded, coalesce(chart, values) if chart else values)
    return Switched(switches.graph(), tuple(switches.deviations()))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A chart at one place that is on. Its `way` numbers how everything below it is switched.

    `forgotten` are the steps that Helm takes though what the chart declares has other ones.
    """

    found: Found
    path: _Path
    steps: tuple[tuple[Step, "_Placed | None"], ...]
    forgotten: tuple[Step, ...]
    way: int


class _Switches:
    def __init__(
        self, top: Found, steps: Steps, graph: Graph, loaded: Processed | None, values: Mapping[str, Any]
    ) -> None:
        self._steps, self._before, self._values = steps, graph, values
        self._copies = count(1)
        self._ways: dict[tuple[object, ...], int] = {}
        self._top = self._place(top, (), loaded)
        ways: defaultdict[Node, dict[int, _Path]] = defaultdict(dict)
        for placed in _all(self._top):
            ways[placed.found.node].setdefault(placed.way, placed.path)
        self._nodes = {
            (node, way): node._replace(place="/".join(path)) if len(several) > 1 else node
            for node, several in ways.items()
            for way, path in several.items()
        }
        self._first = {node: self._nodes[node, next(iter(several))] for node, several in ways.items()}

    def graph(self) -> Graph:
        graph = Graph()
        for placed in _all(self._top):
            self._add(graph, placed)
        self._add_what_is_off(graph)
        return graph

    def deviations(self) -> Iterator[Deviation]:
        told: set[tuple[Node, str]] = set()
        for placed in _all(self._top):
            node = self._nodes[placed.found.node, placed.way]
            for step in placed.forgotten:
                if (node, step.dependency.key) not in told:
                    told.add((node, step.dependency.key))
                    why = f"{_node(step)} is loaded at {'/'.join(placed.path)}, always: {_FORGOTTEN}"
                    yield Deviation(node, step.dependency.key, Difference.FORGOTTEN, why)

    def _place(self, found: Found, path: _Path, loaded: Processed | None) -> _Placed:
        if next(self._copies) > MAX_COPIES:
            raise UnsafeChart(f"more than {MAX_COPIES:,} charts in one", place=Place(str(found.node)))
        there = {(one.name, one.chart.digest): one for one in loaded.subcharts} if loaded else {}
        steps: list[tuple[Step, _Placed | None]] = []
        inside: dict[str, Found] = {}
        for step in self._steps(found):
            if isinstance(step.to, Unresolved):
                continue
            below, contents = (*path, step.dependency.key), step.to.contents
            if contents and loaded:
                inside[contents.digest] = step.to
                one = there.get((step.dependency.key, contents.digest))
                steps.append((step, self._place(step.to, below, one) if one else None))
            else:
                is_on = enabled(step.dependency, self._values, "".join(f"{key}." for key in path))
                steps.append((step, self._place(step.to, below, None) if is_on else None))
        declared = {step.dependency.key for step, one in steps if one}
        left = [one for one in there.values() if one.name not in declared]
        forgotten = tuple(_unasked(one, inside[one.chart.digest]) for one in left)
        for step, one in zip(forgotten, left, strict=True):
            steps.append((step, self._place(inside[one.chart.digest], (*path, one.name), one)))
        way = tuple((step.dependency.key, _node(step), below and below.way) for step, below in steps)
        return _Placed(found, path, tuple(steps), forgotten, self._ways.setdefault(way, len(self._ways)))

    def _add(self, graph: Graph, placed: _Placed) -> None:
        node = self._nodes[placed.found.node, placed.way]
        graph.add(node, self._before.about(placed.found.node))
        for step, below in placed.steps:
            there = self._nodes[below.found.node, below.way] if below else self._off(_node(step))
            graph.add(there, self._before.about(_node(step)))
            if below or graph.need(node, there, step.dependency.key) is None:
                graph.link(edge(node, there, step.dependency, step.known, is_on=below is not None))

    def _add_what_is_off(self, graph: Graph) -> None:
        for need in self._before.needs:
            if need.parent not in self._first:
                there = self._off(need.chart)
                graph.add(need.parent, self._before.about(need.parent))
                graph.add(there, self._before.about(need.chart))
                graph.link(replace(need, chart=there, enabled=False))

    def _off(self, node: Node) -> Node:
        return self._first.get(node, node)


_FORGOTTEN = (
    "what its parent declares counts under the first alias of the chart around that alone, and no longer here"
)


def _unasked(loaded: Processed, found: Found) -> Step:
    alias = loaded.name if loaded.name != loaded.chart.name else ""
    asked = Dependency(name=loaded.chart.name, version=loaded.chart.version, alias=alias)
    return Step(asked, found, Known.CARRIED)


def _node(step: Step) -> Node:
    return step.to.node if isinstance(step.to, Found) else step.to.parent


def _all(placed: _Placed) -> Iterator[_Placed]:
    yield placed
    for _, below in placed.steps:
        if below:
            yield from _all(below)

"""A graph under given values: what they switch off, and charts that they switch in more than one way."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from deploy_orchestrator.charts.conditions import enabled, switched
from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.graph.closure import Graph, Node, Unresolved
from deploy_orchestrator.charts.graph.contents import MAX_COPIES, composed, without
from deploy_orchestrator.charts.graph.lookup import Found, Step
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.values import coalesce
from deploy_orchestrator.errors import Place

Steps: TypeAlias = Callable[[Found], Iterable[Step]]
_Path: TypeAlias = tuple[str, ...]


def edge(step: Step, *, is_on: bool = True) -> dict[str, Any]:
    """The data of the edge that a step is in a graph."""
    needed = step.dependency
    return {
        "constraint": needed.version.strip(),
        "condition": needed.condition,
        "tags": needed.tags,
        "alias": needed.alias,
        "enabled": is_on,
        "known": step.known,
    }


def switched_graph(top: Found, steps: Steps, graph: Graph, values: Mapping[str, Any]) -> Graph:
    """`graph`, which starts at `top`, as `values` switch it: an edge for what is off stays, not `enabled`.

    Raises:
        UnsafeChart: more than `MAX_COPIES` charts are on.
        ChartInvalid: the values of a subchart are no mapping.
    """
    return _Switches(top, steps, graph, _is_on(top, steps, values)).graph()


@dataclass(frozen=True, slots=True)
class _Placed:
    """A chart at one place that is on. Its `way` numbers how everything below it is switched."""

    found: Found
    path: _Path
    steps: tuple[tuple[Step, "_Placed | None"], ...]
    way: int


_IsOn: TypeAlias = Callable[[Step, _Path], bool]


def _is_on(top: Found, steps: Steps, values: Mapping[str, Any]) -> _IsOn:
    chart = composed(top, steps, without)
    present = set(_paths(switched(chart, values))) if chart else set[_Path]()
    table = coalesce(chart, values) if chart else values

    def is_on(step: Step, path: _Path) -> bool:
        if isinstance(step.to, Found) and step.to.contents:
            return path in present
        return enabled(step.dependency, table, "".join(f"{key}." for key in path[:-1]))

    return is_on


class _Switches:
    def __init__(self, top: Found, steps: Steps, graph: Graph, is_on: _IsOn) -> None:
        self._steps, self._before, self._is_on = steps, graph, is_on
        self._copies = count(1)
        self._ways: dict[tuple[object, ...], int] = {}
        self._top = self._place(top, ())
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
        graph: Graph = self._before.__class__()
        for placed in _all(self._top):
            self._add(graph, placed)
        self._add_what_is_off(graph)
        return graph

    def _place(self, found: Found, path: _Path) -> _Placed:
        if next(self._copies) > MAX_COPIES:
            raise UnsafeChart(f"more than {MAX_COPIES:,} charts in one", place=Place(str(found.node)))
        steps: list[tuple[Step, _Placed | None]] = []
        for step in self._steps(found):
            if isinstance(step.to, Unresolved):
                continue
            below = (*path, step.dependency.key)
            steps.append((step, self._place(step.to, below) if self._is_on(step, below) else None))
        way = tuple((step.dependency.key, _node(step), below and below.way) for step, below in steps)
        return _Placed(found, path, tuple(steps), self._ways.setdefault(way, len(self._ways)))

    def _add(self, graph: Graph, placed: _Placed) -> None:
        node = self._nodes[placed.found.node, placed.way]
        graph.add_node(node, **self._before.nodes[placed.found.node])
        for step, below in placed.steps:
            there = self._nodes[below.found.node, below.way] if below else self._off(_node(step))
            graph.add_node(there, **self._before.nodes[_node(step)])
            key = step.dependency.key
            if below or not graph.has_edge(node, there, key):
                graph.add_edge(node, there, key, **edge(step, is_on=below is not None))

    def _add_what_is_off(self, graph: Graph) -> None:
        for parent, chart, key, data in self._before.edges(keys=True, data=True):
            if parent not in self._first:
                there = self._off(chart)
                graph.add_node(parent, **self._before.nodes[parent])
                graph.add_node(there, **self._before.nodes[chart])
                graph.add_edge(parent, there, key, **{**data, "enabled": False})

    def _off(self, node: Node) -> Node:
        return self._first.get(node, node)


def _node(step: Step) -> Node:
    return step.to.node if isinstance(step.to, Found) else step.to.parent


def _all(placed: _Placed) -> Iterator[_Placed]:
    yield placed
    for _, below in placed.steps:
        if below:
            yield from _all(below)


def _paths(chart: Chart, above: _Path = ()) -> Iterator[_Path]:
    for subchart in chart.subcharts:
        path = (*above, subchart.name)
        yield path
        yield from _paths(subchart, path)

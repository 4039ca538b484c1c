"""Everything that a chart needs, directly and through others, as a graph."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.registries import told


class Node(NamedTuple):
    """One version of one chart in a graph.

    `repository` is its repository's URL; for a chart read from disk `file://` and its path there. `place` is
    empty but where values switch what it needs in more than one way: then it tells one of the places that
    are alike, as the keys that lead there.
    """

    repository: str
    name: str
    version: str
    place: str = ""

    @property
    def identity(self) -> ChartIdentity:
        return ChartIdentity(self.repository, self.name)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" + (f" ({self.place})" if self.place else "")


class Known(StrEnum):
    """How it is known which version of a dependency loads."""

    FOLDER = "folder"
    """`file://` leads to a folder with it."""
    CARRIED = "carried"
    """Its parent has it in `charts/`."""
    LOCKED = "locked"
    """Its parent's lock holds it."""
    NEWEST = "newest allowed"
    """Nothing holds it: the newest that is published and allowed would be taken now."""
    GUESSED = "guessed"
    """The package of its parent, which carries it, is out of reach; the newest that was published before the
    parent was, as far as dates are told."""


class Problem(StrEnum):
    """Why a dependency is nowhere to be found."""

    BAD_CONSTRAINT = "bad constraint"
    NONE_ALLOWED = "none allowed"
    NO_SUCH_CHART = "no such chart"
    NO_REPOSITORY = "no repository"
    NOT_LOCAL = "not local"
    NOT_CARRIED = "not carried"
    BAD_CHART = "bad chart"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A dependency of `parent` that could not be looked up: the kind of `problem`, and `why` in words.

    `identity` is the chart that was looked for, where that much is known.
    """

    parent: Node
    dependency: Dependency
    problem: Problem
    why: str
    identity: ChartIdentity | None = None


class Difference(StrEnum):
    """In what way Helm takes something else than a `Chart.yaml` says."""

    STALE = "stale"
    """The copy in `charts/` is not a version that is asked for: it is loaded under its own name, always."""
    BY_CHANCE = "by chance"
    """Several charts in `charts/` will do, and Helm reads them in another order at each run."""
    MISSING = "missing"
    """A package that lacks what it declares, so that Helm refuses it."""
    NOT_LOCKED = "not the locked version"
    """A copy in `charts/` is allowed, and is not the version that the lock holds."""
    OVERWRITTEN = "overwritten"
    """Charts of one name and version from two places are one file in `charts/`: the last one stays."""
    NOT_THE_FOLDER = "not the folder"
    """A copy in `charts/` is taken in place of the folder that `file://` names."""
    UNASKED = "unasked"
    """A chart in `charts/` that no dependency asks for is loaded all the same."""
    FORGOTTEN = "forgotten"
    """What a chart declares counts under the first alias of a chart around it alone; under another one, what
    stands in its `charts/` is loaded as it is, or as the first one left it."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where Helm takes something else than the `Chart.yaml` of `parent` says for its dependency `key`."""

    parent: Node
    key: str
    difference: Difference
    why: str

    @property
    def is_grave(self) -> bool:
        """Whether what loads is not what is asked for, or not the same each time."""
        return self.difference in _GRAVE


_GRAVE = (
    Difference.STALE,
    Difference.BY_CHANCE,
    Difference.OVERWRITTEN,
    Difference.MISSING,
    Difference.FORGOTTEN,
)


@dataclass(frozen=True, slots=True)
class Need:
    """One edge of a graph: `parent` needs `chart` under the name `key`, unless it is not `enabled`."""

    parent: Node
    chart: Node
    key: str
    constraint: str
    condition: str
    tags: tuple[str, ...]
    alias: str
    enabled: bool
    known: Known


def edge(parent: Node, chart: Node, needed: Dependency, known: Known, *, is_on: bool = True) -> Need:
    """The edge that a dependency is in a graph."""
    version = needed.version.strip()
    return Need(parent, chart, needed.key, version, needed.condition, needed.tags, needed.alias, is_on, known)


class About(NamedTuple):
    """What is known of a node: its `type`, `application` or `library`, and whether it is deprecated."""

    type: str
    deprecated: bool


class Graph:
    """Charts, and edges between them: at most one from a parent to a chart under each key.

    networkx keeps them, each node with what is known `about` it, and each edge with its `need`; all is told
    in the order in which it came.
    """

    def __init__(self) -> None:
        import networkx

        self._kept: networkx.MultiDiGraph[Node] = networkx.MultiDiGraph()

    def __iter__(self) -> Iterator[Node]:
        return iter(self._kept)

    def __contains__(self, node: Node) -> bool:
        return node in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def needs(self) -> Iterator[Need]:
        """Every edge, by its parent and then by its chart."""
        return (data["need"] for *_, data in self._kept.edges(data=True))

    def add(self, node: Node, about: About) -> None:
        """Add a chart, or tell something else of one that is there."""
        self._kept.add_node(node, about=about)

    def link(self, need: Need) -> None:
        """Add an edge between charts that are there, or replace the one of its key."""
        self._kept.add_edge(need.parent, need.chart, need.key, need=need)

    def about(self, node: Node) -> About:
        return self._kept.nodes[node]["about"]

    def need(self, parent: Node, chart: Node, key: str) -> Need | None:
        """The edge of this key between them, if there is one."""
        data = self._kept.get_edge_data(parent, chart, key)
        return data["need"] if data else None

    def below(self, node: Node) -> Iterator[Node]:
        """What a chart needs."""
        return self._kept.successors(node)

    def above(self, node: Node) -> Iterator[Node]:
        """What needs a chart."""
        return self._kept.predecessors(node)

    def enabled_below(self, node: Node) -> Iterator[Node]:
        """What a chart needs over an edge that is enabled."""
        return _enabled(self._kept.succ[node])

    def enabled_above(self, node: Node) -> Iterator[Node]:
        """What needs a chart over an edge that is enabled."""
        return _enabled(self._kept.pred[node])


def _enabled(neighbours: Mapping[Node, Mapping[Any, Mapping[str, Any]]]) -> Iterator[Node]:
    for node, edges in neighbours.items():
        if any(data["need"].enabled for data in edges.values()):
            yield node


def _reached(nodes: Iterable[Node], following: Callable[[Node], Iterable[Node]]) -> set[Node]:
    reached, left = set[Node](), [*nodes]
    while left:
        new = set(following(left.pop())) - reached
        reached |= new
        left += new
    return reached


def enabled_below(graph: Graph, node: Node) -> set[Node]:
    """`node` and everything that it needs over enabled edges."""
    return {node} | _reached((node,), graph.enabled_below)


@dataclass(frozen=True, slots=True)
class Closure:
    """The graph of charts from `roots` down.

    An edge of `graph` leads from a chart to one that it needs; its key is the name or alias there.
    `published` has, newest first, all versions of each chart that is needed in more than one way, where its
    repository could be read.
    """

    roots: tuple[Node, ...]
    graph: Graph
    unresolved: tuple[Unresolved, ...]
    published: Mapping[ChartIdentity, tuple[str, ...]]
    deviations: tuple[Deviation, ...] = ()

    @classmethod
    def united(cls, closures: Iterable["Closure"]) -> "Closure":
        """Several graphs as one. An edge that is on in one of them is on."""
        parts = list(closures)
        graph = Graph()
        for part in parts:
            for need in part.needs:
                for node in (need.parent, need.chart):
                    graph.add(node, part.graph.about(node))
                known = graph.need(need.parent, need.chart, need.key)
                graph.link(replace(need, enabled=True) if known and known.enabled else need)
            for node in part.graph:
                graph.add(node, part.graph.about(node))
        return cls(
            roots=tuple(dict.fromkeys(root for part in parts for root in part.roots)),
            graph=graph,
            unresolved=tuple(dict.fromkeys(missing for part in parts for missing in part.unresolved)),
            published={identity: found for part in parts for identity, found in part.published.items()},
            deviations=tuple(dict.fromkeys(each for part in parts for each in part.deviations)),
        )

    @property
    def lost(self) -> tuple[Unresolved, ...]:
        """Of what is unresolved, that of which nobody knows what would be loaded.

        What a package declares and does not bring is not among it: Helm loads nothing there.
        """
        return tuple(each for each in self.unresolved if each.problem is not Problem.NOT_CARRIED)

    @property
    def needs(self) -> Iterator[Need]:
        """Every edge of the graph."""
        return self.graph.needs

    def as_json(self) -> dict[str, Any]:
        """`nodes`, `edges`, what is `unresolved` and where Helm deviates, in plain JSON types."""
        return {
            "nodes": [
                {
                    "name": node.name,
                    "version": node.version,
                    "repository": node.repository,
                    "place": node.place or None,
                    **self.graph.about(node)._asdict(),
                }
                for node in self.graph
            ],
            "edges": [
                {
                    "from": str(need.parent),
                    "to": str(need.chart),
                    "constraint": need.constraint,
                    "condition": need.condition or None,
                    "tags": list(need.tags),
                    "alias": need.alias or None,
                    "enabled": need.enabled,
                    "known": need.known.value,
                }
                for need in self.needs
            ],
            "unresolved": [
                {
                    "from": str(missing.parent),
                    "name": missing.dependency.name,
                    "constraint": missing.dependency.version,
                    "repository": told(missing.dependency.repository),
                    "problem": missing.problem.value,
                    "why": missing.why,
                }
                for missing in self.unresolved
            ],
            "deviations": [
                {
                    "in": str(each.parent),
                    "dependency": each.key,
                    "difference": each.difference.value,
                    "why": each.why,
                }
                for each in self.deviations
            ],
        }

    def dependents(self, identity: ChartIdentity) -> frozenset[Node]:
        """Every chart that is hit if this one changes: those that need it, directly or through others."""
        of_it = (node for node in self.graph if node.identity == identity)
        return frozenset(_reached(of_it, self.graph.above))

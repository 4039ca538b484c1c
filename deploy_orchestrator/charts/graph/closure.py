"""Everything that a chart needs, directly and through others, as a graph."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.registries import told

if TYPE_CHECKING:
    import networkx


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


Graph: TypeAlias = "networkx.MultiDiGraph[Node]"


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


def enabled_neighbours(neighbours: Mapping[Node, Mapping[str, Mapping[str, Any]]]) -> Iterator[Node]:
    """Of the `succ` or `pred` of a node in a graph, those with an enabled edge."""
    for node, edges in neighbours.items():
        if any(edge["enabled"] for edge in edges.values()):
            yield node


def enabled_below(graph: Graph, node: Node) -> set[Node]:
    """`node` and everything that it needs over enabled edges."""
    reached, below = {node}, [node]
    while below:
        new = set(enabled_neighbours(graph.succ[below.pop()])) - reached
        reached |= new
        below += new
    return reached


@dataclass(frozen=True, slots=True)
class Closure:
    """The graph of charts from `roots` down.

    The nodes of `graph` are `Node`s with `type` (`application` or `library`) and `deprecated`. An edge leads
    from a chart to one that it needs. Its key is the name or alias there, its data are `constraint`,
    `condition`, `tags`, `alias`, `enabled` and how it is `known`. `published` has, newest first, all versions
    of each chart that is needed in more than one way, where its repository could be read.
    """

    roots: tuple[Node, ...]
    graph: Graph
    unresolved: tuple[Unresolved, ...]
    published: Mapping[ChartIdentity, tuple[str, ...]]
    deviations: tuple[Deviation, ...] = ()

    @classmethod
    def united(cls, closures: Iterable["Closure"]) -> "Closure":
        """Several graphs as one. An edge that is on in one of them is on."""
        import networkx

        parts = list(closures)
        graph: Graph = networkx.MultiDiGraph()
        for part in parts:
            for parent, chart, key, data in part.graph.edges(keys=True, data=True):
                if graph.has_edge(parent, chart, key) and graph.edges[parent, chart, key]["enabled"]:
                    data = {**data, "enabled": True}
                graph.add_edge(parent, chart, key, **data)
            graph.add_nodes_from(part.graph.nodes(data=True))
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
        """Every edge, in the order in which it was found."""
        for parent, chart, key, data in self.graph.edges(keys=True, data=True):
            yield Need(
                parent,
                chart,
                cast(str, key),
                data["constraint"],
                data["condition"],
                data["tags"],
                data["alias"],
                data["enabled"],
                data["known"],
            )

    def as_json(self) -> dict[str, Any]:
        """`nodes`, `edges`, what is `unresolved` and where Helm deviates, in plain JSON types."""
        return {
            "nodes": [
                {
                    "name": node.name,
                    "version": node.version,
                    "repository": node.repository,
                    "place": node.place or None,
                    "type": data["type"],
                    "deprecated": data["deprecated"],
                }
                for node, data in self.graph.nodes(data=True)
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
        hit: set[Node] = set()
        below = [node for node in self.graph if node.identity == identity]
        while below:
            above = set(self.graph.predecessors(below.pop())) - hit
            hit |= above
            below += above
        return frozenset(hit)

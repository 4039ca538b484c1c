"""Everything that a chart needs, directly and through others, as a graph."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity

if TYPE_CHECKING:
    import networkx


class Node(NamedTuple):
    """One version of one chart in a graph.

    `repository` is its repository's URL; for a chart read from disk `file://` and its path there.
    """

    repository: str
    name: str
    version: str

    @property
    def identity(self) -> ChartIdentity:
        return ChartIdentity(self.repository, self.name)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


Graph: TypeAlias = "networkx.MultiDiGraph[Node]"


class Problem(StrEnum):
    """Why a dependency is nowhere to be found."""

    BAD_CONSTRAINT = "bad constraint"
    NONE_ALLOWED = "none allowed"
    NO_SUCH_CHART = "no such chart"
    NO_REPOSITORY = "no repository"
    NOT_LOCAL = "not local"
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
    `condition`, `tags`, `alias` and `enabled`. `published` has, newest first, all versions of each chart that
    is needed in more than one way, where its repository could be read.
    """

    roots: tuple[Node, ...]
    graph: Graph
    unresolved: tuple[Unresolved, ...]
    published: Mapping[ChartIdentity, tuple[str, ...]]

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
        )

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
            )

    def as_json(self) -> dict[str, Any]:
        """`nodes`, `edges` and what is `unresolved`, in plain JSON types."""
        return {
            "nodes": [
                {
                    "name": node.name,
                    "version": node.version,
                    "repository": node.repository,
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
                }
                for need in self.needs
            ],
            "unresolved": [
                {
                    "from": str(missing.parent),
                    "name": missing.dependency.name,
                    "constraint": missing.dependency.version,
                    "repository": missing.dependency.repository,
                    "problem": missing.problem.value,
                    "why": missing.why,
                }
                for missing in self.unresolved
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

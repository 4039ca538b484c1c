"""Where requirements on one chart clash: the proof, and what it comes to."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import islice

from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.graph.changes import Fix
from deploy_orchestrator.charts.graph.closure import (
    Closure,
    Graph,
    Node,
    Problem,
    enabled_below,
)
from deploy_orchestrator.charts.graph.collector import at_rest
from deploy_orchestrator.charts.harm import Harm
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.charts.version import Version

MAX_PATHS = 1_000
"""The most paths that are told for one conflict; the largest real one has 40."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One way in which a chart is needed.

    `path` leads as `name@version` from the root to the chart that makes the requirement. `loads` is the
    version that loads for it, None if there is none.
    """

    constraint: str
    path: tuple[str, ...]
    loads: str | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Requirements on one chart that cannot all hold, or that hold and load different versions.

    `satisfying` are the known versions that satisfy all requirements, newest first, of `known` in all.
    `disjoint` means that no version could, published or not. `resolved` are the versions that load, oldest
    first. `fixes` are the ways out, those that change least first.
    """

    name: str
    repository: str
    requirements: tuple[Requirement, ...]
    satisfying: tuple[str, ...]
    known: int
    disjoint: bool
    resolved: tuple[str, ...]
    harm: Harm = Harm.UNKNOWN
    fixes: tuple[Fix, ...] = ()

    @property
    def fix(self) -> str | None:
        """In one sentence what to change; None where no way out was found."""
        return str(self.fixes[0]) if self.fixes else None

    @property
    def identity(self) -> ChartIdentity:
        return ChartIdentity(self.repository, self.name)

    @property
    def satisfiable(self) -> bool:
        """Whether some published version satisfies all requirements."""
        return bool(self.satisfying)


@dataclass(frozen=True, slots=True)
class _Need:
    parent: Node
    constraint: str
    loads: str | None


@at_rest()
def conflicts(closure: Closure) -> tuple[Conflict, ...]:
    """Every conflict below each root, among what is enabled; `harm` and `fixes` are left open."""
    return tuple(conflict for root in closure.roots for conflict in _below(closure, root))


def _below(closure: Closure, root: Node) -> Iterator[Conflict]:
    needs: defaultdict[ChartIdentity, dict[_Need, None]] = defaultdict(dict)
    reached = enabled_below(closure.graph, root)
    for need in closure.needs:
        if need.enabled and need.parent in reached:
            needs[need.chart.identity][_Need(need.parent, need.constraint, need.chart.version)] = None
    for missing in closure.unresolved:
        if missing.identity and missing.problem is Problem.NONE_ALLOWED and missing.parent in reached:
            needs[missing.identity][_Need(missing.parent, missing.dependency.version, None)] = None
    for identity, found in needs.items():
        if len({(need.constraint, need.loads) for need in found}) > 1:
            ways = _Ways(closure.graph, root, reached)
            conflict = _conflict(closure, identity, list(found), ways)
            if len(conflict.resolved) > 1 or not conflict.satisfiable:
                yield conflict


def _conflict(closure: Closure, identity: ChartIdentity, needs: list[_Need], ways: "_Ways") -> Conflict:
    constraints = dict.fromkeys(need.constraint for need in needs)
    together = reduce(Constraint.intersection, map(Constraint.parse, constraints))
    loaded = sorted({need.loads for need in needs if need.loads}, key=Version.parse)
    known = closure.published.get(identity) or tuple(reversed(loaded))
    requirements = (
        Requirement(need.constraint, path, need.loads) for need in needs for path in ways.to(need.parent)
    )
    return Conflict(
        identity.name,
        identity.repository,
        tuple(sorted(islice(requirements, MAX_PATHS), key=lambda requirement: requirement.path)),
        tuple(version for version in known if together.allows(version)),
        len(known),
        together.is_empty,
        tuple(loaded),
    )


@dataclass(frozen=True, slots=True)
class _Ways:
    graph: Graph
    root: Node
    reached: set[Node]

    def to(self, node: Node) -> Iterator[tuple[str, ...]]:
        if node == self.root:
            yield (str(node),)
            return
        for parent in self.graph.enabled_above(node):
            if parent in self.reached:
                for way in self.to(parent):
                    yield (*way, str(node))

"""What every drawing of a graph shows, whatever draws it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy_orchestrator.charts.graph.closure import Closure, Known, Node, enabled_below
from deploy_orchestrator.charts.graph.conflicts import Conflict, conflicts
from deploy_orchestrator.charts.graph.explain import explain
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.registries import told

_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Box:
    """One chart, or one that is missing, whose `version` is then the constraint.

    `kind` is root, application, library or missing. A box that is not `enabled` is needed only by what is
    switched off; one that `has_namesake` shares its name with a chart of another repository. `note` says more
    of what is missing. `place` tells apart charts whose own needs are switched differently.
    """

    id: str
    name: str
    version: str
    repository: str
    kind: str
    deprecated: bool = False
    conflict: bool = False
    enabled: bool = True
    has_namesake: bool = False
    note: str = ""
    place: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What stands in the box: the name, the version, and the repository where the name is not enough."""
        where = self.repository.partition("://")[2] or self.repository
        return (
            self.name,
            f"{self.version} deprecated" if self.deprecated else self.version,
            *((f"in {self.place}",) if self.place else ()),
            *((where if len(where) <= _WIDTH else f"…{where[-_WIDTH:]}",) if self.has_namesake else ()),
        )


@dataclass(frozen=True, slots=True)
class Arrow:
    """One need, from the box `tail` to the box `head`.

    `label` has the alias, the constraint, unless that is just the version it leads to, and how that version
    is `known` where something holds it, or nobody can tell.
    """

    tail: str
    head: str
    label: str
    constraint: str
    condition: str
    conflict: bool
    enabled: bool
    known: str = ""


@dataclass(frozen=True, slots=True)
class DrawnConflict:
    """A conflict of the chart `name`: why it is one, the harm that it does, the way out, and its boxes."""

    name: str
    why: str
    harm: str
    fix: str
    boxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How a chart loads for the `deployments` (`environment/tenant`) that run it alike: the box at its
    `root`, and the places among the arrows of those that are `on`, and of those that are `off`.
    """

    deployments: tuple[str, ...]
    root: str
    on: tuple[int, ...]
    off: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph to be drawn, its conflicts, and where it is of a fleet, what of it who runs."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    clashes: tuple[DrawnConflict, ...]
    ways: tuple[Way, ...] = ()


Runs = Iterable[tuple[Iterable[str], Closure]]
"""Deployments, `environment/tenant`, with the graph of the chart that they run."""


def picture(closure: Closure, judged: Iterable[Conflict] = (), runs: Runs = ()) -> Picture:
    """What to draw of `closure`: charts, needs, what is missing, and where versions clash.

    `judged` are conflicts of it whose harm and way out are known, `runs` the parts that deployments run.
    """
    known = {each.identity: each for each in judged}
    found = [known.get(each.identity, each) for each in conflicts(closure)]
    clashing = {conflict.identity for conflict in found}
    ids = {node: f"n{number}" for number, node in enumerate(closure.graph)}
    return Picture(
        _printable(", ".join(map(str, closure.roots))),
        (*_charts(closure, ids, clashing), *_missing(closure, clashing)),
        (*_needs(closure, ids, clashing), *_open_needs(closure, ids, clashing)),
        tuple(_clash(conflict, ids) for conflict in found),
        tuple(_ways(closure, ids, runs)),
    )


def _ways(closure: Closure, ids: dict[Node, str], runs: Runs) -> Iterator[Way]:
    places: dict[object, int] = {}
    for need in closure.needs:
        places[need.parent, need.chart, need.key] = len(places)
    for missing in closure.unresolved:
        places[missing] = len(places)
    for deployments, part in runs:
        on, off = [places[each] for each in part.unresolved], list[int]()
        for need in part.needs:
            (on if need.enabled else off).append(places[need.parent, need.chart, need.key])
        for root in part.roots:
            yield Way(tuple(deployments), ids[root], tuple(on), tuple(off))


def _clash(conflict: Conflict, ids: dict[Node, str]) -> DrawnConflict:
    return DrawnConflict(
        _printable(conflict.name),
        _printable(explain(conflict)),
        conflict.harm,
        _printable(conflict.fix or ""),
        tuple(box for node, box in ids.items() if node.identity == conflict.identity),
    )


def _charts(closure: Closure, ids: dict[Node, str], clashing: set[ChartIdentity]) -> Iterator[Box]:
    names = Counter(name for _, name in {node.identity for node in closure.graph})
    on = {node for root in closure.roots for node in enabled_below(closure.graph, root)}
    for node in closure.graph:
        about = closure.graph.about(node)
        yield Box(
            ids[node],
            _printable(node.name),
            _printable(node.version),
            _printable(node.repository),
            "root" if node in closure.roots else about.type,
            about.deprecated,
            node.identity in clashing,
            node in on,
            names[node.name] > 1,
            place=_printable(node.place),
        )


def _missing(closure: Closure, clashing: set[ChartIdentity]) -> Iterator[Box]:
    for number, missing in enumerate(closure.unresolved):
        needed = missing.dependency
        yield Box(
            f"u{number}",
            _printable(needed.name),
            _printable(needed.version),
            _printable(told(needed.repository)),
            "missing",
            conflict=missing.identity in clashing,
            note=_printable(missing.why),
        )


def _needs(closure: Closure, ids: dict[Node, str], clashing: set[ChartIdentity]) -> Iterator[Arrow]:
    for need in closure.needs:
        is_exact = need.constraint.removeprefix("=") == need.chart.version
        said = [f"as {need.alias}" if need.alias else "", "" if is_exact else need.constraint]
        said.append("" if need.known is Known.NEWEST else f"({need.known})")
        yield Arrow(
            ids[need.parent],
            ids[need.chart],
            _printable(" ".join(filter(None, said))),
            _printable(need.constraint),
            _printable(need.condition),
            need.chart.identity in clashing,
            need.enabled,
            need.known,
        )


def _open_needs(closure: Closure, ids: dict[Node, str], clashing: set[ChartIdentity]) -> Iterator[Arrow]:
    for number, missing in enumerate(closure.unresolved):
        yield Arrow(
            ids[missing.parent],
            f"u{number}",
            "",
            _printable(missing.dependency.version),
            _printable(missing.dependency.condition),
            missing.identity in clashing,
            True,
        )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))

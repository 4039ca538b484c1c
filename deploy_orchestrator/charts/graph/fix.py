"""Ways out of a conflict: the fewest version changes to direct dependencies under which it is gone."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import groupby, product
from operator import itemgetter
from typing import Any, TypeAlias

import resolvelib

from deploy_orchestrator.charts.errors import ChartNotFound
from deploy_orchestrator.charts.graph.changes import Fix, VersionChange
from deploy_orchestrator.charts.graph.closure import Closure, Node, Problem, Unresolved, enabled_below
from deploy_orchestrator.charts.graph.conflicts import Conflict
from deploy_orchestrator.charts.graph.lookup import Found
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.registries import RepositoryError

MAX_ROUNDS = 10_000
MAX_PROOFS = 20
"""The most fixes of which the packages are read to prove them."""
MAX_FIXES = 3
"""The most ways out of one conflict that are told."""
MAX_OTHERS = 300
"""The most other versions of one direct dependency that are tried, nearest first."""

_NOTHING, _UNMET = "", "!"
"""In the place of a version: nothing is loaded; and, before a constraint, nothing published meets it."""

_Loads: TypeAlias = Mapping[ChartIdentity, frozenset[str]]
_SlotKey: TypeAlias = "str | ChartIdentity"


def find_fixes(
    conflict: Conflict,
    among: Collection[Conflict],
    root: Chart | PublishedChart,
    closure: Closure,
    offers: "Offers",
) -> tuple[Fix, ...]:
    """Ways to remove `conflict` from the `closure` of `root`, at most `MAX_FIXES`, those that change least
    first; none if nothing published does. For each version that all can load it is the least change.

    No change brings a need that nothing published meets, unless what it changes has the same need now. A
    direct dependency that nothing published meets is changed from its constraint to a version.
    Of equally few changes those go first that bring no conflict which is not `among` those there are now,
    then those that load the newest version, then the nearest upgrades, releases before prereleases.
    """
    others = frozenset(other.identity for other in among) - {conflict.identity}
    slots, found = tuple(_slots(root, closure, offers.resolver)), list[Fix]()
    ways = _Search.of(conflict.identity, slots, others, offers).ways()
    for _ in range(MAX_PROOFS):
        known = {each.changes for each in found}
        fix = next((each for each in ways if each.changes not in known), None)
        if fix is None:
            break
        if offers.hold(fix, slots):
            found.append(fix)
            if len(found) == MAX_FIXES:
                break
        else:
            # More is known of what is offered now.
            ways = _Search.of(conflict.identity, slots, others, offers).ways()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Candidate:
    slot: _SlotKey
    version: str
    loads: _Loads = field(default_factory=dict[ChartIdentity, frozenset[str]], compare=False)


@dataclass(frozen=True, slots=True)
class _Wanted:
    slot: _SlotKey
    versions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class _Slot:
    key: str
    identity: ChartIdentity
    current: _Candidate


_Ranked: TypeAlias = tuple[int, _Candidate]
"""A candidate, and how far it is from what is there now."""


@dataclass(frozen=True, slots=True)
class _Search:
    """A search for versions of the `slots` with which all load one version of the `chart`.

    `offered` are the other versions of each slot that loads the chart now, by the one version of it that they
    load, or `_NOTHING`.
    """

    chart: ChartIdentity
    slots: tuple[_Slot, ...]
    tolerated: frozenset[ChartIdentity]
    offered: Mapping[str, Mapping[str, Sequence[_Ranked]]]

    @classmethod
    def of(
        cls,
        chart: ChartIdentity,
        slots: tuple[_Slot, ...],
        tolerated: frozenset[ChartIdentity],
        offers: "Offers",
    ) -> "_Search":
        offered: dict[str, dict[str, list[_Ranked]]] = {}
        for slot in slots:
            if chart in slot.current.loads:
                by_version = offered.setdefault(slot.key, {})
                for ranked in enumerate(offers.others(slot)):
                    version, *others = ranked[1].loads.get(chart, (_NOTHING,))
                    if not others:
                        by_version.setdefault(version, []).append(ranked)
        return cls(chart, slots, tolerated, offered)

    def ways(self) -> Iterator[Fix]:
        """Those to what loads somewhere now, and then the others, each time by the number of changes."""
        now = {version for slot in self.slots for version in self._loads(slot)}
        yield from self._among(now)
        yield from self._among({version for each in self.offered.values() for version in each} - now)

    def _among(self, versions: Collection[str]) -> Iterator[Fix]:
        unmet = {version for version in versions if version.startswith(_UNMET)}
        newest_first = sorted({*versions} - {_NOTHING} - unmet, key=Version.parse, reverse=True)
        ordered = [*newest_first, *({_NOTHING} & {*versions}), *sorted(unmet)]
        by_changes = groupby(sorted(ordered, key=self._changes), key=self._changes)
        for _, equal in by_changes:
            for settled, version in product((self._is_settled, self._is_it), list(equal)):
                if fix := self._solve(version, settled):
                    yield fix

    def _is_settled(self, chart: ChartIdentity) -> bool:
        return chart not in self.tolerated

    def _is_it(self, chart: ChartIdentity) -> bool:
        return chart == self.chart

    def _loads(self, slot: _Slot) -> frozenset[str]:
        return slot.current.loads.get(self.chart, frozenset())

    def _must_change(self, slot: _Slot, version: str) -> bool:
        return not self._loads(slot) <= {version}

    def _changes(self, version: str) -> int:
        return sum(self._must_change(slot, version) for slot in self.slots)

    def _candidates(self, slot: _Slot, version: str) -> Sequence[_Candidate]:
        """What it may be for all to load `version`, nearest first."""
        if not self._must_change(slot, version):
            return (slot.current,)
        by_version = self.offered[slot.key]
        loading = by_version.get(version, ())
        without = by_version.get(_NOTHING, ()) if version != _NOTHING else ()
        ranked = sorted((*loading, *without), key=itemgetter(0)) if without else loading
        return [each for _, each in ranked]

    def _solve(self, version: str, settled: Callable[[ChartIdentity], bool]) -> Fix | None:
        candidates = {slot.key: self._candidates(slot, version) for slot in self.slots}
        if not all(candidates.values()):
            return None
        solver = resolvelib.Resolver(_Provider(candidates, settled), resolvelib.BaseReporter())
        try:
            chosen = solver.resolve(map(_Wanted, candidates), max_rounds=MAX_ROUNDS).mapping
        except resolvelib.ResolutionError:
            return None
        if version and not any(self.chart in chosen[key].loads for key in candidates):
            return None
        changes = (
            VersionChange(slot.key, slot.current.version, chosen[slot.key].version)
            for slot in self.slots
            if self._must_change(slot, version)
        )
        if version.startswith(_UNMET):
            return Fix(self.chart.name, tuple(changes), unmet=version.removeprefix(_UNMET))
        return Fix(self.chart.name, tuple(changes), version or None)


class _Provider(resolvelib.AbstractProvider[_Wanted, _Candidate, _SlotKey]):
    def __init__(
        self,
        candidates: Mapping[str, Sequence[_Candidate]],
        settled: Callable[[ChartIdentity], bool],
    ) -> None:
        self._candidates = candidates
        self._settled = settled

    def identify(self, requirement_or_candidate: _Wanted | _Candidate) -> _SlotKey:
        return requirement_or_candidate.slot

    def get_preference(self, identifier: _SlotKey, *_: Any, **__: Any) -> tuple[bool, str]:
        return isinstance(identifier, str), str(identifier)

    def find_matches(
        self,
        identifier: _SlotKey,
        requirements: Mapping[_SlotKey, Iterator[_Wanted]],
        incompatibilities: Mapping[_SlotKey, Iterator[_Candidate]],
    ) -> Sequence[_Candidate]:
        bad = set(incompatibilities[identifier])
        if isinstance(identifier, str):
            return [each for each in self._candidates[identifier] if each not in bad]
        wanted = (wanted.versions for wanted in requirements[identifier] if wanted.versions is not None)
        versions = sorted(reduce(lambda some, other: some & other, wanted))
        return [one for one in (_Candidate(identifier, version) for version in versions) if one not in bad]

    def is_satisfied_by(self, requirement: _Wanted, candidate: _Candidate) -> bool:
        return requirement.versions is None or candidate.version in requirement.versions

    def get_dependencies(self, candidate: _Candidate) -> list[_Wanted]:
        return [
            _Wanted(chart, versions if len(versions) == 1 else frozenset())
            for chart, versions in candidate.loads.items()
            if self._settled(chart)
        ]


class Offers:
    """What other versions of charts load: guessed by the index until a fix rests on it."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._guessing = resolver.guessing()
        self._near: dict[tuple[ChartIdentity, str], list[PublishedChart]] = {}
        self._loads: dict[tuple[ChartIdentity, str], _Loads] = {}

    def others(self, slot: _Slot) -> Iterator[_Candidate]:
        """What else a slot may be, nearest first, but for what brings a need that nothing published meets."""
        missing_now = _missing(slot.current)
        for chart in self._nearest(slot.identity, slot.current.version):
            other = _Candidate(slot.key, chart.version, self._guessed(slot.identity, chart))
            if _missing(other) <= missing_now:
                yield other

    def hold(self, fix: Fix, slots: Iterable[_Slot]) -> bool:
        """Whether the packages that `fix` takes load what was assumed; else what they do load is kept."""
        identities = {slot.key: slot.identity for slot in slots}
        proved = True
        for change in fix.changes:
            identity = identities[change.key]
            chart = self.resolver.catalog.exactly(identity, change.after)
            loads = _loaded_by(self.resolver.root(chart), self.resolver)
            proved = proved and self._guessed(identity, chart) == loads
            self._loads[identity, change.after] = loads
        return proved

    def _guessed(self, identity: ChartIdentity, chart: PublishedChart) -> _Loads:
        key = (identity, chart.version)
        if key not in self._loads:
            self._loads[key] = _loaded_by(self._guessing.root(chart), self._guessing)
        return self._loads[key]

    def _nearest(self, identity: ChartIdentity, version: str) -> Sequence[PublishedChart]:
        if (identity, version) not in self._near:
            catalog = self.resolver.catalog
            try:
                near = _nearest(catalog.versions(identity), version)[:MAX_OTHERS]
            except (ChartNotFound, RepositoryError):
                near = []
            self._near[identity, version] = [catalog.described(chart) for chart in near]
        return self._near[identity, version]


def _slots(root: Chart | PublishedChart, closure: Closure, resolver: Resolver) -> Iterator[_Slot]:
    top = resolver.root(root)
    needs = {(need.key, need.chart.version): need for need in closure.needs if need.parent == top.node}
    for step in resolver.steps(top):
        needed, key = step.dependency, step.dependency.key
        if isinstance(step.to, Found):
            need = needs[key, step.to.node.version]
            if not need.enabled:
                continue
            node = need.chart
            identity, version, loads = node.identity, node.version, _loaded_now(node, closure)
        elif step.to.identity and step.to.problem is Problem.NONE_ALLOWED:
            identity, version = step.to.identity, needed.version
            loads = {identity: frozenset({_unmet(needed)})}
        else:
            continue
        yield _Slot(key, identity, _Candidate(key, version, loads))


def _missing(candidate: _Candidate) -> set[tuple[ChartIdentity, str]]:
    return {
        (chart, version)
        for chart, versions in candidate.loads.items()
        for version in versions
        if version.startswith(_UNMET)
    }


def _nearest(published: Sequence[PublishedChart], current: str) -> list[PublishedChart]:
    try:
        now = Version.parse(current)
    except VersionError:
        up, down = list[PublishedChart](), [*published]
    else:
        up = [chart for chart in reversed(published) if Version.parse(chart.version) > now]
        down = [chart for chart in published if Version.parse(chart.version) < now]
    return sorted(up + down, key=lambda chart: bool(Version.parse(chart.version).prerelease))


def _loaded_now(node: Node, closure: Closure) -> _Loads:
    below = enabled_below(closure.graph, node)
    return _by_chart(below, (missing for missing in closure.unresolved if missing.parent in below))


def _loaded_by(found: Found, resolver: Resolver) -> _Loads:
    seen = {found.node}
    missing: list[Unresolved] = []
    below = [found]
    while below:
        for step in resolver.steps(below.pop()):
            if isinstance(step.to, Unresolved):
                missing.append(step.to)
            elif step.to.node not in seen:
                seen.add(step.to.node)
                below.append(step.to)
    return _by_chart(seen, missing)


def _by_chart(nodes: Iterable[Node], unresolved: Iterable[Unresolved]) -> _Loads:
    loads: defaultdict[ChartIdentity, frozenset[str]] = defaultdict(frozenset)
    for node in nodes:
        loads[node.identity] |= {node.version}
    for missing in unresolved:
        if missing.identity and missing.problem is Problem.NONE_ALLOWED:
            loads[missing.identity] |= {_unmet(missing.dependency)}
    return loads


def _unmet(dependency: Dependency) -> str:
    return f"{_UNMET}{dependency.version}"

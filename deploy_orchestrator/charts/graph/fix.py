"""Ways out of a conflict: the fewest version changes to direct dependencies under which it is gone."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import groupby, islice, product
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
    resolver: Resolver,
) -> tuple[Fix, ...]:
    """Ways to remove `conflict` from the `closure` of `root`, at most `MAX_FIXES`, those that change least
    first; none if nothing published does. For each version that all can load it is the least change.

    No change brings a need that nothing published meets, unless what it changes has the same need now. A
    direct dependency that nothing published meets is changed from its constraint to a version.
    Of equally few changes those go first that bring no conflict which is not `among` those there are now,
    then those that load the newest version, then the nearest upgrades, releases before prereleases.
    """
    others = frozenset(other.identity for other in among) - {conflict.identity}
    offers, found = _Offers(resolver), list[Fix]()
    for _ in range(MAX_PROOFS):
        slots = tuple(_slots(resolver.root(root), closure, resolver, offers))
        known = {each.changes for each in found}
        ways = _Search(conflict.identity, slots, others).ways()
        fix = next((each for each in ways if each.changes not in known), None)
        if fix is None or len(found) == MAX_FIXES:
            break
        if offers.hold(fix, slots):
            found.append(fix)
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
    others: Callable[[], Iterator[_Candidate]]


@dataclass(frozen=True, slots=True)
class _Search:
    chart: ChartIdentity
    slots: tuple[_Slot, ...]
    tolerated: frozenset[ChartIdentity]

    def ways(self) -> Iterator[Fix]:
        """Those to what loads somewhere now, and then the others, each time by the number of changes."""
        now = {version for slot in self.slots for version in self._loads(slot.current)}
        yield from self._among(now)
        yield from self._among({_NOTHING, *self._offered()} - now)

    def _offered(self) -> Iterator[str]:
        for slot in self.slots:
            for other in slot.others():
                yield from self._loads(other)

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

    def _loads(self, candidate: _Candidate) -> frozenset[str]:
        return candidate.loads.get(self.chart, frozenset())

    def _must_change(self, slot: _Slot, version: str) -> bool:
        return not self._loads(slot.current) <= {version}

    def _changes(self, version: str) -> int:
        return sum(self._must_change(slot, version) for slot in self.slots)

    def _solve(self, version: str, settled: Callable[[ChartIdentity], bool]) -> Fix | None:
        candidates = {
            slot.key: slot.others if self._must_change(slot, version) else partial(iter, (slot.current,))
            for slot in self.slots
        }
        wanted = [_Wanted(self.chart, frozenset({version})), *map(_Wanted, candidates)]
        solver = resolvelib.Resolver(_Provider(candidates, settled), resolvelib.BaseReporter())
        try:
            chosen = solver.resolve(wanted, max_rounds=MAX_ROUNDS).mapping
        except resolvelib.ResolutionError:
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
        candidates: Mapping[str, Callable[[], Iterator[_Candidate]]],
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
    ) -> "Sequence[_Candidate] | Callable[[], Iterator[_Candidate]]":
        bad = set(incompatibilities[identifier])
        if isinstance(identifier, str):
            candidates = self._candidates[identifier]
            return lambda: (candidate for candidate in candidates() if candidate not in bad)
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


class _Offers:
    """What other versions of a direct dependency load: guessed by the index until a fix rests on it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._guessing = resolver.guessing()
        self._read: dict[tuple[ChartIdentity, str], _Loads] = {}

    def loads(self, identity: ChartIdentity, chart: PublishedChart) -> _Loads:
        key = (identity, chart.version)
        return self._read.get(key) or _loaded_by(self._guessing.root(chart), self._guessing)

    def hold(self, fix: Fix, slots: Iterable[_Slot]) -> bool:
        """Whether the packages that `fix` takes load what was assumed; else what they do load is kept."""
        identities = {slot.key: slot.identity for slot in slots}
        proved = True
        for change in fix.changes:
            identity = identities[change.key]
            chart = self._resolver.catalog.exactly(identity, change.after)
            loads = _loaded_by(self._resolver.root(chart), self._resolver)
            proved = proved and self.loads(identity, chart) == loads
            self._read[identity, change.after] = loads
        return proved


def _slots(root: Found, closure: Closure, resolver: Resolver, offers: _Offers) -> Iterator[_Slot]:
    needs = {(need.key, need.chart.version): need for need in closure.needs if need.parent == root.node}
    for step in resolver.steps(root):
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
        current = _Candidate(key, version, loads)
        yield _Slot(key, identity, current, partial(_others, current, identity, resolver, offers))


def _others(
    current: _Candidate, identity: ChartIdentity, resolver: Resolver, offers: _Offers
) -> Iterator[_Candidate]:
    try:
        published = resolver.catalog.versions(identity)
    except (ChartNotFound, RepositoryError):
        return
    missing_now = _missing(current)
    for chart in islice(_nearest(published, current.version), MAX_OTHERS):
        loads = offers.loads(identity, resolver.catalog.described(chart))
        other = _Candidate(current.slot, chart.version, loads)
        if _missing(other) <= missing_now:
            yield other


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

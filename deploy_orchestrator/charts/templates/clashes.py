"""Named templates that several charts define, which one all of them get, and whom that harms."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deploy_orchestrator.charts.harm import Harm, worst
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.processing import processed
from deploy_orchestrator.charts.templates.scope import Located, Owner, Scope, Way


@dataclass(frozen=True, slots=True)
class Replacement:
    """`victim` brings the definition `replaced`, and gets that which it is replaced `by`.

    `way` is how its rendered files reach the name, as `file:line` of each call. `certain` is false where a
    call on the way is computed, so that reading cannot tell.
    """

    victim: Owner
    replaced: Located
    by: Located
    way: Way
    certain: bool


@dataclass(frozen=True, slots=True)
class NameClash:
    """One name that several charts define.

    All get `winner`; `others` are the rest, the next to win first. `replacements` are the charts that would
    get another body if they were rendered by themselves.
    """

    name: str
    winner: Located
    others: tuple[Located, ...]
    replacements: tuple[Replacement, ...]

    @property
    def differing(self) -> tuple[Located, ...]:
        """The others whose body is not that of the winner."""
        return tuple(one for one in self.others if one.definition.body != self.winner.definition.body)

    @property
    def harm(self) -> Harm:
        if not self.differing:
            return Harm.NONE
        if not self.replacements:
            return Harm.WORTH_KNOWING
        return Harm.HARMFUL if any(one.certain for one in self.replacements) else Harm.UNKNOWN


def clashes(chart: Chart, values: Mapping[str, Any] | None = None) -> tuple[NameClash, ...]:
    """Every name that more than one chart of `chart` and its subcharts defines, the most harmful first.

    `chart` has all its dependencies in `charts/`. With `values` only what they leave switched on counts;
    without, everything.

    Raises:
        ChartInvalid: a file that is no template, or values of a subchart that are no mapping.
    """
    scope = Scope(processed(chart, values), values or {})
    shared = {name: located for name, located in scope if len({one.owner for one in located}) > 1}
    replacements = _replacements(scope, {name: winner for name, (winner, *_) in shared.items()})
    found = [
        NameClash(name, winner, tuple(others), tuple(replacements.get(name, ())))
        for name, (winner, *others) in shared.items()
    ]
    return tuple(sorted(found, key=lambda clash: (-[*Harm].index(clash.harm), clash.name)))


def harm_among(clashes: Iterable[NameClash], takes_part: Callable[[Owner], bool]) -> Harm:
    """The worst that the charts which take part do to each other, for example all versions of one library."""
    return worst(_among(clash, takes_part).harm for clash in clashes if takes_part(clash.winner.owner))


def harm_among_strangers(clash: NameClash) -> Harm:
    """The harm of a clash between charts that know nothing of each other.

    A chart may replace a template of what it needs on purpose: that is unknown, as only its author knows.
    """
    unmeant = replace(
        clash,
        replacements=tuple(
            one for one in clash.replacements if not _is_above(clash.winner.owner, one.victim)
        ),
    )
    return unmeant.harm if unmeant.replacements or not clash.replacements else Harm.UNKNOWN


def _is_above(owner: Owner, other: Owner) -> bool:
    return other.path.startswith(f"{owner.path}/")


def _among(clash: NameClash, takes_part: Callable[[Owner], bool]) -> NameClash:
    return replace(
        clash,
        others=tuple(one for one in clash.others if takes_part(one.owner)),
        replacements=tuple(one for one in clash.replacements if takes_part(one.replaced.owner)),
    )


def _replacements(scope: Scope, winners: Mapping[str, Located]) -> Mapping[str, list[Replacement]]:
    brought: defaultdict[Owner, dict[str, Located]] = defaultdict(dict)
    for name, winner in winners.items():
        for owner, own in scope.alone(name).items():
            if own.definition.body != winner.definition.body:
                brought[owner][name] = own
    replacements: defaultdict[str, list[Replacement]] = defaultdict(list)
    for owner, replaced in brought.items():
        certain, possible = (scope.reached(owner, guess=guess) for guess in (False, True))
        for name, own in replaced.items():
            if name in possible:
                way = (certain if name in certain else possible).way(name)
                replacements[name].append(Replacement(owner, own, winners[name], way, name in certain))
    return replacements

"""What a chart is built on, where versions clash, what harm that does, and the way out, all at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.errors import ChartError, ChartNotFound
from deploy_orchestrator.charts.graph.changes import Fix
from deploy_orchestrator.charts.graph.closure import Closure, Node, Problem
from deploy_orchestrator.charts.graph.conflicts import Conflict, conflicts
from deploy_orchestrator.charts.graph.contents import composed, placed
from deploy_orchestrator.charts.graph.explain import explain
from deploy_orchestrator.charts.graph.fix import Offers, find_fixes
from deploy_orchestrator.charts.graph.lookup import Found, Step
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.graph.vendoring import find_vendoring
from deploy_orchestrator.charts.harm import Harm, worst
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.templates import (
    Duplicate,
    NameClash,
    Owner,
    clashes,
    duplicates,
    harm_among,
    harm_among_strangers,
)
from deploy_orchestrator.registries import RepositoryError


@dataclass(frozen=True, slots=True)
class Contents:
    """What several charts of one bring, each of which only one can win."""

    clashes: tuple[NameClash, ...]
    duplicates: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True)
class Collision:
    """A named template that charts of different names or origins define, and what that does.

    A chart may mean to replace a template of what it needs; whether it does is not known, and so no harm.
    """

    clash: NameClash
    harm: Harm


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result for one chart.

    `collisions` are the templates, and `duplicates` the objects, that different charts bring, so far as only
    one can win and that is not said by a conflict of versions. `contents` has everything that meets; it is
    None where contents are out of reach, as `unread` says.
    """

    root: Node
    closure: Closure
    conflicts: tuple[Conflict, ...]
    contents: Contents | None
    unread: ChartError | RepositoryError | None = None
    collisions: tuple[Collision, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether a repository was out of reach, so that nobody knows what loads."""
        return any(each.problem is Problem.NO_REPOSITORY for each in self.closure.unresolved)

    @property
    def is_complete(self) -> bool:
        """Whether all was found that the root itself needs; otherwise Helm neither builds nor renders it."""
        return not any(each.parent == self.root for each in self.closure.unresolved)

    @property
    def is_sound(self) -> bool:
        """Whether every conflict can be satisfied, nothing is harmful, and Helm takes what is asked for."""
        harms = (each.harm for each in (*self.conflicts, *self.collisions, *self.duplicates))
        return (
            all(conflict.satisfiable for conflict in self.conflicts)
            and Harm.HARMFUL not in harms
            and not any(each.is_grave for each in self.closure.deviations)
        )

    def as_json(self) -> dict[str, Any]:
        """Everything in plain JSON types."""
        return {
            "chart": self.root.name,
            "version": self.root.version,
            **self.closure.as_json(),
            "conflicts": [_as_json(conflict) for conflict in self.conflicts],
            "templates": [_template(clash) for clash in self.contents.clashes if clash.differing]
            if self.contents
            else None,
            "collisions": [{**_template(each.clash), "harm": each.harm.value} for each in self.collisions],
            "objects": [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "namespace": each.namespace,
                    "harm": each.harm.value,
                    "sources": [str(source) for source in each.sources],
                }
                for each in self.duplicates
            ],
            "unread": str(self.unread) if self.unread else None,
        }


def analyze(
    root: Chart | PublishedChart,
    repositories: Repositories,
    *,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
    assembled: bool = False,
) -> Analysis:
    """Everything about `root`; the parameters and errors are those of `resolve`.

    Harm is judged on the contents of the charts that load.
    """
    resolver = Resolver(Catalog(repositories, as_of), within, assembled=assembled)
    closure = resolver.closure(root, values)
    top = resolver.root(root)
    found = conflicts(closure)
    contents, unread = None, None
    try:
        contents = _contents(top, closure, resolver, values)
    except (ChartError, RepositoryError) as error:
        unread = error
    loaded, offers = dict(placed(top, resolver.steps)) if contents else {}, Offers(resolver)
    judged = (
        replace(
            conflict,
            harm=_harm(conflict, contents, loaded),
            fixes=_fixes(conflict, found, root, closure, offers, values),
        )
        for conflict in found
    )
    told = {conflict.identity for conflict in found}
    return Analysis(
        top.node,
        closure,
        tuple(judged),
        contents,
        unread,
        tuple(_collisions(contents, loaded, told)) if contents else (),
        tuple(_duplicates(contents, loaded, told)) if contents else (),
    )


def _contents(
    top: Found, closure: Closure, resolver: Resolver, values: Mapping[str, Any] | None
) -> Contents | None:
    for missing in closure.lost:
        raise ChartNotFound(
            f"{missing.dependency.name}, which {missing.parent} needs, was not found: {missing.why}"
        )
    chart = composed(top, resolver.steps, resolver.catalog.contents)
    return _in(chart, values) if chart else None


def _in(chart: Chart, values: Mapping[str, Any] | None) -> Contents:
    return Contents(clashes(chart, values), duplicates(chart, values))


def _harm(conflict: Conflict, contents: Contents | None, loaded: Mapping[str, Node]) -> Harm:
    def takes_part(owner: Owner) -> bool:
        return owner.path in loaded and loaded[owner.path].identity == conflict.identity

    if contents is None:
        return Harm.UNKNOWN
    among = (
        duplicate.harm
        for duplicate in contents.duplicates
        if sum(takes_part(source.owner) for source in duplicate.sources) > 1
    )
    return worst((harm_among(contents.clashes, takes_part), *among))


def _collisions(
    contents: Contents, loaded: Mapping[str, Node], told: Collection[ChartIdentity]
) -> Iterator[Collision]:
    for clash in contents.clashes:
        owners = [one.owner for one in (clash.winner, *clash.differing)]
        harm = harm_among_strangers(clash)
        if harm in (Harm.UNKNOWN, Harm.HARMFUL) and not _is_told(owners, loaded, told):
            yield Collision(clash, harm)


def _duplicates(
    contents: Contents, loaded: Mapping[str, Node], told: Collection[ChartIdentity]
) -> Iterator[Duplicate]:
    for each in contents.duplicates:
        owners = [source.owner for source in each.sources]
        if each.harm is not Harm.NONE and not _is_told(owners, loaded, told):
            yield each


def _is_told(owners: Iterable[Owner], loaded: Mapping[str, Node], told: Collection[ChartIdentity]) -> bool:
    meeting = {loaded[owner.path].identity if owner.path in loaded else owner for owner in owners}
    return len(meeting) == 1 and meeting <= {*told}


def _fixes(
    conflict: Conflict,
    among: Collection[Conflict],
    root: Chart | PublishedChart,
    closure: Closure,
    offers: Offers,
    values: Mapping[str, Any] | None,
) -> tuple[Fix, ...]:
    resolver = offers.resolver
    top = resolver.root(root)
    keys = [step.dependency.key for step in resolver.steps(top)]
    if len({*keys}) < len(keys):
        return ()
    if fixes := find_fixes(conflict, among, root, closure, offers):
        return fixes

    def is_harmless(steps: Callable[[Found], Iterable[Step]]) -> bool:
        chart = composed(top, steps, resolver.catalog.contents)
        then = _in(chart, values) if chart else None
        return then is not None and _harm(conflict, then, dict(placed(top, steps))) is Harm.NONE

    try:
        vendored = find_vendoring(conflict, among, top, resolver, is_harmless)
    except (ChartError, RepositoryError):
        return ()
    return (vendored,) if vendored else ()


def _as_json(conflict: Conflict) -> dict[str, Any]:
    return {
        "name": conflict.name,
        "repository": conflict.repository,
        "requirements": [
            {"constraint": one.constraint, "path": list(one.path), "loads": one.loads}
            for one in conflict.requirements
        ],
        "satisfiable": conflict.satisfiable,
        "satisfying": list(conflict.satisfying),
        "provable": conflict.disjoint,
        "resolved": list(conflict.resolved),
        "harm": conflict.harm.value,
        "fix": conflict.fix,
        "fixes": [str(fix) for fix in conflict.fixes],
        "why": explain(conflict),
    }


def _template(clash: NameClash) -> dict[str, Any]:
    return {
        "name": clash.name,
        "harm": clash.harm.value,
        "wins": str(clash.winner),
        "loses": [str(one) for one in clash.differing],
        "replaced": [
            {
                "chart": str(one.victim),
                "template": str(one.replaced),
                "way": list(one.way),
                "certain": one.certain,
            }
            for one in clash.replacements
        ],
    }

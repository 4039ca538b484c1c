"""What a chart is built on, where versions clash, what harm that does, and the way out, all at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.errors import ChartError, ChartNotFound
from deploy_orchestrator.charts.graph.closure import Closure, Node
from deploy_orchestrator.charts.graph.conflicts import Conflict, conflicts
from deploy_orchestrator.charts.graph.contents import composed, placed
from deploy_orchestrator.charts.graph.explain import explain
from deploy_orchestrator.charts.graph.fix import find_fix
from deploy_orchestrator.charts.graph.lookup import Found, root_of
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.harm import Harm, worst
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.templates import Clash, Duplicate, Owner, clashes, duplicates, harm_among
from deploy_orchestrator.registries import RepositoryError


@dataclass(frozen=True, slots=True)
class Contents:
    """What several charts of one bring, each of which only one can win."""

    clashes: tuple[Clash, ...]
    duplicates: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result for one chart.

    `contents` is looked at where charts could get in each other's way: where there are conflicts, or charts
    of one name. It is None where that was not so, or where they are out of reach, as `unread` says.
    """

    root: Node
    closure: Closure
    conflicts: tuple[Conflict, ...]
    contents: Contents | None
    unread: ChartError | RepositoryError | None = None

    @property
    def is_sound(self) -> bool:
        """Whether every conflict can be satisfied, and none is harmful."""
        return all(conflict.satisfiable and conflict.harm is not Harm.HARMFUL for conflict in self.conflicts)

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
            "unread": str(self.unread) if self.unread else None,
        }


def analyze(
    root: Chart | PublishedChart,
    repositories: Repositories,
    *,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
) -> Analysis:
    """Everything about `root`; the parameters and errors are those of `resolve`.

    Harm is judged on the contents of the charts that load. They are downloaded if there are conflicts.
    """
    resolver = Resolver(Catalog(repositories, as_of), within)
    closure = resolver.closure(root, values)
    top = root_of(root, within)
    found = conflicts(closure)
    contents, unread = None, None
    if found or _has_namesakes(closure):
        try:
            contents = _contents(top, closure, resolver, values)
        except (ChartError, RepositoryError) as error:
            unread = error
    loaded = dict(placed(top, resolver.steps)) if found and contents else {}
    judged = (
        replace(
            conflict,
            harm=_harm(conflict, contents, loaded),
            fix=_fix(conflict, found, top, closure, resolver),
        )
        for conflict in found
    )
    return Analysis(top.node, closure, tuple(judged), contents, unread)


def _has_namesakes(closure: Closure) -> bool:
    names = [identity.name for identity in {node.identity for node in closure.graph}]
    return len(names) > len(set(names))


def _contents(
    top: Found, closure: Closure, resolver: Resolver, values: Mapping[str, Any] | None
) -> Contents | None:
    for missing in closure.unresolved:
        raise ChartNotFound(
            f"{missing.dependency.name}, which {missing.parent} needs, was not found: {missing.why}"
        )
    chart = composed(top, resolver.steps, resolver.catalog.contents)
    return Contents(clashes(chart, values), duplicates(chart, values)) if chart else None


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


def _fix(
    conflict: Conflict, among: Collection[Conflict], top: Found, closure: Closure, resolver: Resolver
) -> str | None:
    fix = find_fix(conflict, among, top, closure, resolver)
    return str(fix) if fix else None


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
        "why": explain(conflict),
    }


def _template(clash: Clash) -> dict[str, Any]:
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

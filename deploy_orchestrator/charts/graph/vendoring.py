"""The way out where no published version is one: packages kept unpacked, with another chart inside."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from deploy_orchestrator.charts.errors import ChartError
from deploy_orchestrator.charts.graph.changes import Fix, Vendored, VersionChange
from deploy_orchestrator.charts.graph.conflicts import Conflict
from deploy_orchestrator.charts.graph.contents import placed
from deploy_orchestrator.charts.graph.lookup import Found, Step
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.registries import RepositoryError

MAX_VERSIONS = 5
"""The most versions of the chart in question that are tried."""

Steps = Callable[[Found], Iterable[Step]]


def find_vendoring(
    conflict: Conflict,
    among: Collection[Conflict],
    top: Found,
    resolver: Resolver,
    is_harmless: Callable[[Steps], bool],
) -> Fix | None:
    """The fewest direct dependencies of `top` to keep unpacked for everything to load one version that all
    constraints allow; None where that cannot be had, brings another conflict, or is not `is_harmless`.

    Of equally few those go first that load a version which is there now, then the newest.
    """
    tolerated = {other.identity for other in among} - {conflict.identity}
    loaded = [version for version in conflict.satisfying if version in conflict.resolved]
    others = [version for version in conflict.satisfying if version not in conflict.resolved]
    found: list[Fix] = []
    for version in (loaded + others)[:MAX_VERSIONS]:
        instead = _in_version(conflict.identity, version, resolver)
        if instead is None:
            continue
        steps = _Replaced(conflict.identity, instead, resolver.steps).steps
        fix = _fix(conflict, version, top, resolver.steps)
        if fix and _clashing(top, steps) <= tolerated and is_harmless(steps):
            found.append(fix)
    return min(found, key=lambda fix: len(fix.keys), default=None)


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What charts need, with one of them in one version wherever it stands."""

    identity: ChartIdentity
    instead: Found
    now: Steps

    def steps(self, found: Found) -> Iterator[Step]:
        for step in self.now(found):
            is_it = isinstance(step.to, Found) and step.to.node.identity == self.identity
            yield replace(step, to=self.instead) if is_it else step


def _in_version(identity: ChartIdentity, version: str, resolver: Resolver) -> Found | None:
    try:
        found = resolver.root(resolver.catalog.exactly(identity, version))
    except (ChartError, RepositoryError):
        return None
    return found if found.contents else None


def _fix(conflict: Conflict, version: str, top: Found, steps: Steps) -> Fix | None:
    changes: list[VersionChange] = []
    vendored: list[Vendored] = []
    for step in steps(top):
        if not isinstance(step.to, Found):
            continue
        node = step.to.node
        if node.identity == conflict.identity:
            if node.version != version:
                changes.append(VersionChange(step.dependency.key, node.version, version))
            continue
        below = {one.version for _, one in placed(step.to, steps) if one.identity == conflict.identity}
        if below - {version}:
            if step.to.contents is None:
                return None
            vendored.append(Vendored(step.dependency.key, node.name, node.version))
    return Fix(conflict.name, tuple(changes), version, vendored=tuple(vendored)) if vendored else None


def _clashing(top: Found, steps: Steps) -> set[ChartIdentity]:
    versions: dict[ChartIdentity, set[str]] = {}
    for _, node in placed(top, steps):
        versions.setdefault(node.identity, set()).add(node.version)
    return {identity for identity, found in versions.items() if len(found) > 1}

"""Where the charts of a deployment get in each other's way, with the values that it gives them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from deploy_orchestrator.charts import (
    Analysis,
    Chart,
    ChartError,
    Conflict,
    Harm,
    Repositories,
    analyze,
    explain,
    layered,
    load,
    replacement,
)
from deploy_orchestrator.documents import parse
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.composition import ChartRelease, releases_of
from deploy_orchestrator.manifests.exceptions import excepted
from deploy_orchestrator.manifests.findings import Check, Finding
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.registries import Offline, RepositoryError
from deploy_orchestrator.storage import cache_key

_FORMAT: Final = "conflicts 2"
CONFLICT: Final = Check(
    "dependency-conflict",
    "error",
    "The templates of one version replace those of another, so objects are not what their chart meant.",
    "take versions of the charts that agree; the conflict report tells which",
)
DEVIATION: Final = Check(
    "dependency-deviation",
    "error",
    "Helm takes another chart for a dependency than is asked for, or another at each run.",
    "build charts/ anew, or write exact versions and give one copy each",
)
UNJUDGED: Final = Check(
    "dependency-unjudged",
    "warning",
    "Whether templates replace each other there cannot be told.",
    "look at what the charts include, or take versions that agree",
)


def conflicts(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> list[Finding]:
    """Where charts get in each other's way in what Helm would load for a deployment.

    Errors are conflicts of versions, named templates and objects that do harm, conflicts that nothing could
    satisfy and nobody can say to be harmless, and what Helm takes in place of what is asked for; conflicts of
    unknown harm are warnings.

    Nothing is looked up: what stands in the charts decides. What was found is kept for the same charts with
    the same values.

    Raises:
        OrchestratorError: a chart, its values or its dependencies cannot be had.
    """
    releases = releases_of(deployment, fleet, workspace)
    found = (finding for each in releases if each.chart.meets for finding in _kept(each, workspace))
    return excepted(found, deployment, datetime.now(UTC))


def _kept(release: ChartRelease, workspace: Workspace) -> list[Finding]:
    key = cache_key(_FORMAT, release.chart.digest, release.source, json.dumps(release.request["layers"]))
    kept = workspace.releases.read(key)
    if kept is not None:
        return [Finding.from_json(each) for each in json.loads(kept)]
    found = list(_found(release))
    workspace.releases.write(key, json.dumps([each.as_json() for each in found]).encode())
    return found


def _found(release: ChartRelease) -> Iterator[Finding]:
    values = layered(parse(layer.data, layer.path).value or {} for layer in release.layers)
    place = Place(f"{release.source}/Chart.yaml")
    try:
        chart = _loaded(release.chart.path, release.chart.digest)
        analysis = analyze(chart, Repositories(web=Offline()), values=values)
    except (ChartError, RepositoryError) as error:
        yield UNJUDGED.finding(None, f"{release.source}: {error.what}", error.fix, place)
        return
    for missing in analysis.closure.unresolved:
        needed = f"{missing.dependency.name} {missing.dependency.version}"
        yield UNJUDGED.finding(
            None, f"{release.source}: {missing.parent} needs {needed} and does not bring it"
        )
    for each in analysis.closure.deviations:
        if each.is_grave:
            yield DEVIATION.finding(None, f"{release.source}: {each.parent} needs {each.key}: {each.why}")
    for collision in analysis.collisions:
        if collision.harm is Harm.HARMFUL:
            for sentence in dict.fromkeys(map(replacement, collision.clash.replacements)):
                yield CONFLICT.finding(None, f"{release.source}: {sentence.removesuffix('.')}")
    for conflict in analysis.conflicts:
        if check := _check(conflict, analysis):
            yield check.finding(
                None, f"{release.source}: {explain(conflict).removesuffix('.')}", conflict.fix
            )


@lru_cache(maxsize=8)
def _loaded(path: Path, digest: str) -> Chart:
    """The chart with this digest that was put together at `path`, once for all deployments that run it."""
    return load(path)


def _check(conflict: Conflict, analysis: Analysis) -> Check | None:
    if conflict.harm is Harm.UNKNOWN:
        return CONFLICT if conflict.disjoint and analysis.contents else UNJUDGED
    return CONFLICT if conflict.harm is Harm.HARMFUL else None

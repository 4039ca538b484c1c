"""The way out of a conflict that keeps packages unpacked, written into a chart's folder."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from deploy_orchestrator.charts.graph.changes import Fix
from deploy_orchestrator.charts.loading import Chart, unpacked
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.upgrades.altering import with_copy
from deploy_orchestrator.charts.upgrades.rewriting import Rewrite, rewritten


def kept_unpacked(
    chart: Chart,
    fix: Fix,
    about: ChartIdentity,
    direct: Mapping[str, ChartIdentity],
    repositories: Repositories,
    generated: datetime,
    *,
    within: Path | None = None,
) -> Rewrite:
    """`chart`, read from a folder, once `fix` of a conflict on the chart `about` is taken: what is `vendored`
    stands in `charts/` unpacked, with the other version inside, and names no repository any more.

    `direct` is what the chart needs itself, by its keys.

    Raises:
        ChartError, RepositoryError: as `rewritten`; also where a package cannot be had or read.
    """
    catalog = Catalog(repositories)

    def package(identity: ChartIdentity, version: str) -> bytes:
        return repositories.package(catalog.exactly(identity, version))

    kept = {
        each.key: with_copy(
            unpacked(package(direct[each.key], each.version), each.name),
            about.name,
            fix.loads or "",
            package(about, fix.loads or ""),
        )
        for each in fix.vendored
    }
    versions = {each.key: each.after for each in fix.changes}
    return rewritten(chart, versions, repositories, generated, within=within, kept=kept)

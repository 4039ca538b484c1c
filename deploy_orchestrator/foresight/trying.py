"""Ways out of conflicts, tried before they are proposed: whether Helm still renders the chart then."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts import (
    Analysis,
    Catalog,
    Chart,
    ChartIdentity,
    Conflict,
    Fix,
    PublishedChart,
    Repositories,
    altered,
    assemble,
    files_of,
    unpacked,
)
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import Workspace, require_rendering
from deploy_orchestrator.outcomes import attempt

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Tried:
    """An `analysis` without the ways out with which the chart does not render: those are `refused`, each with
    what Helm said. `untried` says why none was tried, where the chart cannot be rendered as it is.
    """

    analysis: Analysis
    refused: tuple[tuple[Fix, OrchestratorError], ...] = ()
    untried: OrchestratorError | None = None


def tried(
    root: Chart | PublishedChart,
    analysis: Analysis,
    repositories: Repositories,
    *,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
) -> Tried:
    """Render `root` with each way out of each conflict of its `analysis`, with all that it needs.

    Where packages are out of reach nothing is rendered, and neither is a package that stands in a file.
    """
    is_file = isinstance(root, Chart) and root.path is None
    if is_file or analysis.contents is None or not any(each.fixes for each in analysis.conflicts):
        return Tried(analysis)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch, "cache"), processes=1)
        try:
            return _Trial(root, analysis, repositories, values or {}, within, Path(scratch), workspace).all()
        finally:
            workspace.close()


@dataclass(frozen=True, slots=True)
class _Trial:
    root: Chart | PublishedChart
    analysis: Analysis
    repositories: Repositories
    values: Mapping[str, Any]
    within: Path | None
    scratch: Path
    workspace: Workspace

    def all(self) -> Tried:
        now = attempt(self._rendered_now)
        if isinstance(now, OrchestratorError):
            return Tried(self.analysis, untried=now)
        outcomes = [
            (conflict, fix, attempt(self._rendered, now, conflict, fix))
            for conflict in self.analysis.conflicts
            for fix in conflict.fixes
        ]
        refused = [(fix, each) for _, fix, each in outcomes if isinstance(each, OrchestratorError)]
        bad = {fix for fix, _ in refused}
        conflicts = (
            replace(each, fixes=tuple(fix for fix in each.fixes if fix not in bad))
            for each in self.analysis.conflicts
        )
        return Tried(replace(self.analysis, conflicts=tuple(conflicts)), tuple(refused))

    def _rendered_now(self) -> Files:
        files = self._whole()
        self._render(files, "now")
        return files

    def _rendered(self, whole: Files, conflict: Conflict, fix: Fix) -> None:
        catalog = Catalog(self.repositories)

        def package(chart: ChartIdentity, version: str) -> bytes:
            return self.repositories.package(catalog.exactly(chart, version))

        direct = dict(self._direct())
        then = altered(whole, fix, conflict.identity, direct, package)
        self._render(then, f"{conflict.name}-{conflict.fixes.index(fix)}")

    def _direct(self) -> Iterator[tuple[str, ChartIdentity]]:
        closure = self.analysis.closure
        for need in closure.needs:
            if need.parent == self.analysis.root:
                yield need.key, need.chart.identity
        for missing in closure.unresolved:
            if missing.parent == self.analysis.root and missing.identity:
                yield missing.dependency.key, missing.identity

    def _whole(self) -> Files:
        if isinstance(self.root, PublishedChart):
            return unpacked(self.repositories.package(self.root), str(self.root))
        folder = self.scratch / "whole"
        assemble(self.root.path or Path(), folder, self.repositories, within=self.within)
        return files_of(folder)

    def _render(self, files: Files, name: str) -> None:
        folder = self.scratch / name / self.root.name
        for path, data in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        require_rendering(folder, self.values, self.workspace)

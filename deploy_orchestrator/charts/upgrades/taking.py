"""Other versions of a chart's dependencies, taken together: what that comes to, before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.sources.work_tree import boundary_of
from deploy_orchestrator.charts.upgrades.rewriting import Rewrite, rewritten
from deploy_orchestrator.charts.upgrades.upgrade import Upgrade, compare
from deploy_orchestrator.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class Taken:
    """A chart with other versions, and what that changes."""

    rewrite: Rewrite
    change: Upgrade


class UpgradesClash(OrchestratorError):
    """Versions that do harm in a chart."""


def taken_together(
    root: Chart | PublishedChart,
    versions: Mapping[str, str],
    repositories: Repositories,
    values: Mapping[str, Any] | None,
    generated: datetime | None = None,
) -> Taken:
    """The chart in a folder with exactly these versions of dependencies, by their keys; nothing is written.

    The lock says that it was `generated` then, by default now.

    Raises:
        UpgradesClash: a conflict that is grave appears, or a chart goes missing.
        ChartError, RepositoryError: as `rewritten` and `compare`.
    """
    if isinstance(root, PublishedChart):
        raise ChartInvalid("a published chart cannot be changed", fix="name the folder that it is made from")
    boundary = boundary_of(root.path) if root.path else None
    then = rewritten(root, versions, repositories, generated or datetime.now(UTC), within=boundary)
    change = compare(root, then.after, repositories, values=values, within=boundary)
    if not change.impact.is_sound:
        taken = ", ".join(f"{key} {version}" for key, version in versions.items())
        raise UpgradesClash(
            f"with {taken}, charts do harm to each other or go missing",
            fix="see what each does with `deploy-orchestrator impact CHART --dependency NAME --to VERSION`",
        )
    return Taken(then, change)

"""Other versions of a chart's dependencies, taken together: what that comes to, before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy_orchestrator.charts import (
    Chart,
    ChartInvalid,
    PublishedChart,
    Repositories,
    Rewrite,
    Upgrade,
    compare,
    rewritten,
)
from deploy_orchestrator.cli.chart_options import around
from deploy_orchestrator.cli.output import plain, say, say_below
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
    then = rewritten(root, versions, repositories, generated or datetime.now(UTC), within=around(root))
    change = compare(root, then.after, repositories, values=values, within=around(root))
    if not change.impact.is_sound:
        taken = ", ".join(f"{key} {version}" for key, version in versions.items())
        raise UpgradesClash(
            f"with {taken}, charts do harm to each other or go missing",
            fix="see what each does with `deploy-orchestrator impact CHART --dependency NAME --to VERSION`",
        )
    return Taken(then, change)


def as_json(taken: Taken) -> dict[str, Any]:
    """What was written, or would be, and which versions load before and after, in plain JSON types."""
    return {
        "version": taken.change.after.root.version,
        "files": [*taken.rewrite.files],
        "changes": [
            {**one.identity._asdict(), "before": one.before, "after": one.after}
            for one in taken.change.impact.charts
            if one.identity != taken.change.after.root.identity
        ],
    }


def show_taken(taken: Taken, wrote: str) -> None:
    """What was written, or would be, and which versions load before and after."""
    change = taken.change
    say(plain(f"{wrote} {change.before.root} as {change.after.root}", "green"))
    say_below(
        (one.identity.name, f"{', '.join(one.before) or 'none'} → {', '.join(one.after) or 'none'}")
        for one in change.impact.charts
        if one.identity != change.after.root.identity
    )

"""What is told of versions of dependencies that are taken together."""

from typing import Any

from deploy_orchestrator.charts import Taken
from deploy_orchestrator.cli.output import plain, say, say_below


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

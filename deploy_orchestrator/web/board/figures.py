"""The figures of software delivery, as the board shows them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from deploy_orchestrator.telemetry import Dora, Past, figures_between

DAYS: Final = 30


def figures_now(past: Past) -> Dora:
    """Those of the last `DAYS`. Raises GitError where the history cannot be read."""
    now = datetime.now(UTC)
    return figures_between(past.changes(), now - timedelta(days=DAYS), now)

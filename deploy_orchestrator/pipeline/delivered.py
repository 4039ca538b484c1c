"""What is remembered of making a release live: how it went and when, for those who ask months later."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from deploy_orchestrator.delivery import Status, SyncFailed, SyncTimedOut, SyncUnhealthy
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import GitError
from deploy_orchestrator.outcomes import Outcome
from deploy_orchestrator.releases import Delivered, Deployments, Release

_LOG: Final = logging.getLogger(__name__)


def delivery(release: Release, outcome: Outcome[Status]) -> Delivered | None:
    """What to remember of how following `release` ended; None where that says nothing about the release.

    It got healthy when its sync was over and its health was seen, whichever came last. A release that is
    removed, or in whose place another one came, is no delivery.
    """
    if isinstance(outcome, OrchestratorError):
        tried = isinstance(outcome, SyncFailed | SyncUnhealthy | SyncTimedOut)
        return Delivered.of(release, "failed", datetime.now(UTC)) if tried else None
    finished = outcome.operation.finished if outcome.operation else None
    return (
        None
        if release.removal
        else Delivered.of(release, "healthy", max(outcome.since, finished or outcome.since))
    )


def remember(deployments: Deployments, delivered: Sequence[Delivered]) -> None:
    """Write it down; where that cannot be done, what is live is so all the same, and the log says what is
    missing.
    """
    try:
        deployments.record_deliveries(delivered)
    except GitError as error:
        lost = ", ".join(f"{each.environment}/{each.tenant}" for each in delivered)
        _LOG.warning("how the delivery of %s went is not recorded: %s", lost, error)

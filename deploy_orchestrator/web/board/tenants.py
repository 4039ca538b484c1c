"""A tenant in all its environments, and what happened to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, Overview, Standing
from deploy_orchestrator.releases import ReleaseEvent
from deploy_orchestrator.telemetry import Past, ReleaseCommit

MAX_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Happened:
    """What a `commit` did in an `environment`, how long it took to be live and when it was found to have
    `failed`, where that is known.
    """

    environment: str
    kind: str
    commit: str
    at: datetime
    live_after: timedelta | None
    failed: datetime | None
    event: ReleaseEvent | None


@dataclass(frozen=True, slots=True)
class TenantPage:
    """A tenant where it is, who stopped the line for it, and the newest `MAX_EVENTS` of what happened."""

    name: str
    standings: tuple[Standing, ...]
    paused: tuple[str, ...]
    timeline: tuple[Happened, ...]


def tenant_of(orchestrator: Orchestrator, overview: Overview, past: Past, name: str) -> TenantPage | None:
    """What there is to tell of a tenant; None where there is none. Raises GitError as reading does."""
    here = tuple(each for each in overview.deployments if each.tenant == name)
    if not here:
        return None
    changes = [each for each in past.changes() if each.tenant == name][-MAX_EVENTS:]
    paused = [
        str(each)
        for each in overview.paused
        if any(each.line.holds(one.environment, one.tenant) for one in here)
    ]
    return TenantPage(
        name, here, tuple(paused), tuple(_happened(orchestrator, each) for each in changes[::-1])
    )


def _happened(orchestrator: Orchestrator, change: ReleaseCommit) -> Happened:
    found = attempt(
        orchestrator.deployments.event, change.environment, change.tenant, change.commit, change.kind
    )
    event = None if isinstance(found, OrchestratorError) else found
    live_after = change.healthy - change.at if change.healthy else None
    return Happened(
        change.environment, change.kind, change.commit, change.at, live_after, change.failed, event
    )

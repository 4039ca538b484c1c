"""What is released made live, while somebody waits for it."""

from collections.abc import Sequence

import typer

from deploy_orchestrator.cli.options import Format
from deploy_orchestrator.cli.output import coloured, progress, say, show_json, tell
from deploy_orchestrator.delivery import Status, SyncError
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import Outcome, raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release


def deliver(orchestrator: Orchestrator, release: Release, output: Format) -> None:
    """Sync a release, follow it until it is live, and tell so. Raises typer.Exit(1) where it does not become
    healthy.
    """
    ((_, outcome),) = _delivered(orchestrator, [release])
    failure = outcome if isinstance(outcome, SyncError) else None
    state = failure.status if failure else raised(outcome)
    if output is Format.JSON:
        show_json({"release": release, "status": state})
    else:
        _tell(release, outcome)
    if failure is not None:
        if output is Format.JSON:
            tell(failure)
        raise typer.Exit(1)


def deliver_all(orchestrator: Orchestrator, releases: Sequence[Release], output: Format) -> bool:
    """As `deliver` for many of one environment. Whether all of them became healthy."""
    outcomes = _delivered(orchestrator, releases)
    if output is Format.JSON:
        show_json([{"release": release, "status": _status(outcome)} for release, outcome in outcomes])
    for release, outcome in outcomes:
        if output is Format.TEXT:
            _tell(release, outcome)
        elif isinstance(outcome, OrchestratorError):
            tell(outcome)
    return not any(isinstance(outcome, OrchestratorError) for _, outcome in outcomes)


def _delivered(
    orchestrator: Orchestrator, releases: Sequence[Release]
) -> list[tuple[Release, Outcome[Status]]]:
    if broken := orchestrator.broken_fleet():
        tell(broken)
    with progress("waiting until it is live"):
        return list(orchestrator.deliver_all(releases))


def _status(outcome: Outcome[Status]) -> Status | None:
    if isinstance(outcome, SyncError):
        return outcome.status
    return None if isinstance(outcome, OrchestratorError) else outcome


def _tell(release: Release, outcome: Outcome[Status]) -> None:
    if isinstance(outcome, OrchestratorError):
        tell(outcome)
    else:
        say(f"{release.key}: ", coloured(outcome.health))

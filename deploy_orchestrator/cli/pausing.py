"""`pause`, `resume`: stop the line, and start it again."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Reason
from deploy_orchestrator.cli.output import say, show_json, tell
from deploy_orchestrator.cli.signing import Key, SignsAs, signer
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import among
from deploy_orchestrator.git import Signer
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Line

SomeTenant = Annotated[
    str | None, typer.Argument(metavar="[TENANT]", help="One tenant there; by default all of them.")
]


class MayNotStop(OrchestratorError):
    """Somebody may not pause or resume, or what they signed does not count."""


def pause(
    context: typer.Context,
    environment: Environment,
    reason: Reason,
    tenant: SomeTenant = None,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Stop the line: release nothing more in an environment, or for a tenant there.

    Rollbacks go out, and what is released stays. Pushes a commit signed with your SSH key; the policy names
    who may. The exit code is 1 when your decision does not count, which is told with the reason.
    """
    _stop(context, "pause", Line(environment, tenant), reason, signer(email, key), output)


def resume(
    context: typer.Context,
    environment: Environment,
    reason: Reason,
    tenant: SomeTenant = None,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Start the line again, whoever has stopped it.

    What waited is released where nothing else stands in its way. Pushes a commit signed with your SSH key;
    the policy names who may. The exit code is 1 when your decision does not count, which is told with the
    reason.
    """
    _stop(context, "resume", Line(environment, tenant), reason, signer(email, key), output)


def _stop(
    context: typer.Context,
    decision: Literal["pause", "resume"],
    line: Line,
    reason: str,
    person: Signer,
    output: Format,
) -> None:
    orchestrator = opened(context)
    _check_may(orchestrator, decision, line, person.person.email)
    commit = orchestrator.stop(line, decision, reason, person)
    fleet = orchestrator.fleet()
    policy, signers = fleet.environment(line.environment).policy, fleet.signers(line.environment)
    trusted = fleet.trusted(line.environment)
    now = orchestrator.deployments.pausing(line, policy, signers, datetime.now(UTC), issuers=trusted)
    counts = commit.id in {each.commit for each in (*now.paused, now.resumed) if each}
    if output is Format.JSON:
        told = {"decision": decision, "who": person.person.email, "commit": commit.id, "counts": counts}
        show_json(
            {**told, "environment": line.environment, "tenant": line.tenant, "paused": bool(now.paused)}
        )
    elif counts:
        state = "nothing more is released" if now.paused else "what waits is released again"
        say(f"{line.key}: {state}; signed as {person.person.email}, commit {commit.id[:8]}")
    if not counts:
        refused = orchestrator.deployments.approvals(line.digest, signers)[1]
        why = next((each.reason for each in refused if each.commit == commit.id), "somebody else was faster")
        tell(MayNotStop(f"{line.key}: your decision does not count: {why}"))
        raise typer.Exit(1)


def _check_may(orchestrator: Orchestrator, decision: str, line: Line, who: str) -> None:
    fleet = orchestrator.fleet()
    policy = fleet.environment(line.environment).policy
    if line.tenant is not None:
        require_known(fleet, None, line.tenant)
    people = policy.pausers if decision == "pause" else policy.resumers
    if not among(who, people):
        raise MayNotStop(
            f"{who} may not {decision} {line.key}",
            fix=f"ask one of: {', '.join(people)}"
            if people
            else f"name who may in fleet.yaml: pause.pausers in the policy of {line.environment}",
        )

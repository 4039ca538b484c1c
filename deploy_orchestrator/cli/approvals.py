"""`pending`, `approve`, `reject`: what waits, and the decisions that people sign."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy_orchestrator.cli.output import (
    Environment,
    Format,
    FormatOption,
    Tenant,
    coloured,
    opened,
    screen,
    show_diff,
    show_json,
    show_reason,
    table,
)
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Person, Signer
from deploy_orchestrator.orchestrator import Orchestrator
from deploy_orchestrator.releases import Gate, Plan

Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for those who read it later.")]
Digest = Annotated[str | None, typer.Option(help="Decide only if this digest is what is pending.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Email = Annotated[str | None, typer.Option("--as", help="Your e-mail; default: git's user.email.")]
Key = Annotated[Path | None, typer.Option(help="Your SSH key; default: git's user.signingkey.")]


class NotPending(OrchestratorError):
    """There is nothing to decide on, or it is not what the user means."""


def pending(context: typer.Context, format: FormatOption = Format.TEXT) -> None:  # noqa: A002
    """List what waits to be released, and what each waits for."""
    orchestrator = opened(context)
    plans = [(plan, orchestrator.gates(plan)) for plan in orchestrator.deployments.pending_plans()]
    if format is Format.JSON:
        show_json([{"plan": plan, "gates": gates} for plan, gates in plans])
        return
    if not plans:
        screen.print("Nothing waits.")
        return
    listed = table("deployment", "verdict", "digest", "change", last="waits for")
    for plan, gates in plans:
        listed.add_row(
            plan.key, coloured(plan.verdict), _bare(plan.digest)[:12], str(plan.summary), _waits_for(gates)
        )
    screen.print(listed)


def approve(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason = "",
    digest: Digest = None,
    yes: Yes = False,
    email: Email = None,
    key: Key = None,
) -> None:
    """Approve exactly the bytes that are pending, in a commit signed with your SSH key."""
    _decide(context, "approve", environment, tenant, reason, digest, yes, _signer(email, key))


def reject(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason,
    digest: Digest = None,
    yes: Yes = False,
    email: Email = None,
    key: Key = None,
) -> None:
    """Reject the bytes that are pending, in a commit signed with your SSH key."""
    _decide(context, "reject", environment, tenant, reason, digest, yes, _signer(email, key))


def _decide(
    context: typer.Context,
    decision: Literal["approve", "reject"],
    environment: str,
    tenant: str,
    reason: str,
    digest: str | None,
    yes: bool,
    signer: Signer,
) -> None:
    orchestrator = opened(context)
    plan = orchestrator.deployments.pending(environment, tenant)
    if plan is None:
        raise NotPending(f"{environment}/{tenant}: nothing is pending", fix="deploy-orchestrator pending")
    if digest is not None and not plan.digest.removeprefix("sha256:").startswith(
        digest.removeprefix("sha256:")
    ):
        raise NotPending(
            f"{plan.key}: what is pending now is {plan.digest}",
            fix="look at it with `deploy-orchestrator plan` and decide again",
        )
    if not yes:
        _present(orchestrator, plan)
        typer.confirm(f"{decision} {plan.digest} as {signer.person.email}?", abort=True)
    commit = orchestrator.decide(plan, decision, reason, signer)
    done = "approved" if decision == "approve" else "rejected"
    screen.print(f"{done} {plan.key} {plan.digest} as {signer.person.email}, commit {commit.id[:12]}")
    for gate in orchestrator.gates(plan):
        if not gate.passed:
            screen.print(coloured(gate.state), f" {gate.key}: {gate.reason}")


def _present(orchestrator: Orchestrator, plan: Plan) -> None:
    if difference := orchestrator.deployments.difference(plan.environment, plan.tenant):
        show_diff(difference)
    screen.print(coloured(plan.verdict), f" {plan.key}: {plan.summary}, by {', '.join(plan.source.authors)}")
    for reason in plan.reasons:
        show_reason(reason)


def _signer(email: str | None, key: Path | None) -> Signer:
    if email is None and key is None:
        return Signer.configured()
    if email is None or key is None:
        raise NotPending(
            "--as and --key go together", fix="give both, or neither to sign as git is configured"
        )
    return Signer(Person(email.partition("@")[0], email), str(key.resolve()))


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _waits_for(gates: tuple[Gate, ...]) -> str:
    return "; ".join(gate.reason for gate in gates if not gate.passed) or "its turn"

"""`pending`, `approve`, `reject`, `break-glass`: what waits, and the decisions that people sign."""

import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.text import Text

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Reason, Tenant
from deploy_orchestrator.cli.output import (
    coloured,
    say,
    say_below,
    show_change,
    show_json,
    tell,
)
from deploy_orchestrator.cli.signing import Key, SignsAs, signer
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.git import Commit, Signer
from deploy_orchestrator.outcomes import failures
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Gate, GateState, Plan, count, may_approve

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


class Undecidable(OrchestratorError):
    """There is nothing to decide on, it is not what the user means, or nobody can be asked."""


class VoidDecision(OrchestratorError):
    """A decision was signed and pushed, but does not count."""


def _digest(given: str | None) -> str | None:
    if given is None:
        return None
    if not (match := _DIGEST.fullmatch(given)):
        raise typer.BadParameter("expected at least 12 hexadecimal digits, as `pending` shows them")
    return match[1]


DigestPrefix = Annotated[
    str | None,
    typer.Option(
        callback=_digest, help="Decide only if what is pending has this digest, or one that begins so."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def pending(context: typer.Context, output: Output = Format.TEXT) -> None:
    """List what waits to be released, and what each waits for.

    The exit code is 2 when a plan cannot be read; the others are shown all the same.
    """
    orchestrator = opened(context)
    judged = list(orchestrator.pending())
    plans = [(plan, gates) for plan, gates in judged if not isinstance(gates, OrchestratorError)]
    if output is Format.JSON:
        show_json([{"plan": plan, "gates": gates} for plan, gates in plans])
    elif not judged:
        say("Nothing waits.")
    else:
        for plan, gates in plans:
            say(f"{plan.key}  ", coloured(plan.verdict), f"  {plan.summary}")
            say_below([("digest", _bare(plan.digest)[:12]), *standing(gates)])
    errors = [error for _, error in failures(judged)]
    errors += orchestrator.deployments.unreadable()
    for error in (*errors, *orchestrator.fleet().stalemates):
        tell(error)
    if errors:
        raise typer.Exit(2)


def approve(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason = "",
    digest: DigestPrefix = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Approve exactly the bytes that are pending.

    Shows them with the verdict, asks, and pushes a commit signed with your SSH key. The exit code is 1 when
    your approval does not count, which is told with the reason.
    """
    _decide(context, "approve", environment, tenant, reason, digest, yes, signer(email, key), output)


def reject(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason,
    digest: DigestPrefix = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Reject the bytes that are pending.

    Shows them with the verdict, asks, and pushes a commit signed with your SSH key. Your rejection holds them
    back until you approve them. The exit code is 1 when it does not count, which is told with the reason.
    """
    _decide(context, "reject", environment, tenant, reason, digest, yes, signer(email, key), output)


def break_glass(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason,
    digest: DigestPrefix = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """In an emergency, let exactly the bytes that are pending past what they wait for.

    It takes two of the people whom the policy names for it, none of whom wrote the change, within a few
    hours. The change then waits for no approval, environment before, wave or freeze. Nothing lets through
    what is blocked or rejected, or what is paused. It is kept in Git for good, and people are told.

    Shows the change with the verdict, asks, and pushes a commit signed with your SSH key. The exit code is 1
    when your decision does not count, which is told with the reason.
    """
    _decide(context, "break-glass", environment, tenant, reason, digest, yes, signer(email, key), output)


def _decide(
    context: typer.Context,
    decision: Literal["approve", "reject", "break-glass"],
    environment: str,
    tenant: str,
    reason: str,
    digest: str | None,
    yes: bool,
    person: Signer,
    output: Format,
) -> None:
    if not yes and (output is Format.JSON or not sys.stdin.isatty()):
        raise Undecidable(
            f"nobody can be asked whether to {decision}", fix="add --yes, with --digest to be sure of what"
        )
    orchestrator = opened(context)
    plan = _pending(orchestrator, environment, tenant, digest)
    if not yes:
        difference = orchestrator.deployments.difference(environment, tenant)
        show_change(plan.key, plan, difference, plan.source.authors)
        typer.confirm(f"{decision} {plan.key} as {person.person.email}?", abort=True, err=True)
    commit = orchestrator.decide(plan, decision, reason, person)
    void = _void(orchestrator, plan, commit)
    gates = orchestrator.gates(plan)
    if output is Format.JSON:
        show_json(
            {
                "decision": decision,
                "who": person.person.email,
                "digest": plan.digest,
                "commit": commit.id,
                "void": void.what if void else None,
                "gates": gates,
            }
        )
    elif void is None:
        say(f"{plan.key}: signed as {person.person.email}, commit {commit.id[:12]}, digest {plan.digest}")
        say_below(standing(gates))
    if void is not None:
        tell(void)
        raise typer.Exit(1)


def _pending(orchestrator: Orchestrator, environment: str, tenant: str, digest: str | None) -> Plan:
    plan = orchestrator.deployments.pending(environment, tenant)
    if plan is None:
        require_known(orchestrator.fleet(), environment, tenant)
        raise Undecidable(
            f"{environment}/{tenant}: nothing is pending", fix="see what is: deploy-orchestrator pending"
        )
    if digest is not None and not _bare(plan.digest).startswith(digest):
        raise Undecidable(
            f"{plan.key}: what is pending now is {plan.digest}", fix="look at that, and decide again"
        )
    return plan


def _void(orchestrator: Orchestrator, plan: Plan, commit: Commit) -> VoidDecision | None:
    fleet = orchestrator.fleet()
    believed, refused = orchestrator.deployments.approvals(plan.digest, fleet.allowed_signers)
    for each in refused:
        if each.commit == commit.id:
            return VoidDecision(
                f"{plan.key}: your decision does not count: {each.reason}",
                fix="have your key put into allowed_signers of the fleet under your e-mail, then sign again",
            )
    rule, now = fleet.environment(plan.environment).policy.approval, datetime.now(UTC)
    for each in (*count(believed, rule, plan.source, now).void, *orchestrator.glass(plan).void):
        if each.approval.commit == commit.id:
            return VoidDecision(
                f"{plan.key}: your decision does not count: {each.reason}",
                fix=None if each.approval.decision == "break-glass" else _whom_to_ask(plan, rule),
            )
    return None


def _whom_to_ask(plan: Plan, rule: ApprovalRule | None) -> str | None:
    others = may_approve(rule, plan.source) if rule else []
    return f"ask one of: {', '.join(others)}" if others else None


def standing(gates: tuple[Gate, ...]) -> list[tuple[Text, str]]:
    """The gates that are not open, each with its state, or that all are."""
    closed = [(coloured(gate.state), f"{gate.key}: {gate.reason}") for gate in gates if not gate.passed]
    return closed or [(coloured(GateState.OPEN), "nothing stands in its way: it is released next")]


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")

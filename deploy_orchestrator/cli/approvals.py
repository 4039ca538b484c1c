"""`pending`, `approve`, `reject`, `break-glass`: what waits, and the decisions that people sign."""

import re
import sys
from dataclasses import dataclass
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
from deploy_orchestrator.releases import Gate, GateState, Plan, RulesChange, SourceChange, count, may_approve

_LIST_KEY = (
    "have your key put into allowed_signers of the fleet under your e-mail, and those rules approved, "
    "then sign again"
)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


class Undecidable(OrchestratorError):
    """There is nothing to decide on, it is not what the user means, or nobody can be asked."""


class VoidDecision(OrchestratorError):
    """A decision was signed and pushed, but does not count."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What somebody decides on: what waits for a tenant in an environment, or its rules."""

    environment: str
    tenant: str | None
    rules: bool

    def pending(self, orchestrator: Orchestrator, digest: str | None) -> Plan | RulesChange:
        if self.rules == (self.tenant is not None):
            raise typer.BadParameter("name a tenant, or say --rules")
        found = self._rules(orchestrator) if self.tenant is None else self._plan(orchestrator, self.tenant)
        if digest is not None and not _bare(found.digest).startswith(digest):
            raise Undecidable(
                f"{found.key}: what is pending now is {found.digest}", fix="look at that, and decide again"
            )
        return found

    def _plan(self, orchestrator: Orchestrator, tenant: str) -> Plan:
        plan = orchestrator.deployments.pending(self.environment, tenant)
        if plan is None:
            require_known(orchestrator.fleet(), self.environment, tenant)
            raise self._nothing(f"{self.environment}/{tenant}")
        return plan

    def _rules(self, orchestrator: Orchestrator) -> RulesChange:
        require_known(orchestrator.fleet(), self.environment, None)
        change = orchestrator.rules()[self.environment].pending
        if change is None:
            raise self._nothing(f"the rules of {self.environment}")
        return change

    def _nothing(self, what: str) -> Undecidable:
        return Undecidable(f"{what}: nothing is pending", fix="see what is: deploy-orchestrator pending")


def _digest(given: str | None) -> str | None:
    if given is None:
        return None
    if not (match := _DIGEST.fullmatch(given)):
        raise typer.BadParameter("expected at least 12 hexadecimal digits, as `pending` shows them")
    return match[1]


OfTenant = Annotated[str | None, typer.Argument(help="The tenant, such as analytics.")]
OfRules = Annotated[
    bool, typer.Option("--rules", help="Decide on the rules of the environment in place of a tenant's bytes.")
]
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
    changes = [(each.pending, each.gate) for each in orchestrator.rules().values() if each.pending]
    plans = [(plan, gates) for plan, gates in judged if not isinstance(gates, OrchestratorError)]
    if output is Format.JSON:
        show_json(
            [
                *({"plan": plan, "gates": gates} for plan, gates in plans),
                *({"rules": _described(change), "gates": [gate]} for change, gate in changes),
            ]
        )
    elif not judged and not changes:
        say("Nothing waits.")
    else:
        for plan, gates in plans:
            say(f"{plan.key}  ", coloured(plan.verdict), f"  {plan.summary}")
            say_below([("digest", _bare(plan.digest)[:12]), *standing(gates)])
        for change, gate in changes:
            _show_rules(change, (gate,))
    errors = [error for _, error in failures(judged)]
    errors += orchestrator.deployments.unreadable()
    for error in (*errors, *orchestrator.fleet().stalemates):
        tell(error)
    if errors:
        raise typer.Exit(2)


def approve(
    context: typer.Context,
    environment: Environment,
    tenant: OfTenant = None,
    rules: OfRules = False,
    reason: Reason = "",
    digest: DigestPrefix = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Approve exactly the bytes that are pending, or with --rules exactly the rules.

    Shows them, asks, and pushes a commit signed with your SSH key. The exit code is 1 when
    your approval does not count, which is told with the reason.
    """
    subject = _Subject(environment, tenant, rules)
    _decide(context, "approve", subject, reason, digest, yes, signer(email, key), output)


def reject(
    context: typer.Context,
    environment: Environment,
    reason: Reason,
    tenant: OfTenant = None,
    rules: OfRules = False,
    digest: DigestPrefix = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Reject the bytes that are pending, or with --rules the rules.

    Shows them, asks, and pushes a commit signed with your SSH key. Your rejection holds them
    back until you approve them. The exit code is 1 when it does not count, which is told with the reason.
    """
    subject = _Subject(environment, tenant, rules)
    _decide(context, "reject", subject, reason, digest, yes, signer(email, key), output)


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
    subject = _Subject(environment, tenant, rules=False)
    _decide(context, "break-glass", subject, reason, digest, yes, signer(email, key), output)


def _decide(
    context: typer.Context,
    decision: Literal["approve", "reject", "break-glass"],
    subject: _Subject,
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
    plan = subject.pending(orchestrator, digest)
    if not yes:
        if isinstance(plan, RulesChange):
            _show_rules(plan)
        else:
            difference = orchestrator.deployments.difference(plan.environment, plan.tenant)
            show_change(plan.key, plan, difference, plan.source.authors)
        typer.confirm(f"{decision} {plan.key} as {person.person.email}?", abort=True, err=True)
    commit = orchestrator.decide(plan, decision, reason, person)
    void = _void(orchestrator, plan, commit)
    gates = _gates(orchestrator, plan)
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


def _gates(orchestrator: Orchestrator, plan: Plan | RulesChange) -> tuple[Gate, ...]:
    if isinstance(plan, RulesChange):
        return (orchestrator.rules()[plan.environment].gate,)
    return orchestrator.gates(plan)


def _void(orchestrator: Orchestrator, plan: Plan | RulesChange, commit: Commit) -> VoidDecision | None:
    """Why a decision does not count; where several rules judge, it counts where it does by one of them."""
    fleet, found = orchestrator.fleet(), None
    judges = plan.judges if isinstance(plan, RulesChange) else {plan.environment: None}
    for name, by in judges.items():
        rule = by.policy.approval if by else fleet.environment(name).policy.approval
        signers = by.allowed_signers if by else fleet.signers(name)
        issuers = by.issuers if by else fleet.trusted(name)
        source = plan.sources[name] if isinstance(plan, RulesChange) else plan.source
        believed, refused = orchestrator.deployments.approvals(plan.digest, signers, issuers)
        void = count(believed, rule, source, datetime.now(UTC)).void
        if isinstance(plan, Plan):
            void += orchestrator.glass(plan).void
        why = [(each.reason, _LIST_KEY) for each in refused if each.commit == commit.id]
        why += [
            (
                each.reason,
                None if each.approval.decision == "break-glass" else _whom_to_ask(source, rule),
            )
            for each in void
            if each.approval.commit == commit.id
        ]
        if not why:
            return None
        reason, fix = why[0]
        found = VoidDecision(f"{plan.key}: your decision does not count: {reason}", fix=fix)
    return found


def _whom_to_ask(source: SourceChange, rule: ApprovalRule | None) -> str | None:
    others = may_approve(rule, source) if rule else []
    return f"ask one of: {', '.join(others)}" if others else None


def _show_rules(change: RulesChange, gates: tuple[Gate, ...] = ()) -> None:
    say(f"{change.key}, by {', '.join(change.authors)}")
    waits = standing(gates) if gates else []
    changed = [("changes", each) for each in change.differences]
    say_below([("digest", _bare(change.digest)[:12]), *changed, *waits])


def _described(change: RulesChange) -> dict[str, object]:
    return {
        "environment": change.environment,
        "digest": change.digest,
        "authors": change.authors,
        "differences": change.differences,
    }


def standing(gates: tuple[Gate, ...]) -> list[tuple[Text, str]]:
    """The gates that are not open, each with its state, or that all are."""
    closed = [(coloured(gate.state), f"{gate.key}: {gate.reason}") for gate in gates if not gate.passed]
    return closed or [(coloured(GateState.OPEN), "nothing stands in its way: it is released next")]


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")

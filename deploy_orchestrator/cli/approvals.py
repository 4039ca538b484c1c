"""`approve`, `reject`, `break-glass`: the decisions that people sign."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from deploy_orchestrator.cli.commits import commit_prefix, the_commit
from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Reason, Tenant
from deploy_orchestrator.cli.output import note, say, say_below, show_change, show_json, tell
from deploy_orchestrator.cli.pending import bare, show_rules, standing
from deploy_orchestrator.cli.signing import Key, SignsAs, signer
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.git import Commit, Signer
from deploy_orchestrator.pipeline import Orchestrator, likeness
from deploy_orchestrator.releases import Gate, Plan, RulesChange, SourceChange, count, judges_of, may_approve

_LIST_KEY = (
    "have your key put into allowed_signers of the fleet under your e-mail, and those rules approved, "
    "then sign again"
)
_SEEN = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


class Undecidable(OrchestratorError):
    """There is nothing to decide on, it is not what the user means, or nobody can be asked."""


class VoidDecision(OrchestratorError):
    """A decision was signed and pushed, but does not count."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What somebody decides on: what waits for a tenant in an environment, or of a commit of the fleet, or
    its rules.
    """

    environment: str
    tenant: str | None = None
    rules: bool = False
    commit: str | None = None

    def pending(
        self, orchestrator: Orchestrator, digest: str | None, seen: str | None
    ) -> Sequence[Plan | RulesChange]:
        named = (self.tenant is not None) + self.rules + (self.commit is not None)
        if named != 1:
            raise typer.BadParameter("name a tenant, or say --rules or --commit, and one of them alone")
        if seen is not None and self.tenant is None:
            raise typer.BadParameter("--seen is for one tenant, and not for --commit or --rules")
        if self.commit is not None:
            if digest is not None:
                raise typer.BadParameter("--digest is for one tenant, and not for --commit")
            return self._of_commit(orchestrator, self.commit)
        found = self._rules(orchestrator) if self.tenant is None else self._plan(orchestrator, self.tenant)
        if digest is not None and not bare(found.digest).startswith(digest):
            raise Undecidable(
                f"{found.key}: what is pending now is {found.digest}", fix="look at that, and decide again"
            )
        if isinstance(found, Plan) and found.seen != (seen or found.seen):
            raise _another(found)
        return [found]

    def _of_commit(self, orchestrator: Orchestrator, commit: str) -> list[Plan]:
        """What waits for people of a commit; what is blocked nobody can approve."""
        require_known(orchestrator.fleet(), self.environment, None)
        judged = list(orchestrator.pending(self.environment))
        source = the_commit(commit, {plan.source.commit for plan, _ in judged}, "is pending")
        plans: list[Plan] = []
        for plan, gates in judged:
            if plan.source.commit != source:
                continue
            if isinstance(gates, OrchestratorError):
                raise gates
            held = {gate.key for gate in gates if not gate.passed}
            if "verdict" in held:
                note(f"{plan.key} is left out: it is blocked")
            elif held & {"approval", "quarantine"}:
                plans.append(plan)
        if not plans:
            raise self._nothing(f"{source[:8]} in {self.environment}", "waits for people")
        return plans

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

    def _nothing(self, what: str, does: str = "is pending") -> Undecidable:
        return Undecidable(f"{what}: nothing {does}", fix="see what is: deploy-orchestrator pending")


def _digest(given: str | None) -> str | None:
    if given is None:
        return None
    if not (match := _DIGEST.fullmatch(given)):
        raise typer.BadParameter("expected at least 12 hexadecimal digits, as `pending` shows them")
    return match[1]


def _seen(given: str | None) -> str | None:
    if given is not None and not _SEEN.fullmatch(given):
        raise typer.BadParameter("expected 32 hexadecimal digits, as `pending --format json` has them")
    return given


OfTenant = Annotated[str | None, typer.Argument(help="The tenant, such as analytics.")]
OfCommit = Annotated[
    str | None,
    typer.Option(
        "--commit",
        callback=commit_prefix,
        help="Decide on all that waits for people there of this commit of the fleet, in place of one tenant.",
    ),
]
OfRules = Annotated[
    bool, typer.Option("--rules", help="Decide on the rules of the environment in place of a tenant's bytes.")
]
DigestPrefix = Annotated[
    str | None,
    typer.Option(
        callback=_digest, help="Decide only if what is pending has this digest, or one that begins so."
    ),
]
Seen = Annotated[
    str | None,
    typer.Option(
        callback=_seen,
        metavar="DIGITS",
        help="Decide only if no more is known of it than when `pending --format json` said this.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def approve(
    context: typer.Context,
    environment: Environment,
    tenant: OfTenant = None,
    rules: OfRules = False,
    commit: OfCommit = None,
    reason: Reason = "",
    digest: DigestPrefix = None,
    seen: Seen = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Approve exactly the bytes that are pending, or with --rules exactly the rules.

    Shows them, asks, and pushes a commit signed with your SSH key. With --commit all that waits for people
    there of one commit of the fleet is approved, by a decision of its own for each tenant. The exit code is 1
    when your approval does not count, which is told with the reason.
    """
    subject = _Subject(environment, tenant, rules, commit)
    _decide(context, "approve", subject, reason, (digest, seen), yes, signer(email, key), output)


def reject(
    context: typer.Context,
    environment: Environment,
    reason: Reason,
    tenant: OfTenant = None,
    rules: OfRules = False,
    commit: OfCommit = None,
    digest: DigestPrefix = None,
    seen: Seen = None,
    yes: Yes = False,
    email: SignsAs = None,
    key: Key = None,
    output: Output = Format.TEXT,
) -> None:
    """Reject the bytes that are pending, or with --rules the rules.

    Shows them, asks, and pushes a commit signed with your SSH key. Your rejection holds them
    back until you approve them; with --commit all that waits for people there of one commit of the fleet. The
    exit code is 1 when it does not count, which is told with the reason.
    """
    subject = _Subject(environment, tenant, rules, commit)
    _decide(context, "reject", subject, reason, (digest, seen), yes, signer(email, key), output)


def break_glass(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason,
    digest: DigestPrefix = None,
    seen: Seen = None,
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
    subject = _Subject(environment, tenant)
    _decide(context, "break-glass", subject, reason, (digest, seen), yes, signer(email, key), output)


def _decide(
    context: typer.Context,
    decision: Literal["approve", "reject", "break-glass"],
    subject: _Subject,
    reason: str,
    meant: tuple[str | None, str | None],
    yes: bool,
    person: Signer,
    output: Format,
) -> None:
    if not yes and (output is Format.JSON or not sys.stdin.isatty()):
        raise Undecidable(
            f"nobody can be asked whether to {decision}",
            fix="add --yes, with --digest and --seen to be sure of what",
        )
    orchestrator = opened(context)
    plans = subject.pending(orchestrator, *meant)
    if not yes:
        _show(orchestrator, plans)
        what = plans[0].key if len(plans) == 1 else f"these {len(plans)}"
        typer.confirm(f"{decision} {what} as {person.person.email}?", abort=True, err=True)
        _require_seen(orchestrator, plans)
    commits = orchestrator.decide_all(plans, decision, reason, person)
    made = [
        _Made(plan, commit, _void(orchestrator, plan, commit), _gates(orchestrator, plan))
        for plan, commit in zip(plans, commits, strict=True)
    ]
    if output is Format.JSON:
        told = [_described(each, decision, person) for each in made]
        show_json(told if subject.commit else told[0])
    for each in made:
        if each.void is not None:
            tell(each.void)
        elif output is Format.TEXT:
            say(
                f"{each.plan.key}: signed as {person.person.email}, commit {each.commit.id[:8]}, "
                f"digest {each.plan.digest}"
            )
            say_below(standing(each.gates))
    if any(each.void for each in made):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Made:
    """A decision that was pushed, and what came of it."""

    plan: Plan | RulesChange
    commit: Commit
    void: VoidDecision | None
    gates: tuple[Gate, ...]


def _described(made: _Made, decision: str, person: Signer) -> dict[str, object]:
    told = {"decision": decision, "who": person.person.email, "digest": made.plan.digest}
    void = made.void.what if made.void else None
    tenant = made.plan.tenant if isinstance(made.plan, Plan) else None
    about = {"environment": made.plan.environment, "tenant": tenant}
    return {**told, "commit": made.commit.id, "void": void, "gates": made.gates, **about}


def _show(orchestrator: Orchestrator, plans: Sequence[Plan | RulesChange]) -> None:
    """What is decided on: each change in full, those together that change the same lines to the same."""
    same: dict[object, list[str]] = {}
    for plan in plans:
        if isinstance(plan, RulesChange):
            show_rules(plan)
            continue
        difference = orchestrator.deployments.difference(plan)
        about = likeness(plan, difference)
        if about in same:
            same[about].append(plan.key)
            continue
        same[about] = [plan.key]
        show_change(plan.key, plan, difference, plan.source.authors)
    for first, *others in same.values():
        if others:
            say(f"as {first}, the same fields to the same values: {', '.join(others)}")


def _require_seen(orchestrator: Orchestrator, plans: Sequence[Plan | RulesChange]) -> None:
    """Refuses what waits no longer as it was shown: another, or with more that was found in it."""
    orchestrator.deployments.repository.fetch()
    for plan in plans:
        if isinstance(plan, Plan):
            now = orchestrator.deployments.pending(plan.environment, plan.tenant)
            if now is None or now.seen != plan.seen:
                raise _another(plan)


def _another(plan: Plan) -> Undecidable:
    return Undecidable(
        f"{plan.key}: what waits is another by now, or more is known of it",
        fix="look at that, and decide again",
    )


def _gates(orchestrator: Orchestrator, plan: Plan | RulesChange) -> tuple[Gate, ...]:
    if isinstance(plan, RulesChange):
        return (orchestrator.rules()[plan.environment].gate,)
    return orchestrator.gates(plan)


def _void(orchestrator: Orchestrator, plan: Plan | RulesChange, commit: Commit) -> VoidDecision | None:
    """Why a decision does not count; where several rules judge, it counts where it does by one of them."""
    fleet, now, found = orchestrator.fleet(), datetime.now(UTC), None
    if isinstance(plan, RulesChange):
        judges = plan.judges
    else:
        judges = {each.environment: None for each in judges_of(plan, orchestrator.rules(), now)}
    for name, by in judges.items():
        rule = by.policy.approval if by else fleet.environment(name).policy.approval
        signers = by.allowed_signers if by else fleet.signers(name)
        issuers = by.issuers if by else fleet.trusted(name)
        source = plan.sources[name] if isinstance(plan, RulesChange) else plan.source
        believed, refused = orchestrator.deployments.approvals(plan.digest, signers, issuers)
        void = count(believed, rule, source, now).void
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

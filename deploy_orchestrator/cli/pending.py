"""`pending`: what waits to be released, for what, for whom, and what to type."""

from collections.abc import Iterator, Sequence
from typing import Final

import typer
from rich.text import Text

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import coloured, plain, say, say_below, show_json, tell
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.outcomes import Outcome, attempt, failures
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Gate, GateState, Plan, RulesChange, next_command, next_people
from deploy_orchestrator.risk import Verdict, alike

_SHOWN: Final = 8
"""Digits of a commit."""

Judged = tuple[Plan, Outcome[tuple[Gate, ...]]]


def pending(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    output: Output = Format.TEXT,
) -> None:
    """List what waits to be released, and what each waits for.

    It stands together by the commit of the fleet that it comes from, each with the reasons of its verdict,
    who may approve it, and the command to type next. The exit code is 2 when a tenant or a plan cannot be
    read, or what it waits for not be told; the others are shown all the same.
    """
    orchestrator = opened(context)
    fleet = orchestrator.fleet()
    require_known(fleet, environment, None)
    require_known(fleet, None, tenant)
    judged = list(orchestrator.pending(environment, tenant))
    changes = [
        (each.pending, each.gate)
        for name, each in orchestrator.rules().items()
        if each.pending and tenant is None and environment in (None, name)
    ]
    if output is Format.JSON:
        told = [(plan, gates) for plan, gates in judged if not isinstance(gates, OrchestratorError)]
        show_json(
            [
                *(_described(plan, gates, fleet) for plan, gates in told),
                *({"rules": described(change), "gates": [gate]} for change, gate in changes),
            ]
        )
    elif not judged and not changes:
        say("Nothing waits.")
    else:
        _show(orchestrator, fleet, judged)
        for change, gate in changes:
            show_rules(change, (gate,))
    untold = {str(error): error for _, error in failures(judged)}
    broken = [error for name, error in fleet.broken.items() if tenant in (None, name)]
    errors = [*untold.values(), *broken, *orchestrator.deployments.unreadable()]
    for error in (*errors, *fleet.stalemates):
        tell(error)
    if errors:
        raise typer.Exit(2)


def _show(orchestrator: Orchestrator, fleet: Fleet, judged: Sequence[Judged]) -> None:
    order = [each.name for each in fleet.environments]
    commits: dict[str, list[Judged]] = {}
    for plan, gates in sorted(judged, key=lambda each: _place(order, each[0].environment)):
        commits.setdefault(plan.source.commit, []).append((plan, gates))
    for commit, waiting in commits.items():
        say(plain(f"{commit[:_SHOWN]}  {_subject(orchestrator, commit)}", "bold"), _authors(waiting[0][0]))
        for plan, gates in waiting:
            say(f"{plan.key}  ", coloured(plan.verdict), f"  {plan.summary}")
            say_below([("digest", bare(plan.digest)[:12]), *_about(plan, gates, fleet)])
        for command in _of_many(commit, waiting):
            say(f"all of them: {command}")
        say()


def _about(plan: Plan, gates: Outcome[tuple[Gate, ...]], fleet: Fleet) -> Iterator[tuple[str | Text, str]]:
    for first, *more in alike(plan.reasons):
        if first.severity is not Verdict.SAFE:
            about = f"{first.object}: " if first.object else ""
            others = f" (and {len(more)} more)" if more else ""
            yield coloured(first.severity), f"{first.rule}: {about}{first.saw}{others}"
        if first.severity is Verdict.BLOCKED and first.do:
            yield "mend", first.do
    if isinstance(gates, OrchestratorError):
        yield coloured("Unknown"), "what it waits for cannot be told"
        return
    yield from standing(gates)
    if able := _approvers(plan, gates, fleet):
        yield "may", ", ".join(able)
    if command := next_command(plan, gates):
        yield "next", command


def _approvers(plan: Plan, gates: Sequence[Gate], fleet: Fleet) -> list[str]:
    return next_people(plan, gates, fleet.environment(plan.environment).policy.approval)


def _of_many(commit: str, waiting: Sequence[Judged]) -> Iterator[str]:
    """The command for each environment where several of one commit wait for an approval."""
    asked = [
        plan.environment
        for plan, gates in waiting
        if not isinstance(gates, OrchestratorError)
        and (command := next_command(plan, gates))
        and "--digest" in command
    ]
    for name in dict.fromkeys(asked):
        if asked.count(name) > 1:
            yield f"deploy-orchestrator approve {name} --commit {commit[:_SHOWN]}"


def _described(plan: Plan, gates: tuple[Gate, ...], fleet: Fleet) -> dict[str, object]:
    return {
        "plan": plan,
        "seen": plan.seen,
        "gates": gates,
        "approvers": _approvers(plan, gates, fleet),
        "next": next_command(plan, gates),
    }


def _authors(plan: Plan) -> str:
    return f", by {', '.join(plan.source.authors)}"


def _subject(orchestrator: Orchestrator, commit: str) -> str:
    found = attempt(orchestrator.fleet_repository.commit, commit)
    return "is no longer in the fleet" if isinstance(found, OrchestratorError) else found.subject


def _place(order: Sequence[str], environment: str) -> int:
    return order.index(environment) if environment in order else len(order)


def show_rules(change: RulesChange, gates: tuple[Gate, ...] = ()) -> None:
    """A change of an environment's rules, and what it waits for."""
    say(f"{change.key}, by {', '.join(change.authors)}")
    waits = standing(gates) if gates else []
    changed = [("changes", each) for each in change.differences]
    say_below([("digest", bare(change.digest)[:12]), *changed, *waits])


def described(change: RulesChange) -> dict[str, object]:
    """A change of the rules, as JSON has it."""
    return {
        "environment": change.environment,
        "digest": change.digest,
        "authors": change.authors,
        "differences": change.differences,
    }


def standing(gates: Sequence[Gate]) -> list[tuple[Text, str]]:
    """The gates that are not open, each with its state, or that all are."""
    closed = [(coloured(gate.state), f"{gate.key}: {gate.reason}") for gate in gates if not gate.passed]
    return closed or [(coloured(GateState.OPEN), "nothing stands in its way: it is released next")]


def bare(digest: str) -> str:
    """The hexadecimal digits of a digest."""
    return digest.removeprefix("sha256:")

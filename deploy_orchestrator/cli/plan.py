"""`plan`: what a commit of the fleet would change, before anything is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from deploy_orchestrator.cli.clusters import Asked, Clusters, show_inspection
from deploy_orchestrator.cli.installation import fleet_history, opened, require_known, workspace
from deploy_orchestrator.cli.options import OnlyEnvironment, OnlyTenant
from deploy_orchestrator.cli.output import (
    coloured,
    plain,
    progress,
    say,
    say_below,
    show_change,
    show_json,
    show_page,
    table,
    tell,
)
from deploy_orchestrator.cli.plan_json import error_json
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import (
    Deployment,
    Fleet,
    Rules,
    differences,
    differing,
    gone,
    load,
    restricted,
    rules_of,
)
from deploy_orchestrator.git import History
from deploy_orchestrator.markdown import code
from deploy_orchestrator.outcomes import failures, values
from deploy_orchestrator.releases import MAIN, GateState, Pausing, Plan
from deploy_orchestrator.terms import Verdict

if TYPE_CHECKING:
    from deploy_orchestrator.delivery import Inspection
    from deploy_orchestrator.foresight import Proposal
    from deploy_orchestrator.manifests import ObjectKey, Workspace
    from deploy_orchestrator.pipeline import Orchestrator, Preview


class PlanFormat(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"


@dataclass(frozen=True, slots=True)
class _Found:
    """What `fleet` would change, of `considered` deployments: against what is released, with the `plans` by
    the keys of `proposals`; or against `before`, of which some are `gone`. `rules` tells what waits for an
    approval of theirs. `inspections` are what clusters that were asked say, by key.
    """

    fleet: Fleet
    considered: int
    proposals: "Sequence[Proposal]"
    failures: Sequence[tuple[str, OrchestratorError]]
    plans: Mapping[str, Plan]
    before: Fleet | None = None
    gone: Sequence[Deployment] = ()
    notes: Sequence[str] = ()
    paused: Sequence[Pausing] = ()
    rules: Sequence[str] = ()
    inspections: "Mapping[str, Inspection]" = field(default_factory=dict[str, "Inspection"])


def plan(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="REV", help="Compare with this commit of the fleet, not with what is released."
        ),
    ] = None,
    revision: Annotated[
        str, typer.Option("--to", "--revision", metavar="REV", help="Commit, branch or tag of the fleet.")
    ] = "main",
    diff: Annotated[
        bool | None,
        typer.Option(
            help="Show the changed lines; by default for all but first releases.", show_default=False
        ),
    ] = None,
    context_lines: Annotated[
        int, typer.Option("--context", min=0, max=1000, help="Lines to show around a change.")
    ] = 3,
    cluster: Asked = None,
    format: Annotated[  # noqa: A002
        PlanFormat, typer.Option("--format", help="How to print the result.")
    ] = PlanFormat.TEXT,
) -> None:
    """Show what a fleet commit would change, with verdict and reasons.

    It is compared with what is released, or, for a pull request, with another commit: that needs the fleet
    repository alone, and works in a checkout of it. Nothing is written.

    With --cluster the API server is asked as well: what it would refuse is blocked in its own words, what it
    may not be asked is never safe, and what was changed by hand since the release is shown, unless it is
    compared with another commit.

    The exit code is 1 when a change is blocked, and 2 when a tenant is broken or does not render; the others
    are shown all the same.
    """
    found = (
        _against_released(opened(context), revision, environment, tenant, cluster or [])
        if base is None
        else _against(base, fleet_history(), workspace(context), revision, environment, tenant, cluster or [])
    )
    if format is PlanFormat.JSON:
        show_json(_json(found))
    elif format is PlanFormat.SARIF:
        from deploy_orchestrator.cli.plan_sarif import results
        from deploy_orchestrator.cli.sarif import sarif

        show_json(sarif(results(found.proposals, found.failures, found.fleet)))
    elif format is PlanFormat.MARKDOWN:
        from deploy_orchestrator.foresight import comment

        show_page(comment(found.proposals, found.failures, list(_notes(found))))
    elif format is PlanFormat.HTML:
        from deploy_orchestrator.cli.plan_html import report

        show_page(report(found.proposals, found.failures, list(_notes(found)), context_lines))
    else:
        _show(found, diff, context_lines)
    for key, error in found.failures:
        tell(error, about=key)
    if found.failures:
        raise typer.Exit(2)
    if any(each.judgement.verdict is Verdict.BLOCKED for each in found.proposals):
        raise typer.Exit(1)


def _against_released(
    orchestrator: "Orchestrator",
    revision: str,
    environment: str | None,
    tenant: str | None,
    asked: Sequence[str],
) -> _Found:
    if revision != MAIN:
        orchestrator.fleet_repository.fetch_all()
    fleet = orchestrator.fleet(revision)
    require_known(fleet, environment, tenant)
    wanted = [each for each in fleet.deployments() if _is_wanted(each, environment, tenant)]
    clusters = Clusters(asked, fleet, wanted)
    # A cluster may object to what is released, too.
    looked = orchestrator.previews(wanted, fleet) if asked else orchestrator.changes(wanted, fleet)
    outcomes = _followed(looked, len(wanted))
    rendered = [each for each in values(outcome for _, outcome in outcomes) if each]
    inspections = {
        each.plan.key: said
        for each in rendered
        for deployment in [fleet.deployment(each.plan.environment, each.plan.tenant)]
        if (said := clusters.inspect(deployment, each.released, each.manifests))
    }
    previews = [
        replace(each, plan=said.judged(each.plan)) if said else each
        for each in rendered
        for said in [inspections.get(each.plan.key)]
        if each.difference or (said and said.has_objections)
    ]
    paused = [
        each
        for each in orchestrator.pausing()
        if each.paused
        and environment in (None, each.line.environment)
        and (tenant is None or each.line.tenant in (None, tenant))
    ]
    rules = [
        each for name, each in orchestrator.rules().items() if each.pending and environment in (None, name)
    ]
    return _Found(
        fleet,
        len(wanted),
        [_proposal(each, fleet) for each in previews],
        [
            *((name, error) for name, error in fleet.broken.items() if tenant in (None, name)),
            *failures(outcomes),
        ],
        {each.plan.key: each.plan for each in previews},
        notes=[
            *(f"Paused: {code(str(each))}" for each in paused),
            *(f"Waits for approval: {code(str(each))}" for each in rules),
        ],
        paused=paused,
        rules=[str(each) for each in rules],
        inspections=inspections,
    )


def _proposal(preview: "Preview", fleet: Fleet) -> "Proposal":
    from deploy_orchestrator.foresight import Proposal
    from deploy_orchestrator.risk import Judgement

    plan = preview.plan
    return Proposal(
        fleet.deployment(plan.environment, plan.tenant),
        Judgement(plan.chart, preview.difference, plan.reasons),
        preview.manifests,
        preview.findings,
        frozenset(preview.findings),
    )


def _against(
    base: str,
    history: History,
    workspace: "Workspace",
    revision: str,
    environment: str | None,
    tenant: str | None,
    asked: Sequence[str],
) -> _Found:
    from deploy_orchestrator.foresight import compare, names

    before, after = load(history.at(base)), load(history.at(revision))
    require_known(after, environment, tenant)
    everything = [each for each in after.deployments() if _is_wanted(each, environment, tenant)]
    wanted = [each for each in differing(before, after) if _is_wanted(each, environment, tenant)]
    clusters = Clusters(asked, after, everything)
    outcomes = _followed(compare(before, after, wanted, workspace), len(wanted))
    proposals = [each for each in values(outcome for _, outcome in outcomes) if each]
    inspections = {
        each.deployment.key: said
        for each in proposals
        if (said := clusters.inspect(each.deployment, None, each.manifests, _had(each)))
    }
    rules = _rules_that_wait(before, after, environment)
    broken = {name: error for name, error in after.broken.items() if tenant in (None, name)}
    old = [name for name, error in broken.items() if str(before.broken.get(name)) == str(error)]
    notes = [
        f"Broken before, and still: {names(list(map(code, old)))}." if old else "",
        *(f"Will wait for approval: {code(each)}" for each in rules),
    ]
    if not history.is_ancestor(before.revision, after.revision):
        notes.append(
            f"⚠️ {code(base)} has commits that {code(revision)} lacks; what they change shows as taken back. "
            f"Compare with what `git merge-base` says of the two."
        )
    return _Found(
        after,
        len(everything),
        [_with_reasons(each, inspections.get(each.deployment.key)) for each in proposals],
        [
            *((name, error) for name, error in broken.items() if name not in old),
            *failures(outcomes),
        ],
        {},
        before,
        [each for each in gone(before, after) if _is_wanted(each, environment, tenant)],
        [each for each in notes if each],
        rules=rules,
        inspections=inspections,
    )


def _rules_that_wait(before: Fleet, after: Fleet, environment: str | None) -> list[str]:
    """What `after` gives by other rules than `before`, environment by environment: it counts when it is
    approved under those.
    """
    had = {each.name: rules_of(before, each.name) for each in before.environments}
    wanted = {each.name: rules_of(after, each.name) for each in after.environments}
    return [
        "; ".join((f"the rules of {name}", *differences(old, new)))
        for name, new in wanted.items()
        for old in [had.get(name)]
        if environment in (None, name)
        and (any(each.policy.approval for each in had.values()) if old is None else _gives(old, new))
    ]


def _gives(old: Rules, new: Rules) -> bool:
    moves = old.place != new.place
    return restricted(old, new) != new and (moves or old.policy.approval is not None)


def _with_reasons(proposal: "Proposal", said: "Inspection | None") -> "Proposal":
    """A proposal with the reasons that its cluster has."""
    reasons = said.reasons if said else ()
    judgement = proposal.judgement
    return replace(proposal, judgement=replace(judgement, reasons=(*reasons, *judgement.reasons)))


def _is_wanted(deployment: Deployment, environment: str | None, tenant: str | None) -> bool:
    return environment in (None, deployment.environment.name) and tenant in (None, deployment.tenant.name)


Outcome = TypeVar("Outcome")


def _followed(outcomes: Iterable[tuple[str, Outcome]], total: int) -> list[tuple[str, Outcome]]:
    done: list[tuple[str, Outcome]] = []
    with progress("rendering", total) as advance:
        for each in outcomes:
            done.append(each)
            advance()
    return done


def _notes(found: _Found) -> Iterator[str]:
    from deploy_orchestrator.foresight import names

    against = f"`{found.before.revision[:12]}`" if found.before else "what is released"
    yield (
        f"`{found.fleet.revision[:12]}` against {against}: {len(found.proposals)} of {found.considered}"
        " deployments would change."
    )
    if left := [code(each.key) for each in found.gone]:
        yield f"Out of the fleet, and released as before: {names(left)}."
    yield from found.notes


def _json(found: _Found) -> dict[str, object]:
    plans = [
        {**_plan_json(each, found.plans.get(key)), **_asked_json(found.inspections.get(key))}
        for each in found.proposals
        for key in [each.deployment.key]
    ]
    result: dict[str, object] = {
        "plans": plans,
        "errors": [error_json(*each) for each in found.failures],
        "paused": [str(each) for each in found.paused],
        "rules": found.rules,
    }
    if found.before:
        result |= {
            "from": found.before.revision,
            "to": found.fleet.revision,
            "gone": [each.key for each in found.gone],
        }
    return result


def _plan_json(proposal: "Proposal", plan: Plan | None) -> dict[str, object]:
    difference = proposal.judgement.difference.unified()
    if plan:
        return {**plan.model_dump(mode="json"), "diff": difference}
    deployment, judgement = proposal.deployment, proposal.judgement
    return {
        "environment": deployment.environment.name,
        "tenant": deployment.tenant.name,
        "namespace": deployment.namespace,
        "cluster": deployment.environment.cluster,
        "chart": judgement.chart,
        "verdict": judgement.verdict,
        "reasons": judgement.reasons,
        "summary": judgement.summary,
        "findings": [
            {
                **each.as_json(),
                "object": str(each.object) if each.object else None,
                "place": str(each.place) if each.place else None,
                "new": each in proposal.new,
            }
            for each in proposal.findings
        ],
        "unreadable": error_json(deployment.key, proposal.unreadable) if proposal.unreadable else None,
        "diff": difference,
    }


def _had(proposal: "Proposal") -> "set[ObjectKey]":
    """The objects of a proposal that are not new with it."""
    new = {each.key for each in proposal.judgement.difference.added}
    return {each.key for each in proposal.manifests.objects if each.key not in new}


def _asked_json(inspection: "Inspection | None") -> dict[str, object]:
    if inspection is None:
        return {}
    drift = inspection.drift.unified()
    return {"asked": {"drift": drift, "awaited": inspection.awaited, "tried": inspection.tried}}


def _show(found: _Found, diff: bool | None, context: int) -> None:
    for proposal in found.proposals:
        key, judgement = proposal.deployment.key, proposal.judgement
        plan = found.plans.get(key)
        difference, first = judgement.difference, proposal.is_first
        shown = difference if diff or (diff is None and not first) else None
        show_change(key, judgement, shown, plan.source.authors if plan else (), context)
        if diff is None and first:
            say_below(("+", plain(str(added.key), "green")) for added in difference.added)
        if inspection := found.inspections.get(key):
            show_inspection(proposal.deployment.environment.cluster, inspection)
        say()
    if found.proposals:
        rows = (
            (each.deployment.key, coloured(each.judgement.verdict), str(each.judgement.summary))
            for each in found.proposals
        )
        table("deployment", "verdict", last="change", rows=rows)
    for each in found.gone:
        say(f"{each.key} is out of the fleet, and stays released as it is.")
    for each in found.paused:
        say(coloured("paused"), f"  {each}")
    for each in found.rules:
        say(coloured(GateState.WAITING), f"  {each}")
    changing = sum(bool(each.judgement.difference) for each in found.proposals)
    say(f"{changing} of {found.considered} deployments would change.")
    if drifted := sum(bool(each.drift) for each in found.inspections.values()):
        say(f"Changed by hand since their release: {drifted}.")

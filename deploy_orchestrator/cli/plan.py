"""`plan`: what a commit of the fleet would change, before anything is written."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import (
    coloured,
    plain,
    progress,
    say,
    say_below,
    show_change,
    show_json,
    table,
    tell,
)
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.orchestrator import Preview
from deploy_orchestrator.releases import Verdict


def plan(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    revision: Annotated[str, typer.Option(help="Commit, branch or tag of the fleet repository.")] = "main",
    diff: Annotated[
        bool | None,
        typer.Option(
            help="Show the changed lines; by default for all but first releases.", show_default=False
        ),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what a fleet commit would change, with verdict and reasons.

    It is compared with what is released. Nothing is written.

    The exit code is 1 when a change is blocked, and 2 when a tenant is broken or does not render; the others
    are shown all the same.
    """
    orchestrator = opened(context)
    fleet = orchestrator.fleet(revision)
    require_known(fleet, environment, tenant)
    wanted = [
        each
        for each in fleet.deployments()
        if environment in (None, each.environment.name) and tenant in (None, each.tenant.name)
    ]
    previews: list[Preview] = []
    failures: list[tuple[str, OrchestratorError]] = []
    with progress("rendering", len(wanted)) as advance:
        for key, outcome in orchestrator.previews(revision, environment, tenant):
            advance()
            if isinstance(outcome, OrchestratorError):
                failures.append((key, outcome))
            elif outcome.difference:
                previews.append(outcome)
    if output is Format.JSON:
        show_json(
            {"plans": [_json(each) for each in previews], "errors": [_error(*each) for each in failures]}
        )
    else:
        _show(previews, len(wanted), diff)
    for key, error in failures:
        tell(error, about=key)
    if failures:
        raise typer.Exit(2)
    if any(preview.plan.verdict is Verdict.BLOCKED for preview in previews):
        raise typer.Exit(1)


def _json(preview: Preview) -> dict[str, object]:
    return {**preview.plan.model_dump(mode="json"), "diff": preview.difference.unified()}


def _error(key: str, error: OrchestratorError) -> dict[str, object]:
    place = str(error.place) if error.place else None
    return {"deployment": key, "what": error.what, "place": place, "fix": error.fix}


def _show(previews: list[Preview], considered: int, diff: bool | None) -> None:
    for preview in previews:
        first = preview.plan.base is None
        show_change(preview.plan, preview.difference if diff or (diff is None and not first) else None)
        if diff is None and first:
            say_below(("+", plain(str(added.key), "green")) for added in preview.difference.added)
        say()
    if previews:
        rows = ((each.plan.key, coloured(each.plan.verdict), str(each.plan.summary)) for each in previews)
        table("deployment", "verdict", last="change", rows=rows)
    say(f"{len(previews)} of {considered} deployments would change.")

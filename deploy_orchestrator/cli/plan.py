"""`plan`: what a commit of the fleet would change, before anything is written."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.output import (
    EnvironmentOption,
    Format,
    FormatOption,
    TenantOption,
    coloured,
    opened,
    progress,
    screen,
    show_diff,
    show_json,
    show_reason,
    tell,
)
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.orchestrator import Preview
from deploy_orchestrator.releases import Verdict


def plan(
    context: typer.Context,
    environment: EnvironmentOption = None,
    tenant: TenantOption = None,
    revision: Annotated[str, typer.Option(help="Commit, branch or tag of the fleet repository.")] = "main",
    diff: Annotated[bool, typer.Option(help="Show the changed lines.")] = True,
    format: FormatOption = Format.TEXT,  # noqa: A002
) -> None:
    """Show what a fleet commit would change against what is released, with verdict and reasons. Writes
    nothing.

    Exit code 1 when a change is blocked, 2 when a tenant cannot be rendered; the others are shown all the
    same.
    """
    orchestrator = opened(context)
    previews: list[Preview] = []
    failures: list[tuple[str, OrchestratorError]] = []
    with progress("rendering"):
        for key, outcome in orchestrator.previews(revision, environment, tenant):
            if isinstance(outcome, OrchestratorError):
                failures.append((key, outcome))
            elif outcome.difference:
                previews.append(outcome)
    if format is Format.JSON:
        show_json(
            {
                "plans": [
                    {**p.plan.model_dump(mode="json"), "diff": p.difference.unified()} for p in previews
                ],
                "errors": [{"deployment": key, "error": str(error)} for key, error in failures],
            }
        )
    else:
        _show(previews, diff)
    for key, error in failures:
        tell(error, about=key)
    if failures:
        raise typer.Exit(2)
    if any(preview.plan.verdict is Verdict.BLOCKED for preview in previews):
        raise typer.Exit(1)


def _show(previews: list[Preview], diff: bool) -> None:
    if not previews:
        screen.print("Nothing to release: every candidate is what is released.")
        return
    for preview in previews:
        made = preview.plan
        screen.rule(f"{made.key}  {made.chart.name} {made.chart.version}", align="left")
        screen.print(coloured(made.verdict), f" {made.summary}")
        for reason in made.reasons:
            show_reason(reason)
        if diff:
            show_diff(preview.difference)

"""`audit`: every commit of the deployments repository, held against what it had to be when it was made."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import described, opened
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import note, progress, say, show_json, table
from deploy_orchestrator.pipeline import accept
from deploy_orchestrator.releases import Audited


def audit(
    context: typer.Context,
    anew: Annotated[bool, typer.Option(help="Begin with the first commit again.")] = False,
    accepted: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="COMMIT", help="What is wrong with it was looked into: tell it no more."
        ),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Hold every commit of the deployments repository against what it had to be.

    Each release is rendered from its source again; its plan, its approvals, and the rules of that moment are
    checked; and every commit by other hands is named. It takes the two repositories, their keys, and the
    charts that are in neither, as far as they are not cached; nothing is asked of a cluster. What was audited
    is not audited again, also where it was interrupted.

    The exit code is 1 when something is wrong, or cannot be proved here.
    """
    orchestrator, home = opened(context), described().home
    for commit in accepted or ():
        accept(home, orchestrator.deployments.repository.resolve(commit))
    with progress("auditing"):
        found = orchestrator.audit(home, anew=anew)
    signed = orchestrator.deployments.repository.seal is not None
    if output is Format.JSON:
        show_json({**found.model_dump(exclude={"faults"}), "signed": signed, "faults": found.standing})
    else:
        _show(found)
    if not signed:
        note(
            "nothing here is signed, so that nobody can tell who wrote it: set "
            "DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE, or to read only "
            "DEPLOY_ORCHESTRATOR_SIGNING_PUBLIC_KEYS_FILE"
        )
    elif found.own is None:
        note("no commit is signed by the orchestrator's key yet")
    if found.standing:
        raise typer.Exit(1)


def _show(found: Audited) -> None:
    if found.standing:
        rows = ((each.commit[:12], each.check, each.about, each.what) for each in found.standing)
        table("commit", "check", "about", last="what is wrong", rows=rows)
    wrong = f"{len(found.standing)} faults" if found.standing else "nothing is wrong"
    say(f"{found.count} commits were audited, {found.releases} releases in them: {wrong}.")

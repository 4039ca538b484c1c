"""`rollback`: the way back, for one tenant or for all that one commit had changed."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.commits import commit_prefix, the_commit
from deploy_orchestrator.cli.delivering import deliver, deliver_all
from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Reason
from deploy_orchestrator.cli.output import plain, say, show_json, show_lines, tell
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import Diff, diff
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release, ReleaseFile, WayBack

OfTenant = Annotated[
    str | None, typer.Argument(metavar="[TENANT]", help="The tenant, such as analytics.", show_default=False)
]
To = Annotated[
    str | None,
    typer.Option(
        callback=commit_prefix,
        help="Go back further: to what this commit of the deployments repository released, as `history` "
        "shows it.",
    ),
]
OfCommit = Annotated[
    str | None,
    typer.Option(
        "--commit",
        callback=commit_prefix,
        help="Go back with all that is released there of this commit of the fleet, in place of one tenant.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


def rollback(
    context: typer.Context,
    environment: Environment,
    reason: Reason,
    tenant: OfTenant = None,
    to: To = None,
    commit: OfCommit = None,
    dry_run: DryRun = False,
    output: Output = Format.TEXT,
) -> None:
    """Go back to the release before, and wait until it is live.

    Shows what changes, and does it without asking. The Git commit of the current release is reverted, and
    what it had changed is held in quarantine: that goes out again only by an approval. With --to all releases
    after that one are reverted, in one push. With --commit each tenant goes back by itself, and nobody's
    failure stops another. The exit code is 1 when a release before does not become healthy, and 2 when there
    is no way back.
    """
    if (tenant is None) == (commit is None):
        raise typer.BadParameter("name a tenant, or say --commit")
    if commit is not None and to is not None:
        raise typer.BadParameter("--to is for one tenant, and not for --commit")
    orchestrator = opened(context)
    if tenant is not None:
        if orchestrator.deployments.release(environment, tenant) is None:
            require_known(orchestrator.fleet(), environment, tenant)
        _one(orchestrator, environment, tenant, reason, to, dry_run, output)
    elif commit is not None:
        _many(orchestrator, environment, commit, reason, dry_run, output)


def _one(
    orchestrator: Orchestrator,
    environment: str,
    tenant: str,
    reason: str,
    to: str | None,
    dry_run: bool,
    output: Format,
) -> None:
    way = orchestrator.deployments.way_back(environment, tenant, to)
    if output is Format.TEXT:
        _show(orchestrator, way)
    if not dry_run:
        deliver(orchestrator, _back(orchestrator, way, reason, to, output), output)
    elif output is Format.JSON:
        show_json(_described(orchestrator, way))


def _many(
    orchestrator: Orchestrator, environment: str, commit: str, reason: str, dry_run: bool, output: Format
) -> None:
    require_known(orchestrator.fleet(), environment, None)
    here = [each for each in orchestrator.deployments.releases() if each.environment == environment]
    source = the_commit(commit, {each.source.commit for each in here}, "is released")
    ways: list[WayBack] = []
    refused: list[OrchestratorError] = []
    for release in here:
        if release.source.commit == source:
            found = attempt(orchestrator.deployments.way_back, environment, release.tenant)
            refused += [found] if isinstance(found, OrchestratorError) else []
            ways += [] if isinstance(found, OrchestratorError) else [found]
    if output is Format.TEXT:
        for way in ways:
            _show(orchestrator, way)
    healthy = True
    if dry_run and output is Format.JSON:
        show_json([_described(orchestrator, way) for way in ways])
    elif not dry_run:
        back: list[Release] = []
        for way in ways:
            made = attempt(_back, orchestrator, way, reason, None, output)
            refused += [made] if isinstance(made, OrchestratorError) else []
            back += [] if isinstance(made, OrchestratorError) else [made]
        healthy = deliver_all(orchestrator, back, output)
    refused += orchestrator.deployments.unreadable_releases(environment)
    for error in refused:
        tell(error)
    if refused or not healthy:
        raise typer.Exit(2 if refused else 1)


def _back(orchestrator: Orchestrator, way: WayBack, reason: str, to: str | None, output: Format) -> Release:
    by = orchestrator.deployments.repository.user
    where, seen = (way.now.environment, way.now.tenant), way.now.commit
    back = orchestrator.roll_back(*where, reason, by, to=to, seen=seen)
    if output is Format.TEXT:
        say(f"{back.key}: back to {back.chart}, by commit {back.commit[:8]}")
    return back


def _show(orchestrator: Orchestrator, way: WayBack) -> None:
    many = len(way.commits)
    undoes = f"undoes {many} releases" if many > 1 else "undoes one release"
    say(plain(way.now.key, "bold"), f"  from {_told(way.now)} back to {_told(way.back)}; {undoes}")
    show_lines(_difference(orchestrator, way))


def _difference(orchestrator: Orchestrator, way: WayBack) -> Diff:
    read = orchestrator.deployments.released_manifests
    return diff(read(way.now), read(way.back)).between(way.now.destination, way.back.destination)


def _described(orchestrator: Orchestrator, way: WayBack) -> dict[str, object]:
    text = _difference(orchestrator, way).unified()
    return {"now": way.now, "back": way.back, "undoes": way.commits, "diff": text}


def _told(release: ReleaseFile) -> str:
    when = f"{release.released_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{release.chart} of {release.source.commit[:8]}, released {when}"

"""`argocd`: what each Argo CD needs to follow the fleet."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deploy_orchestrator import documents
from deploy_orchestrator.cli.installation import described, opened
from deploy_orchestrator.cli.output import coloured, note, plain, say, show_lines, tell
from deploy_orchestrator.delivery import ClusterClient, DeliveryError, unsaid_windows, unused_projects
from deploy_orchestrator.delivery import apply as applied
from deploy_orchestrator.delivery import bootstrap as objects
from deploy_orchestrator.errors import Place, instead_of
from deploy_orchestrator.fleet import ArgoCDInstance, Fleet, FleetError

LIMIT = timedelta(minutes=5)

argocd = typer.Typer(help="Set up Argo CD for the fleet.", no_args_is_help=True)


@argocd.callback()
def group() -> None:
    """Set up Argo CD for the fleet."""


@argocd.command()
def bootstrap(
    context: typer.Context,
    instance: Annotated[str | None, typer.Option(help="The Argo CD, where the fleet names several.")] = None,
    deployments: Annotated[
        str | None,
        typer.Option(help="The deployments repository as Argo CD sees it, where that is another URL."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply it, and show what that changes.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what --apply would change, and change nothing.")
    ] = False,
) -> None:
    """Print, as YAML, what Argo CD's administrator applies.

    Again when tenants, environments or freezes change, and when a freeze is over, since Argo CD's windows
    come again each year: applying it twice is applying it once. Freezes and release windows that Argo CD's
    cannot say exactly are told; the orchestrator alone keeps them.

    It is the ApplicationSet of the fleet, an AppProject for each tenant, and the rights of the orchestrator.

    With --apply it is applied to every Argo CD of the fleet, or to one, with the rights of your kubeconfig
    and in the contexts that DEPLOY_ORCHESTRATOR_CONTEXT or …_CONTEXTS name. The exit code is 2 when one of
    them does not take it, or a release cannot be read whose place an AppProject would let in; the others are
    given theirs all the same. Nothing is deleted: AppProjects that an earlier one made for tenants that have
    left, and no Application is in, are told with the command for it.
    """
    orchestrator = opened(context)
    fleet = orchestrator.fleet()
    url = deployments or orchestrator.deployments.repository.url
    failed = False
    for each in _chosen(fleet, instance, several=apply or dry_run):
        now = datetime.now(UTC)
        wanted = objects(fleet, each, url, now, orchestrator.deployments.releases())
        for window in unsaid_windows(fleet, each, now):
            note(str(window))
        if not apply and not dry_run:
            sys.stdout.writelines("---\n" + documents.dump(one).decode() for one in wanted)
            continue
        try:
            _apply(fleet, each, wanted, dry_run=dry_run)
        except DeliveryError as error:
            failed = True
            tell(error, about=each.name)
    unreadable = orchestrator.deployments.unreadable_releases()
    for error in unreadable:
        tell(error)
    if failed or unreadable:
        raise typer.Exit(2)


def _chosen(fleet: Fleet, name: str | None, *, several: bool) -> list[ArgoCDInstance]:
    known = {each.name: each for each in fleet.argocd}
    if name is None and (several or len(known) == 1):
        return list(known.values())
    if name in known:
        return [known[name]]
    said = f"there is no Argo CD {name!r}" if name else f"there are {len(known)} of them"
    fix = instead_of(name, known) if name else f"choose with --instance: {', '.join(known)}"
    raise FleetError(said, place=Place("fleet.yaml", field="argocd"), fix=fix)


def _apply(fleet: Fleet, instance: ArgoCDInstance, wanted: list[dict[str, Any]], *, dry_run: bool) -> None:
    contexts = described().contexts_of_argocd
    where = contexts.of(instance, fleet)
    cluster = ClusterClient(
        contexts.kubeconfig, where, LIMIT, "deploy-orchestrator", commands=contexts.commands
    )
    say(
        plain(f"Argo CD {instance.name}", "bold"),
        f"  namespace {instance.namespace}, {f'context {where}' if where else 'the current context'}",
    )
    counted = dict.fromkeys(("created", "changed", "unchanged"), 0)
    for each, difference in applied(cluster, wanted, instance.namespace, dry_run=dry_run):
        what = "created" if difference.added else "changed" if difference.changed else "unchanged"
        counted[what] += 1
        if what != "unchanged":
            say(coloured(what), f"  {each.key}")
        if what == "changed":
            show_lines(difference)
    said = ", ".join(f"{number} {what}" for what, number in counted.items())
    say(f"{said}{' by --apply; nothing was applied' if dry_run else ''}.")
    kubectl = f"kubectl{f' --context {where}' if where else ''} -n {instance.namespace}"
    for name in unused_projects(cluster, wanted, instance.namespace):
        say(plain("unused", "yellow"), f"  AppProject {name}: its tenant has left. To delete it, type:")
        say(f"  {kubectl} delete appproject {name}")

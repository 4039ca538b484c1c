"""`hand-over`: let go of somebody's Application, so that ours takes its objects over in place."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from deploy_orchestrator.adoption import NotHandedOver, Old, in_the_way, take_back
from deploy_orchestrator.adoption import hand_over as handing_over
from deploy_orchestrator.cli.installation import described, opened
from deploy_orchestrator.cli.options import Environment, Format, Output, Tenant
from deploy_orchestrator.cli.output import say, show_json
from deploy_orchestrator.delivery import ClusterClient

LIMIT = timedelta(minutes=5)


def hand_over(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    application: Annotated[
        str, typer.Argument(metavar="APPLICATION", help="The Application that delivers it now.")
    ],
    cluster: Annotated[
        str, typer.Option(metavar="CONTEXT", help="The context of your kubeconfig for that cluster.")
    ],
    argocd: Annotated[str, typer.Option(help="The namespace of its Argo CD.")] = "argocd",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what stands in the way.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Make the Application again as it was.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Let go of an Application whose objects a pending plan would take over, without touching them.

    Only where applying the plan would change nothing. Its automation and that of its parent are turned off,
    it is deleted alone, and its objects lose its mark. Each step may be repeated; --back undoes them until
    the plan is released. Release the plan then.
    """
    orchestrator = opened(context)
    candidate = orchestrator.deployments.manifests(environment, tenant)
    plan = orchestrator.deployments.plan(environment, tenant)
    if candidate is None or plan is None:
        raise NotHandedOver(
            f"there is no plan of {environment}/{tenant}", fix="let the orchestrator plan it first"
        )
    kept = _kept(described().home / "handed-over", environment, cluster, argocd, application)
    connected = ClusterClient(None, cluster, LIMIT, "deploy-orchestrator-adopt", commands=True)
    old = Old(connected, argocd, application, kept)
    told: list[str] = []
    if back and orchestrator.deployments.release(environment, tenant):
        raise NotHandedOver(
            f"{environment}/{tenant} is released, and has taken its objects over",
            fix="remove the tenant there first, with `Prune=false` on what is to stay",
        )
    if dry_run:
        told += in_the_way(old, candidate, plan.namespace)
    else:
        steps = take_back(old) if back else handing_over(old, candidate, plan.namespace)
        for each in steps:
            told.append(each)
            if output is Format.TEXT:
                say(each)
    if output is Format.JSON:
        show_json({"steps": [] if dry_run else told, "in_the_way": told if dry_run else []})
    elif dry_run:
        for each in told or ["nothing stands in the way"]:
            say(each)
    if dry_run and told:
        raise typer.Exit(1)


def _kept(root: Path, environment: str, cluster: str, argocd: str, application: str) -> Path:
    """Where an Application is kept: several clusters, and several Argo CDs of one, may have one called so."""
    within = root / environment / f"{quote(cluster, safe='')}@{quote(argocd, safe='')}"
    return within / f"{quote(application, safe='')}.yaml"

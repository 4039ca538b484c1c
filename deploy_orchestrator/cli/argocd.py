"""`argocd`: what Argo CD needs to follow the fleet."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy_orchestrator import documents
from deploy_orchestrator.cli.installation import opened
from deploy_orchestrator.delivery import bootstrap as objects

argocd = typer.Typer(help="Set up Argo CD for the fleet.", no_args_is_help=True)


@argocd.callback()
def group() -> None:
    """Set up Argo CD for the fleet."""


@argocd.command()
def bootstrap(
    context: typer.Context,
    deployments: Annotated[
        str | None,
        typer.Option(help="The deployments repository as Argo CD sees it, where that is another URL."),
    ] = None,
) -> None:
    """Print, as YAML, what Argo CD's administrator applies, again when tenants or freezes change.

    It is the ApplicationSet of the whole fleet, an AppProject for each tenant, and the rights of the
    orchestrator: `deploy-orchestrator argocd bootstrap | kubectl apply --server-side -f -`.
    """
    orchestrator = opened(context)
    url = deployments or orchestrator.deployments.repository.url
    for each in objects(orchestrator.fleet(), url, datetime.now(UTC)):
        sys.stdout.write("---\n" + documents.dump(each).decode())

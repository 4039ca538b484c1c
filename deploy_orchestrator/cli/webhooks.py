"""`webhooks`: be told of pushes by the Git forge, and start runs at once."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import described
from deploy_orchestrator.cli.logs import log_as_set
from deploy_orchestrator.cli.shared_secret import shared_secret
from deploy_orchestrator.settings import WebhookSettings


def webhooks(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 3001,
    dagster: Annotated[str, typer.Option(help="Dagster's web server.")] = "http://127.0.0.1:3000/dagster",
) -> None:
    """Receive push webhooks and start runs at once.

    Gitea, Forgejo, GitHub and GitLab may tell POST /webhooks of their pushes, signed with the secret in
    DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET, or in the file that DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET_FILE names.
    What a push starts is what the sensors would start a few seconds later, and while this is down they do.
    """
    from deploy_orchestrator.web import DagsterRuns, Deliveries, followed, receiver, server

    settings = described()
    app = receiver(
        followed(settings), _secret(), DagsterRuns(dagster), Deliveries(settings.home / "webhooks.sqlite")
    )
    listening = server(app, host, port)
    log_as_set()
    listening.run()


def _secret() -> str:
    settings, variable = WebhookSettings(), "DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET"
    return shared_secret("webhook secret", settings.secret, settings.secret_file, variable)

"""`webhooks`: be told of pushes by the Git forge, and start runs at once."""

from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import NotSetUp, described
from deploy_orchestrator.errors import Place
from deploy_orchestrator.settings import WebhookSettings

MIN_SECRET = 16


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
    server(app, host, port).run()


def _secret() -> str:
    settings, variable = WebhookSettings(), "DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET"
    secret = settings.secret.get_secret_value() if settings.secret else ""
    if settings.secret is None and settings.secret_file is not None:
        variable += "_FILE"
        secret = _read(settings.secret_file)
    if len(secret) < MIN_SECRET:
        raise NotSetUp(
            f"the webhook secret has {len(secret)} characters, and needs {MIN_SECRET} or more",
            place=Place(variable),
            fix="make one with `openssl rand -hex 32`, and give the same to the Git forge",
        )
    return secret


def _read(path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NotSetUp(f"the webhook secret cannot be read: {error}", place=Place(str(path))) from error

"""`serve`: the board, with Dagster's web UI beside it."""

from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import NotSetUp, described, opened


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on, on this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 3000,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Another name that browsers know this server by. Again for each."),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="Serve Dagster's web UI of this file, too."),
    ] = None,
) -> None:
    """Serve the board: what needs somebody, how everything stands, and why.

    With -w Dagster's own web UI is below /dagster. Nobody signs in here yet, so it listens to this machine
    alone: whoever should see it from elsewhere comes through a proxy that signs people in, which knows this
    server by a --name. Requests that another site's page makes, to other names, or that ask GraphQL by GET,
    are refused.
    """
    from deploy_orchestrator.web import LOOPBACK, Watch, look, site, site_server

    if host not in LOOPBACK:
        raise NotSetUp(
            f"nobody signs in here, so that {host} would let everybody in",
            fix="listen on 127.0.0.1, with a proxy before it that signs people in",
        )
    settings, orchestrator = described(), opened(context)
    dagster = None
    if workspace:
        from deploy_orchestrator.web import dagster_ui

        dagster = context.with_resource(dagster_ui(workspace))
    watch = Watch(lambda: look(orchestrator, settings.home))
    site_server(site(watch, orchestrator, dagster, LOOPBACK | {*(name or ())}), host, port).run()

"""The command line: everything a person does at a terminal, and what a script needs from it.

Exit codes: 0 fine, 1 something was found (a conflict, a blocked change, an unhealthy tenant), 2 wrong use
or bad input.
"""

import sys
from typing import Annotated, NoReturn

import typer

from deploy_orchestrator.cli.commands import Commands
from deploy_orchestrator.errors import OrchestratorError, machine_refused

app = typer.Typer(
    name="deploy-orchestrator",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("deploy-orchestrator"))
        raise typer.Exit


@app.callback()
def deploy_orchestrator(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Ship Helm charts to many tenants with Argo CD, by Git alone.

    Exit codes: 0 fine, 1 something was found, 2 wrong use or bad input.
    """


def main() -> None:
    """Run the command line; an error meant for the user is told in one message, without a traceback."""
    try:
        app()
    except OrchestratorError as error:
        _end(error)
    except OSError as error:
        refused = machine_refused(error)
        if refused is None:
            raise
        _end(refused)


def _end(error: OrchestratorError) -> NoReturn:
    from deploy_orchestrator.cli.output import tell

    tell(error)
    sys.exit(2)

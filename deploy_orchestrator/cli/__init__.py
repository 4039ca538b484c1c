"""The command line: everything a person does at a terminal, and what a script needs from it.

Exit codes: 0 fine, 1 something was found (a conflict, a blocked change, an unhealthy tenant), 2 wrong use
or bad input.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from deploy_orchestrator.cli.analyze import analyze
from deploy_orchestrator.cli.approvals import approve, pending, reject
from deploy_orchestrator.cli.argocd import argocd
from deploy_orchestrator.cli.impact import impact
from deploy_orchestrator.cli.init import init
from deploy_orchestrator.cli.live import history, rollback, status, sync
from deploy_orchestrator.cli.lock import lock
from deploy_orchestrator.cli.mirror import mirror
from deploy_orchestrator.cli.outdated import outdated
from deploy_orchestrator.cli.output import say, tell
from deploy_orchestrator.cli.plan import plan
from deploy_orchestrator.cli.removal import remove
from deploy_orchestrator.cli.sandbox import sandbox
from deploy_orchestrator.cli.tenant import tenant
from deploy_orchestrator.cli.webhooks import webhooks
from deploy_orchestrator.errors import OrchestratorError, machine_refused

app = typer.Typer(
    name="deploy-orchestrator",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    init,
    analyze,
    outdated,
    impact,
    mirror,
    plan,
    pending,
    approve,
    reject,
    status,
    history,
    rollback,
    sync,
    webhooks,
):
    app.command()(command)
tenant.command()(remove)
app.add_typer(lock, name="lock")
app.add_typer(tenant, name="tenant")
app.add_typer(argocd, name="argocd")
app.add_typer(sandbox, name="sandbox")


def _show_version(asked: bool) -> None:
    if asked:
        say(version("deploy-orchestrator"))
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
        tell(error)
        sys.exit(2)
    except OSError as error:
        refused = machine_refused(error)
        if refused is None:
            raise
        tell(refused)
        sys.exit(2)

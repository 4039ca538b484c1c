"""The command line: everything a person does at a terminal, and what a script needs from it.

Exit codes: 0 fine, 1 something was found (a conflict, a blocked change, an unhealthy tenant), 2 wrong use
or bad input.
"""

import sys

import typer

from deploy_orchestrator.cli.approvals import approve, pending, reject
from deploy_orchestrator.cli.init import init
from deploy_orchestrator.cli.live import history, rollback, sandbox, status
from deploy_orchestrator.cli.output import tell
from deploy_orchestrator.cli.plan import plan
from deploy_orchestrator.errors import OrchestratorError

app = typer.Typer(
    name="deploy-orchestrator",
    help="Ship Helm charts to many tenants with Argo CD, by Git alone.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
for command in (init, plan, pending, approve, reject, status, history, rollback):
    app.command()(command)
app.add_typer(sandbox, name="sandbox")


def main() -> None:
    """Run the command line; an error meant for the user is told in one message, without a traceback."""
    try:
        app()
    except OrchestratorError as error:
        tell(error)
        sys.exit(2)

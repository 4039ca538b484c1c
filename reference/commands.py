"""The commands, as typer documents them."""

import typer
from typer.cli import get_docs_for_click

from deploy_orchestrator.cli import app

_HEAD = """\
# Commands

What `--help` says of every command, on one page. [The command line](command-line.md) has what is common to
them: settings, exit codes and JSON.

<!-- Made from the code by `make docs`. -->
"""


def page() -> str:
    """Every command with its arguments and options."""
    command = typer.main.get_command(app)
    made = get_docs_for_click(
        obj=command, ctx=typer.Context(command), name="deploy-orchestrator", title="The program"
    )
    return f"{_HEAD}\n{made.replace('# The program', '## The program', 1).rstrip()}\n"

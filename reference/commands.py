"""The commands, as typer documents them."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.cli import get_docs_for_click

from deploy_orchestrator.cli import app

_HEAD = """\
# Commands

What `--help` says of every command, on one page. [The command line](command-line.md) has what is common to
them: settings, exit codes and JSON.

<!-- Made from the code by `make docs`. -->
"""
_LINE = 200
"""Of what a command does, as much as fits on a line of a list; typer cuts at 45 characters."""


def page() -> str:
    """Every command with its arguments and options."""
    command = typer.main.get_command(app)
    made = get_docs_for_click(
        obj=command, ctx=typer.Context(command), name="deploy-orchestrator", title="The program"
    )
    for each in _all(command):
        made = made.replace(f": {each.get_short_help_str()}\n", f": {each.get_short_help_str(_LINE)}\n")
    return f"{_HEAD}\n{made.replace('# The program', '## The program', 1).rstrip()}\n"


def _all(command: Any) -> Iterator[Any]:
    for each in getattr(command, "commands", {}).values():
        yield each
        yield from _all(each)

"""How the command line speaks: results on standard output, progress and errors on standard error."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import pydantic_core
import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import Diff
from deploy_orchestrator.orchestrator import Orchestrator
from deploy_orchestrator.releases import Reason
from deploy_orchestrator.settings import Settings

PIPED_WIDTH = 200
screen = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, highlight=False)

COLOURS = {
    "safe": "green",
    "needs-approval": "yellow",
    "blocked": "bold red",
    "open": "green",
    "waiting": "yellow",
    "closed": "red",
    "Healthy": "green",
    "Synced": "green",
    "Progressing": "yellow",
    "OutOfSync": "yellow",
    "Degraded": "bold red",
    "Missing": "red",
}


class Format(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", "-e", help="Only this environment.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", "-t", help="Only this tenant.")]
Environment = Annotated[str, typer.Argument(help="Environment, such as production.")]
Tenant = Annotated[str, typer.Argument(help="Tenant, such as analytics.")]


def opened(context: typer.Context) -> Orchestrator:
    """The installation that the environment variables describe, closed when the command ends."""
    with progress("fetching"):
        return context.with_resource(Orchestrator.open(Settings()))


def show_json(value: Any) -> None:
    """`value`, any nesting of models and plain types, as indented JSON."""
    sys.stdout.write(pydantic_core.to_json(value, indent=2).decode() + "\n")


def show_reason(reason: Reason) -> None:
    """Why a change has its verdict, and what to do about it."""
    where = f"{reason.object}: " if reason.object else ""
    screen.print(Text.assemble(coloured(reason.severity), f" {reason.rule}: {where}{reason.saw}"))
    screen.print(Text(f"  {reason.why} {reason.do}", style="dim"))


def show_diff(difference: Diff) -> None:
    """Changed lines in colour."""
    text = difference.unified()
    screen.print(Syntax(text, "diff", background_color="default", word_wrap=True))


def table(*columns: str, last: str) -> Table:
    """An empty table of short `columns`, which are never broken, and a `last` one that takes the rest."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, no_wrap=True)
    made.add_column(last, overflow="fold", ratio=1)
    return made


def coloured(word: str) -> Text:
    """A verdict, a state or a health in the colour that people expect of it."""
    return Text(word, style=COLOURS.get(word, ""))


def tell(error: OrchestratorError, about: str | None = None) -> None:
    """An error as people read it: where and what, then what to do."""
    where = "".join(f"{part}: " for part in (about, error.place) if part)
    errors.print(Text.assemble(("error: ", "bold red"), (where, "bold"), error.what))
    if error.fix:
        errors.print(Text.assemble(("  fix: ", "bold cyan"), error.fix))


@contextmanager
def progress(doing: str) -> Generator[None]:
    """Show on a terminal that something is under way."""
    with errors.status(doing):
        yield

"""The arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Format, typer.Option("--format", help="How to print the result.")]
Environment = Annotated[
    str, typer.Argument(metavar="ENVIRONMENT", help="The environment, such as production.")
]
Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, such as analytics.")]
OnlyEnvironment = Annotated[
    str | None, typer.Option("--environment", "-e", help="Show this environment only.")
]
OnlyTenant = Annotated[str | None, typer.Option("--tenant", "-t", help="Show this tenant only.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Say why, for those who read it later.")]
Fleet = Annotated[Path, typer.Option(help="Your working copy of the fleet repository.")]

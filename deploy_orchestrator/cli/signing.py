"""Who signs what is decided at the command line."""

from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.git import Ident, Signer

SignsAs = Annotated[
    str | None,
    typer.Option("--as", help="Your e-mail, together with --key; by default as git knows you."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        help="Your private SSH key, or the public one of a key in your agent; together with --as.",
        exists=True,
        dir_okay=False,
        resolve_path=True,
    ),
]


def signer(email: str | None, key: Path | None) -> Signer:
    """Who these options name, or git's own settings without them."""
    if email is None and key is None:
        return Signer.configured()
    if email is None or key is None:
        raise typer.BadParameter("--as and --key go together; without them git's own settings are used")
    return Signer(Ident(email.partition("@")[0], email), str(key))

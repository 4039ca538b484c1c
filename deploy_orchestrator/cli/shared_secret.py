"""Secrets that this installation shares with another program, from the environment or a file."""

from pathlib import Path

from pydantic import SecretStr

from deploy_orchestrator.cli.installation import NotSetUp
from deploy_orchestrator.errors import Place
from deploy_orchestrator.settings import secret_of

MIN_SECRET = 16


def shared_secret(what: str, given: SecretStr | None, file: Path | None, variable: str) -> str:
    """As `secret_of`, for a secret that has to be.

    Raises:
        NotSetUp: there is none, or one that is guessed too easily.
        SecretUnreadable: as `secret_of`.
    """
    secret = secret_of(given, file) or ""
    if len(secret) < MIN_SECRET:
        raise NotSetUp(
            f"the {what} has {len(secret)} characters, and needs {MIN_SECRET} or more",
            place=Place(f"{variable}_FILE" if file and not given else variable),
            fix="make one with `openssl rand -hex 32`, and give the same to who shows it",
        )
    return secret

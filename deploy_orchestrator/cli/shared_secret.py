"""Secrets that this installation shares with another program, from the environment or a file."""

from pathlib import Path

from pydantic import SecretStr

from deploy_orchestrator.cli.installation import NotSetUp
from deploy_orchestrator.errors import Place

MIN_SECRET = 16


def secret_of(what: str, given: SecretStr | None, file: Path | None, variable: str) -> str:
    """The secret that is `given`, or else stands in `file`, with or without an end of line.

    Raises:
        NotSetUp: the file cannot be read, or there is none, or one that is guessed too easily.
    """
    secret = given.get_secret_value() if given else ""
    if given is None and file is not None:
        variable += "_FILE"
        secret = _read(what, file)
    if len(secret) < MIN_SECRET:
        raise NotSetUp(
            f"the {what} has {len(secret)} characters, and needs {MIN_SECRET} or more",
            place=Place(variable),
            fix="make one with `openssl rand -hex 32`, and give the same to who shows it",
        )
    return secret


def _read(what: str, path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NotSetUp(f"the {what} cannot be read: {error}", place=Place(str(path))) from error

"""Commits of the fleet as people name them at the prompt."""

import re
from collections.abc import Collection
from typing import Final

import typer

from deploy_orchestrator.errors import OrchestratorError

_PREFIX: Final = re.compile(r"[0-9a-f]{7,40}")


class UnknownCommit(OrchestratorError):
    """A commit is none of those that could be meant, or may be several of them."""


def commit_prefix(given: str | None) -> str | None:
    """What an option says, if it can be the beginning of a commit's id."""
    if given is not None and not _PREFIX.fullmatch(given):
        raise typer.BadParameter("expected 7 to 40 hexadecimal digits, as `pending` and `status` show them")
    return given


def the_commit(prefix: str, known: Collection[str], state: str) -> str:
    """The one of the `known` commits that begins so; they are those of which something `state`.

    Raises:
        UnknownCommit: none of them does, or several do.
    """
    found = sorted(each for each in known if each.startswith(prefix))
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownCommit(f"{prefix} may be {' or '.join(found)}", fix="say more of it")
    raise UnknownCommit(
        f"nothing {state} of the commit {prefix}", fix="see what is: deploy-orchestrator status, and pending"
    )

"""What every room says when something is wrong: what happened, where, and what to do."""

import difflib
import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_KNOWN = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in something a person wrote: a file, and where known the line (from 1) and the field in it."""

    file: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        spot = self.file if self.line is None else f"{self.file}:{self.line}"
        return spot if self.field is None else f"{spot}: {self.field}"


class OrchestratorError(Exception):
    """An error meant for the user, as data: `what` happened, `place` it happened at, `fix` to try.

    Each room derives its own types from it. `str()` is one message with all three parts.
    """

    def __init__(self, what: str, *, place: Place | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.fix = fix

    def __str__(self) -> str:
        located = self.what if self.place is None else f"{self.place}: {self.what}"
        return located if self.fix is None else f"{located}\n  fix: {self.fix}"


class Transient(OrchestratorError):
    """What may come right without anybody doing anything: the same call is worth making again."""


class MachineRefused(OrchestratorError):
    """What the system refuses for a reason that only its user can mend: no room, no right, a wrong file."""


_MENDED_BY = {
    errno.EACCES: "give this user the right to it",
    errno.EDQUOT: "make room there",
    errno.EEXIST: "move away what is there",
    errno.ENOSPC: "make room there",
    errno.ENOTDIR: "move away the file that is in the way",
    errno.EPERM: "give this user the right to it",
    errno.EROFS: "make it writable",
}


def machine_refused(error: OSError) -> MachineRefused | None:
    """`error` as one for the user; None where it is not the machine that refuses."""
    mended_by = _MENDED_BY.get(error.errno or 0)
    if mended_by is None:
        return None
    return MachineRefused(
        error.strerror or "refused",
        place=Place(str(error.filename)) if error.filename else None,
        fix=f"{mended_by}, or keep clones and caches elsewhere: set DEPLOY_ORCHESTRATOR_HOME",
    )


def instead_of(name: str, known: Iterable[str]) -> str:
    """What to try in place of an unknown `name`: the nearest of the `known` ones, else some of them."""
    known = sorted(known)
    beginning = [each for each in known if name and each.startswith(name)]
    if nearest := beginning or difflib.get_close_matches(name, known, n=1):
        return f"did you mean {nearest[0]}?"
    if not known:
        return "there are none yet"
    more = ", …" if len(known) > MAX_KNOWN else ""
    return f"known here: {', '.join(islice(known, MAX_KNOWN))}{more}"


def first_few(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first `most` of these, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


class ProgramFault(OrchestratorError):
    """What this program did not expect: its log says where."""

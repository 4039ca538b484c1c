"""What was released, reverted and removed, from Git alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Commit, Ident, Repository
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.releases.layout import RELEASES, Slot, slots
from deploy_orchestrator.releases.model import ReleaseFile

REVERTS = "Reverts"
"""The trailer by which a commit names the release that it undoes."""
_LOOKS = (1, 256, None)
"""How many commits are read at once: most who ask want the newest, or one of the newest."""


@dataclass(frozen=True, slots=True)
class ReleaseEvent:
    """One commit that changed what is released.

    `release` is what has been released since then (its digest, source, chart and approvals), None when
    nothing was left of what a removal took away; `reason` tells why something was reverted. A file that
    nobody can read, or that is about something else, is `unreadable`, and the reason what is wrong with it.
    """

    kind: Literal["release", "revert", "removal", "unreadable"]
    commit: str
    at: datetime
    who: Ident
    release: ReleaseFile | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A commit after which `release` is what is released; `reverts` names the release that it undid."""

    commit: str
    at: datetime
    release: ReleaseFile
    reverts: str | None

    @property
    def kind(self) -> Literal["release", "revert", "removal"]:
        if self.release.removal:
            return "removal"
        return "revert" if self.reverts else "release"


def events(repository: Repository, head: str, slot: Slot) -> list[ReleaseEvent]:
    """Every change of what is released, newest first, but for what others pushed or merged."""
    found: list[ReleaseEvent] = []
    seen: set[str | None] = set()
    for commit in reversed([*newest_first(repository, head, slot.release)]):
        tree = repository.at(commit.id)
        state = tree.id(slot.release)
        event = partial(ReleaseEvent, commit=commit.id, at=commit.time, who=commit.author)
        try:
            file = slot.read_release(tree)
            removed = file is None or file.removal
            kind = "removal" if removed else "revert" if state in seen else "release"
            reason = _reason(repository, commit, slot) if kind == "revert" else None
            found.append(event(kind, release=file, reason=reason))
        except OrchestratorError as error:
            found.append(event("unreadable", release=None, reason=str(error)))
        seen.add(state)
    return found[::-1]


def event_of(
    repository: Repository, commit: str, slot: Slot, kind: Literal["release", "revert", "removal"]
) -> ReleaseEvent:
    """What a commit of that `kind` did. Raises as reading does."""
    made = repository.commit(commit)
    reason = _reason(repository, made, slot) if kind == "revert" else None
    release = slot.read_release(repository.at(commit))
    return ReleaseEvent(kind, made.id, made.time, made.author, release, reason)


def changes(repository: Repository, head: str, known: str | None) -> Iterator[ReleaseChange]:
    """Every change of what is released up to `head`, of all tenants and oldest first, without those that the
    commit `known` has. Files that nobody can read, or that are about something else, are left out, and so is
    what others pushed or merged.
    """
    for commit in reversed(repository.log(head, since=known, paths=[RELEASES])):
        if not repository.counts(commit, head):
            continue
        tree = repository.at(commit.id)
        for slot in slots(tree, RELEASES, repository.changed(commit.id)):
            file = attempt(slot.read_release, tree)
            if isinstance(file, ReleaseFile):
                yield ReleaseChange(commit.id, commit.time, file, commit.trailers.get(REVERTS))


def _reason(repository: Repository, commit: Commit, slot: Slot) -> str | None:
    if slot.quarantine not in repository.changed(commit.id):
        return None
    entries = slot.read_quarantine(repository.at(commit.id))
    return entries[-1].reason if entries else None


def origin(repository: Repository, head: str, commit: str, slot: Slot) -> Commit | None:
    """The commit up to `head` that first released what `commit` (a release, or a revert that brought it back)
    stands for, whatever others merged; None where that is not in this history.

    Two releases never have the same file, for each tells the moment it was made at.
    """
    state = repository.at(commit).id(slot.release)
    commits = reversed(repository.log(head, paths=[slot.release]))
    same = (each for each in commits if repository.at(each.id).id(slot.release) == state)
    return next((each for each in same if repository.counts(each, head)), None)


def newest_first(repository: Repository, head: str, *paths: str) -> Iterator[Commit]:
    """The commits up to `head` that changed what is at or below one of `paths`, without those of others that
    do not count, reading little more than is asked for.
    """
    seen = 0
    for limit in _LOOKS:
        found = repository.log(head, paths=paths, limit=limit)
        yield from (each for each in found[seen:] if repository.counts(each, head))
        if limit is None or len(found) < limit:
            return
        seen = len(found)

"""What came of making each release live, remembered in Git: on a branch of its own, a file a tenant that says
how the last one went, so that the branch's history tells it of all.

An engine forgets when a release got healthy as soon as the next one is there; how long changes took, and how
many failed, is asked months later.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from deploy_orchestrator.documents import Record
from deploy_orchestrator.git import MAX_TOUCHED, Changes, Commit, Repository, Tree
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.releases.layout import dump, read
from deploy_orchestrator.releases.model import Release
from deploy_orchestrator.terms import CommitId, Label, Time, is_label

BRANCH = "deliveries"
_AT_ONCE: Final = MAX_TOUCHED
Result = Literal["healthy", "failed"]


class Delivered(Record):
    """That a release, by its commit, was `healthy` or had `failed` at a time, by the engine's clock."""

    environment: Label
    tenant: Label
    release: CommitId
    outcome: Result
    at: Time

    @classmethod
    def of(cls, release: Release, outcome: Result, at: datetime) -> "Delivered":
        return cls(
            environment=release.environment,
            tenant=release.tenant,
            release=release.commit,
            outcome=outcome,
            at=at,
        )


def record(repository: Repository, delivered: Sequence[Delivered]) -> Commit | None:
    """See `Deployments.record_deliveries`."""

    parts = [delivered[start : start + _AT_ONCE] for start in range(0, len(delivered), _AT_ONCE)]
    made = repository.write_all(BRANCH, [partial(_recorded, part) for part in parts]) if parts else []
    return next((each for each in reversed(made) if each), None)


def deliveries(repository: Repository, head: str, since: str | None) -> Iterator[Delivered]:
    """What was recorded up to the commit `head` and is not in the history of `since`, oldest first; what
    nobody can read is left out, and so are commits that change more than `record` does in one.

    Raises:
        TooMuchHistory: there are more commits than are gone through.
    """
    for each in repository.touched(head, since=since, opened=is_label):
        tree = repository.at(each.commit)
        for path in each.paths or ():
            found = attempt(read, tree, path, Delivered)
            if isinstance(found, Delivered) and _path(found) == path:
                yield found


def _recorded(delivered: Sequence[Delivered], tree: Tree) -> Changes | None:
    new = {_path(each): each for each in delivered if _is_new(each, tree)}
    if not new:
        return None
    lines = "\n".join(f"{each.environment}/{each.tenant}: {each.outcome}" for each in new.values())
    subject = f"Record {len(new)} deliveries" if len(new) > 1 else f"Record {lines}"
    return Changes(f"{subject}\n\n{lines}\n", {path: dump(each) for path, each in new.items()})


def _is_new(delivered: Delivered, tree: Tree) -> bool:
    """A release that once was healthy stays so: what is synced again later is no delivery of it."""
    before = attempt(read, tree, _path(delivered), Delivered)
    if not isinstance(before, Delivered) or before.release != delivered.release:
        return True
    return (before.outcome, delivered.outcome) == ("failed", "healthy")


def _path(delivered: Delivered) -> str:
    return f"{delivered.environment}/{delivered.tenant}.yaml"

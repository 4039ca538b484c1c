"""Undo a release: `git revert` of its commit, with its content put in quarantine by the same commit."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.git import Changes, Commit, Ident, Repository, Tree
from deploy_orchestrator.manifests import ObjectKey, committed_manifests
from deploy_orchestrator.outcomes import attempt, values
from deploy_orchestrator.releases.errors import RevertRefused
from deploy_orchestrator.releases.history import REVERTS, origin
from deploy_orchestrator.releases.layout import MAIN, RELEASES, Quarantine, Slot, dump, slots
from deploy_orchestrator.releases.model import Quarantined, Release, ReleaseFile
from deploy_orchestrator.releases.standing import SlotState

IRREVERSIBLE = "deploy-orchestrator.io/irreversible"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class WayBack:
    """From the release `now` to the one that comes `back`, by undoing what the `commits` had released, the
    newest first.
    """

    now: Release
    back: ReleaseFile
    commits: tuple[str, ...]


def way_back(standing: SlotState, to: str | None) -> WayBack:
    """See `Deployments.way_back`."""
    repository, slot = standing.repository, standing.slot
    key, now, head = f"{slot.environment}/{slot.tenant}", standing.release, standing.tree.commit
    if now is None or head is None:
        raise RevertRefused(f"{key}: nothing is released")
    wanted = None if to is None else _released_by(repository, slot, to)
    if wanted is not None and wanted == standing.released:
        raise RevertRefused(f"{key}: what {to} released is what is released now")
    commits: list[str] = []
    current: ReleaseFile = now
    made = _origin(repository, head, now.commit, now, slot)
    while True:
        if wanted is not None and _before(repository, made, slot) is None:
            raise RevertRefused(
                f"{key}: what {to} released is not among what was released before",
                fix=f"choose another: deploy-orchestrator history {slot.environment} {slot.tenant}",
            )
        back = _undone(repository, made, current, slot)
        commits.append(made.id)
        if wanted is None or back == wanted:
            _require_free(repository, standing.tree, slot, now, back)
            return WayBack(now, back, tuple(commits))
        current, made = back, _origin(repository, head, made.parents[0], back, slot)


def revert(
    repository: Repository, release: Release, reason: str, now: datetime, by: Ident | None, to: str | None
) -> Release:
    """See `Deployments.revert`."""
    slot = Slot(release.environment, release.tenant)
    reason = textwrap.shorten(reason, 500, placeholder=" …")
    reverted: Release | None = None
    before: ReleaseFile | None = None

    def change(expected: str | None, tree: Tree) -> Changes | None:
        """What undoes the release that the commit `expected` made; None stands for that of `release`."""
        nonlocal reverted, before
        standing = SlotState(repository, tree, slot)
        entries, current = standing.quarantine, standing.release
        made = _origin(repository, tree.commit, expected or release.commit, release, slot)
        is_current = current is not None and (
            current.commit == release.commit
            if expected is None
            else _origin(repository, tree.commit, current.commit, current, slot).id == made.id
        )
        if current is None or not is_current:
            if current is None or all(entry.reverted != made.id for entry in entries):
                raise RevertRefused(
                    f"{release.key}: {release.digest} is not what is released now",
                    fix="look at the history, and revert what is released",
                )
            reverted = current
            return None
        before = _undone(repository, made, current, slot)
        _require_free(repository, tree, slot, current, before)
        undone = tree.reverting(made.id, [slot.release])
        quarantined = Quarantined(
            content=current.content,
            reason=reason,
            reverted=made.id,
            at=now,
        )
        return replace(
            undone,
            message=f"{undone.message.rstrip()}\n\n{reason}\n\n"
            f"Digest: {before.digest}\n{REVERTS}: {made.id}\n",
            writes={**undone.writes, slot.quarantine: dump(Quarantine((*entries, quarantined)))},
            author=by,
        )

    further = _further(repository, release, slot, to) if to else ()
    made = repository.write_all(MAIN, [partial(change, each) for each in (None, *further)])
    last = next((each for each in reversed(made) if each), None)
    if last is not None and before is not None:
        return before.made_by(last)
    if reverted is None:
        raise RevertRefused(f"{release.key}: there was nothing to undo")
    return reverted


def _require_free(
    repository: Repository, tree: Tree, slot: Slot, now: ReleaseFile, back: ReleaseFile
) -> None:
    """Nobody goes back to where another has been released since they moved away, or to an object that another
    has made since in a namespace that they share.
    """
    stays = now.destination.is_at(replace(back.destination, server=None))
    found = values(attempt(each.read_release, tree) for each in slots(tree, RELEASES) if each != slot)
    others = [each for each in found if each and each.destination.meets(back.destination)]
    for other in others:
        if not stays:
            raise RevertRefused(
                f"{back.key} would go back to the namespace {back.namespace} of cluster {back.cluster}, where"
                f" {other.key} is released by now",
                fix="release what mends it where it is, or remove the other first",
            )
        again = _objects(repository, back) - _objects(repository, now)
        if taken := sorted(again & _objects(repository, other)):
            raise RevertRefused(
                f"{back.key} would make {first_few(taken, _NAMED)} again, which is {other.key}'s by now in"
                f" the namespace {back.namespace} that they share",
                fix="release what mends it without that, or let the other give it up first",
            )


def _objects(repository: Repository, release: ReleaseFile) -> frozenset[str]:
    names = repository.at(release.revision).names(release.path)
    return frozenset(each.removesuffix(".yaml") for each in names)


def _further(repository: Repository, release: Release, slot: Slot, to: str) -> tuple[str, ...]:
    """What is undone after `release` to come to what the commit `to` released: nothing where that is what
    stands there by now.
    """
    repository.fetch()
    standing = SlotState(repository, repository.branch(MAIN), slot)
    if standing.released is not None and standing.released == _released_by(repository, slot, to):
        return ()
    return way_back(standing, to).commits[1:]


def _released_by(repository: Repository, slot: Slot, commit: str) -> ReleaseFile:
    if slot.release in repository.changed(commit) and (found := slot.read_release(repository.at(commit))):
        return found
    raise RevertRefused(
        f"{slot.environment}/{slot.tenant}: {commit} released nothing there",
        fix=f"choose a release: deploy-orchestrator history {slot.environment} {slot.tenant}",
    )


def _origin(
    repository: Repository, head: str | None, commit: str, released: ReleaseFile, slot: Slot
) -> Commit:
    made = origin(repository, head, commit, slot) if head else None
    if made is None:
        raise RevertRefused(
            f"{released.key}: {released.digest} was released by nothing in the history of {MAIN}",
            fix="look at the history, and revert what is released",
        )
    return made


def _undone(repository: Repository, made: Commit, released: ReleaseFile, slot: Slot) -> ReleaseFile:
    """What was released before `made` released what is to be undone."""
    before = _before(repository, made, slot)
    if released.removal:
        raise RevertRefused(
            f"{released.key}: it was removed, and what that deleted does not come back by a revert",
            fix="put the tenant back into the fleet",
        )
    if before is None or before.removal:
        raise RevertRefused(
            f"{released.key}: nothing was released before {released.digest}",
            fix="release a change that mends it",
        )
    _check_reversible(repository, released, before)
    return before


def _before(repository: Repository, made: Commit, slot: Slot) -> ReleaseFile | None:
    return slot.read_release(repository.at(made.parents[0])) if made.parents else None


def _check_reversible(repository: Repository, release: ReleaseFile, before: ReleaseFile) -> None:
    ran = next(_irreversible(repository, release, before), None)
    if ran is not None:
        raise RevertRefused(
            f"{release.key}: the release ran {ran}, which is marked {IRREVERSIBLE}; what was before it may "
            "not work with what it left",
            fix="release a change that mends it, or restore the data by hand first",
        )


def _irreversible(repository: Repository, release: ReleaseFile, before: ReleaseFile) -> Iterator[ObjectKey]:
    old = committed_manifests(repository.at(before.revision), before.path).by_key
    for each in committed_manifests(repository.at(release.revision), release.path).objects:
        marked = each.annotations.get(IRREVERSIBLE, "").strip().lower() == "true"
        if marked and (each.key not in old or old[each.key].canonical != each.canonical):
            yield each.key

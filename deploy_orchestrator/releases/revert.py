"""Undo a release: `git revert` of its commit, with its content put in quarantine by the same commit."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from deploy_orchestrator.git import Changes, Commit, Person, Repository, Tree
from deploy_orchestrator.manifests import ObjectKey, committed_manifests
from deploy_orchestrator.releases.errors import RevertRefused
from deploy_orchestrator.releases.history import REVERTS, origin
from deploy_orchestrator.releases.layout import MAIN, Quarantine, Slot, dump
from deploy_orchestrator.releases.model import Quarantined, Release, ReleaseFile
from deploy_orchestrator.releases.standing import Standing

IRREVERSIBLE = "deploy-orchestrator.io/irreversible"


def revert(
    repository: Repository, release: Release, reason: str, now: datetime, by: Person | None
) -> Release:
    """See `Deployments.revert`."""
    slot = Slot(release.environment, release.tenant)
    reason = textwrap.shorten(reason, 500, placeholder=" …")
    reverted: Release | None = None
    before: ReleaseFile | None = None

    def change(tree: Tree) -> Changes | None:
        nonlocal reverted, before
        made = origin(repository, tree.commit, release.commit, slot) if tree.commit else None
        if made is None:
            raise RevertRefused(
                f"{release.key}: {release.digest} was released by nothing in the history of {MAIN}",
                fix="look at the history, and revert what is released",
            )
        before = _before(repository, made, slot)
        standing = Standing(repository, tree, slot)
        entries, current = standing.quarantine, standing.release
        if current is None or current.commit != release.commit:
            if current is None or all(entry.reverted != made.id for entry in entries):
                raise RevertRefused(
                    f"{release.key}: {release.digest} is not what is released now",
                    fix="look at the history, and revert what is released",
                )
            reverted = current
            return None
        if release.removal:
            raise RevertRefused(
                f"{release.key}: it was removed, and what that deleted does not come back by a revert",
                fix="put the tenant back into the fleet",
            )
        if before is None or before.removal:
            raise RevertRefused(
                f"{release.key}: nothing was released before {release.digest}",
                fix="release a change that mends it",
            )
        _check_reversible(repository, release, before)
        undone = tree.reverting(made.id, [slot.release])
        quarantined = Quarantined(
            content=release.content,
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

    commit = repository.write(MAIN, change)
    if commit is not None and before is not None:
        return before.made_by(commit)
    if reverted is None:
        raise RevertRefused(f"{release.key}: there was nothing to undo")
    return reverted


def _before(repository: Repository, made: Commit, slot: Slot) -> ReleaseFile | None:
    return slot.read_release(repository.at(made.parents[0])) if made.parents else None


def _check_reversible(repository: Repository, release: Release, before: ReleaseFile) -> None:
    ran = next(_irreversible(repository, release, before), None)
    if ran is not None:
        raise RevertRefused(
            f"{release.key}: the release ran {ran}, which is marked {IRREVERSIBLE}; what was before it may "
            "not work with what it left",
            fix="release a change that mends it, or restore the data by hand first",
        )


def _irreversible(repository: Repository, release: Release, before: ReleaseFile) -> Iterator[ObjectKey]:
    old = committed_manifests(repository.at(before.revision), before.path).by_key
    for each in committed_manifests(repository.at(release.revision), release.path).objects:
        marked = each.annotations.get(IRREVERSIBLE, "").strip().lower() == "true"
        if marked and (each.key not in old or old[each.key].canonical != each.canonical):
            yield each.key

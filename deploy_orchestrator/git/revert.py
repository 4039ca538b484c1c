from collections.abc import Collection

import pygit2
from pygit2.enums import DeltaStatus, MergeFlag

from deploy_orchestrator.git.changes import Changes, empty_tree
from deploy_orchestrator.git.commit import read_commit
from deploy_orchestrator.git.errors import RevertConflict
from deploy_orchestrator.git.paths import parts_of


def reverting(objects: pygit2.Repository, root: str, commit_id: str, paths: Collection[str]) -> Changes:
    """The changes that undo a commit on the tree `root`: see `Tree.reverting`."""
    commit = read_commit(objects, commit_id)
    here = objects[root].peel(pygit2.Tree)
    before = objects[commit.parents[0]] if commit.parents else objects[empty_tree(objects)]
    index = objects.merge_trees(
        objects[commit.id].peel(pygit2.Tree), here, before.peel(pygit2.Tree), flags=MergeFlag(0)
    )
    within = [parts_of(path) for path in paths]

    def concerns(path: str) -> bool:
        steps = tuple(path.split("/"))
        return not within or any(steps[: len(limit)] == limit for limit in within)

    sides = (side for conflict in index.conflicts or () for side in conflict if side)
    conflicts = sorted({str(side.path) for side in sides if concerns(str(side.path))})
    if conflicts:
        raise RevertConflict(
            f"{commit.id[:12]} ({commit.subject}) cannot be undone, for what it changed has changed again: "
            + ", ".join(conflicts),
            conflicts,
            fix="undo the later commits first",
        )
    writes: dict[str, bytes] = {}
    deletes: list[str] = []
    for delta in here.diff_to_index(index).deltas:
        path = delta.new_file.path
        if not concerns(path):
            continue
        if delta.status == DeltaStatus.DELETED:
            deletes.append(path)
        else:
            writes[path] = objects[delta.new_file.id].peel(pygit2.Blob).data
    return Changes(f'Revert "{commit.subject}"\n\nThis reverts commit {commit.id}.\n', writes, deletes)

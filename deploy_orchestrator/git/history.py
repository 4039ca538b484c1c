"""The commits of a repository on this machine, to read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pygit2
from pygit2.enums import MergeFlag, ObjectType

from deploy_orchestrator.git import command
from deploy_orchestrator.git.changes import empty_tree
from deploy_orchestrator.git.commit import Commit, read_commit
from deploy_orchestrator.git.differing import differing
from deploy_orchestrator.git.errors import GitError, RevisionNotFound
from deploy_orchestrator.git.line import line_of
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.git.signature import Signature, verify
from deploy_orchestrator.git.touched import Touched, on_the_way, touched
from deploy_orchestrator.git.tree import Tree
from deploy_orchestrator.git.walked import moves_files, walked
from deploy_orchestrator.storage import Cache
from deploy_orchestrator.terms import is_commit_id

_LOG_LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class History:
    """What the repository at `path` holds, known to people as `url`.

    Any number of threads and processes may read one.
    """

    url: str
    path: Path
    _store: ObjectStore = field(repr=False, compare=False)

    @classmethod
    def around(cls, folder: Path) -> "History | None":
        """The repository that `folder` is in, as it stands: nothing is fetched. None where it is in none.

        Raises:
            GitError: it cannot be read, as when it belongs to somebody else.
        """
        try:
            found = pygit2.discover_repository(str(folder))
            if found is None:
                return None
            history = cls(str(folder.absolute()), Path(found), ObjectStore(Path(found)))
            history._store.open()
        except pygit2.GitError as error:
            raise GitError(
                f"the repository around {folder.absolute()} cannot be read: {error}",
                fix=f"if you trust it: git config --global --add safe.directory {folder.absolute()}",
            ) from error
        return history

    def cache(self, kind: str) -> Cache:
        """Where one kind of what was found out of this history is kept, beside a clone of the orchestrator's
        own; nowhere for any other.
        """
        return self._store.cache(kind)

    def head(self, branch: str = "main") -> str | None:
        """The id of the last commit on `branch` as of the last fetch; None where there is no such branch."""
        try:
            reference = self._store.open().references.get(reference_of(branch))
        except (pygit2.GitError, ValueError) as error:
            raise GitError(f"the branch {branch!r} cannot be read: {error}") from error
        if reference is None:
            return None
        there = reference.target
        return str(there if isinstance(there, pygit2.Oid) else reference.peel(pygit2.Commit).id)

    def heads(self, prefix: str) -> dict[str, str]:
        """The last commit of each branch whose name begins so, by the rest of it, as of the last fetch."""
        beginning = f"refs/heads/{prefix}"
        found = self._store.open().references
        return {
            name.removeprefix(beginning): str(found[name].peel(pygit2.Commit).id)
            for name in found
            if name.startswith(beginning)
        }

    def branch(self, name: str = "main") -> Tree:
        """What a branch held when it was last fetched; an empty tree where there is no such branch."""
        return self._tree(self.head(name))

    def resolve(self, revision: str) -> str:
        """The id of the commit that an id, a branch, a tag, the beginning of an id, or `main~2` names.

        Where several of these would fit it is the first: a tag called `main` does not hide the branch.

        Raises:
            RevisionNotFound: it names no commit, or several.
        """
        objects, branch = self._store.open(), f"refs/heads/{revision}"
        is_branch = pygit2.reference_is_valid_name(branch) and not is_commit_id(revision)
        try:
            if (
                is_commit_id(revision)
                and (found := objects.get(revision))
                and found.type == ObjectType.COMMIT
            ):
                return revision
            named = objects.references.get(branch) if is_branch else None
            return str((named or objects.revparse_single(revision)).peel(pygit2.Commit).id)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise RevisionNotFound(
                f"no commit {revision!r} in {self.url}",
                fix="check its name; it must be pushed, and in CI fetched",
            ) from error

    def at(self, revision: str) -> Tree:
        """What the repository holds at `revision`.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        return self._tree(self.resolve(revision))

    def before(self, revision: str) -> Tree:
        """What the repository held before the commit that `revision` names: at its first parent, and nothing
        before the first one.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        return self._tree(next(iter(self.commit(revision).parents), None))

    def commit(self, revision: str) -> Commit:
        """The commit that `revision` names.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        return _commit(self._store, self.resolve(revision))

    def log(
        self, to: str, *, since: str | None = None, paths: Sequence[str] = (), limit: int | None = None
    ) -> list[Commit]:
        """The commits up to `to`, newest first: without those that `since` has, and only those that change
        `paths`, also where a merge threw that change away.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        newest, known = self.resolve(to), self.resolve(since) if since else None
        if paths and limit is None and (gone_through := walked(self._store, newest, known)):
            return gone_through.of(paths)
        selection = [newest, *([f"^{known}"] if known else [])]
        bound = [] if limit is None else [f"--max-count={limit}"]
        result = command.run(
            ["rev-list", "--topo-order", "--full-history", *bound, *selection, "--", *paths],
            repository=self.path,
            limit=_LOG_LIMIT,
        )
        if result.code:
            raise GitError(f"the history of {to!r} cannot be read: {result.errors.strip()}")
        objects = self._store.open()
        return [read_commit(objects, line) for line in result.output.decode().split()]

    def changed(self, revision: str) -> tuple[str, ...]:
        """The paths of the files that a commit adds, changes or removes against its first parent, sorted.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        found = differing(self._store.open(), self.resolve(revision))
        return tuple(sorted(each.path for each in found))

    def renames(self, revisions: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Each file that these commits rename, as Git finds it by likeness: what it was called, and what it
        is called then. Merges rename nothing by themselves.
        """
        moving = tuple(each for each in revisions if moves_files(self._store, self.resolve(each)))
        return _renames(self._store, moving) if moving else ()

    def is_plain_merge(self, revision: str) -> bool:
        """Whether a commit is what Git makes of two parents by itself, so that whoever merged them wrote
        nothing: no conflict, nothing renamed, one common ancestor, and no line that the merge added or left
        out.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        commit = self.commit(revision)
        if len(commit.parents) != 2:
            return False
        bases = command.run(["merge-base", "--all", *commit.parents], repository=self.path, limit=_LOG_LIMIT)
        if len(bases.output.split()) != 1:
            return False
        objects = self._store.open()
        merged = objects.merge_commits(*commit.parents, flags=MergeFlag(0))
        return not merged.conflicts and merged.write_tree(objects) == objects[commit.id].peel(pygit2.Tree).id

    def touched(
        self, to: str, *, since: str | None = None, opened: Callable[[str], bool] = lambda _: False
    ) -> list[Touched]:
        """What each commit up to `to` touches at the root, oldest first, without those that `since` has.

        Of folders whose names `opened` takes it tells the entries, one level deep. What is over the bounds of
        `git/touched.py` is not gone through, and told as such, so that nobody's commit can hold up a reader.

        Raises:
            TooMuchHistory: more than 200,000 commits.
            RevisionNotFound: as `resolve`.
        """
        older = None if since is None else self.resolve(since)
        return touched(self._store, self.resolve(to), older, opened)

    def on_the_way(self, to: str, *, since: str | None = None) -> str:
        """A commit up to `to` to which `touched` can be asked for, where it cannot for all of them.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        older = None if since is None else self.resolve(since)
        return on_the_way(self._store, self.resolve(to), older)

    def removed(self, to: str, folder: str) -> dict[str, str]:
        """The newest commit up to `to` that removed each file below `folder`, by its path; whether or not the
        file came back is not looked at.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        result = command.run(
            [
                "log",
                "-z",
                "--format=%H",
                "--name-only",
                "--no-renames",
                "--diff-filter=D",
                self.resolve(to),
                "--",
                folder,
            ],
            repository=self.path,
            limit=_LOG_LIMIT,
        )
        if result.code:
            raise GitError(f"the history of {folder} up to {to!r} cannot be read: {result.errors.strip()}")
        found: dict[str, str] = {}
        commit = ""
        for token in result.output.decode(errors="surrogateescape").split("\0"):
            name = token.strip("\n")
            if is_commit_id(name):
                commit = name
            elif name:
                found.setdefault(name, commit)
        return found

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` has `older` in its history, or is the same commit.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        old, new = self.resolve(older), self.resolve(newer)
        if old == new:
            return True
        told = line_of(self._store).leads_to(old, new)
        return self._store.open().descendant_of(new, old) if told is None else told

    def leads_to(self, older: str, newer: str) -> bool:
        """As `is_ancestor`; no where one of them is not there, or not any more."""
        try:
            return self.is_ancestor(older, newer)
        except RevisionNotFound:
            return False

    def verify(self, commit: str, allowed_signers: bytes) -> Signature:
        """Who signed `commit`, by a file of allowed signers in OpenSSH's format.

        The dates in that file (`valid-after`, `valid-before`) are held against the time that the commit
        itself gives, which its signer can set: to shut out a stolen key for good, take its line out.

        Raises:
            Unsigned: there is no signature.
            UntrustedSignature: it is not good, or not by a key that was allowed at the time.
            RevisionNotFound: as `resolve`.
        """
        return verify(self._store, self.resolve(commit), allowed_signers)

    def _tree(self, commit: str | None) -> Tree:
        objects = self._store.open()
        root = empty_tree(objects) if commit is None else str(objects[commit].peel(pygit2.Tree).id)
        return Tree(commit, root, self._store)


@lru_cache(maxsize=4096)
def _commit(store: ObjectStore, id: str) -> Commit:  # noqa: A002
    return read_commit(store.open(), id)


@lru_cache(maxsize=256)
def _renames(store: ObjectStore, commits: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    result = command.run(
        ["diff-tree", "--stdin", "-r", "-z", "--no-commit-id", "--find-renames", "--diff-filter=R"],
        repository=store.path,
        input="".join(f"{each}\n" for each in commits).encode(),
        limit=_LOG_LIMIT,
    )
    if result.code:
        raise GitError(f"what was renamed cannot be read: {result.errors.strip()}")
    tokens = result.output.decode(errors="surrogateescape").split("\0")[:-1]
    return tuple(zip(tokens[1::3], tokens[2::3], strict=True))


def reference_of(branch: str) -> str:
    if not is_branch_name(branch):
        raise GitError(f"not the name of a branch: {branch!r}")
    return f"refs/heads/{branch}"


def is_branch_name(text: str) -> bool:
    """Whether Git lets a branch be called so (git-check-ref-format)."""
    return not text.startswith("-") and pygit2.reference_is_valid_name(f"refs/heads/{text}")

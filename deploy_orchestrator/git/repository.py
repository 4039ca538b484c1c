import random
import re
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pygit2
from filelock import FileLock, Timeout

from deploy_orchestrator.git import command
from deploy_orchestrator.git.address import Address
from deploy_orchestrator.git.changes import Changes, apply, empty_tree
from deploy_orchestrator.git.commit import Commit, Person, make_commit, read_commit
from deploy_orchestrator.git.errors import (
    GitError,
    RemoteUnreachable,
    RevisionNotFound,
    WriteContended,
)
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.git.signature import Signature, Signer, verify
from deploy_orchestrator.git.transport import fetch, push
from deploy_orchestrator.git.tree import Tree

ORCHESTRATOR = Person("deploy-orchestrator", "deploy-orchestrator@localhost")

_CLONE_LIMIT = 600.0
_LOCK_LIMIT = 60.0
_LOG_LIMIT = 20.0
_ATTEMPTS = 30
_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Repository:
    """A local bare clone at `path` that follows the remote `url`.

    Any number of threads and processes may use one clone. Commits that are not signed are made by `identity`.
    """

    url: str
    path: Path
    identity: Person
    _address: Address = field(repr=False)
    _store: ObjectStore = field(repr=False, compare=False)

    @classmethod
    def clone(cls, url: str, path: Path, identity: Person = ORCHESTRATOR) -> Self:
        """Opens the clone at `path`, which is made first where there is none, and fetches.

        `url` may be https, http, ssh, a file URL or a folder. A password in it is used, but neither stored
        nor shown.

        Raises:
            UnsafeRemote: `url` is anything else.
            RemoteUnreachable: nothing was cloned, or what is there was not brought up to date.
            GitError: `path` holds something else, such as a clone of another URL.
        """
        address, path = Address.parse(url), path.absolute()
        repository = cls(address.url, path, identity, address, ObjectStore(path))
        with repository._lock(_CLONE_LIMIT + _LOCK_LIMIT):
            if not path.exists():
                repository._create()
                return repository
        repository._check_origin()
        repository.fetch()
        return repository

    def fetch(self) -> None:
        """Brings all branches and tags to where the remote has them, within 20 seconds.

        Raises:
            RemoteUnreachable: it did not answer, or not in time.
        """
        with self._lock():
            fetch(self._address, self.path)

    def head(self, branch: str = "main") -> str | None:
        """The id of the last commit on `branch` as of the last fetch; None where there is no such branch."""
        try:
            reference = self._store.open().references.get(_reference(branch))
        except (pygit2.GitError, ValueError) as error:
            raise GitError(f"the branch {branch!r} cannot be read: {error}") from error
        return None if reference is None else str(reference.peel(pygit2.Commit).id)

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
        is_branch = pygit2.reference_is_valid_name(branch) and not _FULL_ID.fullmatch(revision)
        try:
            named = objects.references.get(branch) if is_branch else None
            return str((named or objects.revparse_single(revision)).peel(pygit2.Commit).id)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise RevisionNotFound(
                f"no commit {revision!r} in {self.url}", fix="check its name, and push it"
            ) from error

    def at(self, revision: str) -> Tree:
        """What the repository holds at `revision`.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        return self._tree(self.resolve(revision))

    def commit(self, revision: str) -> Commit:
        """The commit that `revision` names.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        return read_commit(self._store.open(), self.resolve(revision))

    def log(
        self, to: str, *, since: str | None = None, paths: Sequence[str] = (), limit: int | None = None
    ) -> list[Commit]:
        """The commits up to `to`, newest first: without those that `since` has, and only those that change
        `paths`, also where a merge threw that change away.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        selection = [self.resolve(to), *([f"^{self.resolve(since)}"] if since else [])]
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
        commit = self.commit(revision)
        objects = self._store.open()
        before = commit.parents[0] if commit.parents else empty_tree(objects)
        deltas = objects.diff(before, commit.id).deltas
        return tuple(sorted({file.path for delta in deltas for file in (delta.old_file, delta.new_file)}))

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` has `older` in its history, or is the same commit.

        Raises:
            RevisionNotFound: as `resolve`.
        """
        old, new = self.resolve(older), self.resolve(newer)
        return old == new or self._store.open().descendant_of(new, old)

    def write(
        self, branch: str, change: Callable[[Tree], Changes | None], *, signer: Signer | None = None
    ) -> Commit | None:
        """Pushes one commit onto `branch`: the `Changes` that `change` returns for what the branch holds now.

        When somebody else pushes first, `change` is asked again with what they left, so it must depend on
        nothing but its argument. It is asked with an empty tree where there is no such branch. None is
        returned, and nothing written, when it returns None or changes nothing. So a call that failed
        half-way can simply be made again.

        Raises:
            WriteContended: others kept being first.
            PushRejected: the remote refuses the push for good.
            RemoteUnreachable: the remote did not answer. Whether the commit arrived is not known.
            SigningFailed: `signer` could not sign.
            UnsafeTree: `Changes` has a path that no commit may hold.
        """
        for attempt in range(_ATTEMPTS):
            self.fetch()
            head = self.head(branch)
            tree = self._tree(head)
            changes = change(tree)
            if changes is None:
                return None
            root = apply(self._store.open(), tree.root, changes)
            if root == tree.root:
                return None
            commit = self._commit(root, head, changes, signer)
            if self._push(branch, head, commit):
                return self.commit(commit)
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311
        raise WriteContended(
            f"{self.url}: others wrote to {branch!r} first, {_ATTEMPTS} times in a row", fix="try again"
        )

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

    def _commit(self, root: str, parent: str | None, changes: Changes, signer: Signer | None) -> str:
        message = changes.message.strip().replace("\0", "\ufffd").encode(errors="replace").decode() + "\n"
        parents = () if parent is None else (parent,)
        if signer is not None:
            return signer.sign(self._store, root, parents, message)
        return make_commit(
            self._store.open(), root, parents, message, changes.author or self.identity, self.identity
        )

    def _push(self, branch: str, expected: str | None, commit: str) -> bool:
        reference = _reference(branch)
        try:
            if not push(self._address, self.path, reference, expected, commit):
                return False
        except RemoteUnreachable:
            self.fetch()
            head = self.head(branch)
            if head is None or not self.is_ancestor(commit, head):
                raise
            return True
        with self._lock():
            if self.head(branch) == expected:
                self._store.open().references.create(reference, commit, force=True)
        return True

    def _create(self) -> None:
        draft = self.path.with_name(f".{self.path.name}.cloning")
        shutil.rmtree(draft, ignore_errors=True)
        clone = pygit2.init_repository(str(draft), bare=True, initial_head="main")
        clone.config["remote.origin.url"] = self.url
        clone.config["gc.packRefs"] = False
        fetch(self._address, draft, _CLONE_LIMIT)
        draft.rename(self.path)

    def _check_origin(self) -> None:
        try:
            origin = self._store.open().config["remote.origin.url"]
        except (KeyError, pygit2.GitError) as error:
            raise GitError(
                f"{self.path} is not a clone", fix="move it away, or name another folder"
            ) from error
        if origin != self.url:
            raise GitError(
                f"{self.path} is a clone of {origin}, not of {self.url}",
                fix="move it away, or name another folder",
            )

    @contextmanager
    def _lock(self, limit: float = _LOCK_LIMIT) -> Generator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=limit):
                yield
        except Timeout as error:
            raise RemoteUnreachable(
                f"{self.url}: others have been fetching into {self.path} for {limit:g} seconds",
                fix="try again",
            ) from error


def _reference(branch: str) -> str:
    reference = f"refs/heads/{branch}"
    if branch.startswith("-") or not pygit2.reference_is_valid_name(reference):
        raise GitError(f"not the name of a branch: {branch!r}")
    return reference

import random
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

import pygit2
from filelock import FileLock, Timeout

from deploy_orchestrator.git.address import Address
from deploy_orchestrator.git.changes import Changes, apply
from deploy_orchestrator.git.commit import Commit, Ident, make_commit
from deploy_orchestrator.git.errors import (
    GitError,
    RemoteUnreachable,
    WriteContended,
)
from deploy_orchestrator.git.history import History, reference_of
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.git.seal import Seal, by_others, counts, is_sealed, lately_by_others, own_head
from deploy_orchestrator.git.signature import Signer
from deploy_orchestrator.git.transport import CLONE_LIMIT, Move, fetch, push
from deploy_orchestrator.git.tree import Tree

ORCHESTRATOR = Ident("deploy-orchestrator", "deploy-orchestrator@localhost")

_LOCK_LIMIT = 60.0
_ATTEMPTS = 30
_LONGEST_PAUSE = 1.0
PUT_BACK = "Put back what others wrote over"
_NAMED = 100
"""Commits of others that are named one by one."""

Update = Callable[[Tree], Changes | None]
"""What to write where a branch holds this; None for nothing."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Another `branch` that a write depends on: it arrives only if that is still what it was when it was
    fetched before the write was made.

    An empty commit with the `message`, told after what is written, is put on it by the same push; None where
    nothing that was written depends on it.
    """

    branch: str
    message: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Repository(History):
    """A local bare clone at `path` that follows the remote `url`.

    Any number of threads and processes may use one clone. Commits that nobody else signs are made by
    `identity`, and signed where there is a `seal`. The branch of the seal is read as of the newest commit
    that bears it, and whoever writes to it puts that back first: what others pushed on top counts for
    nothing. Where no commit bears it yet, what stands there is trusted.
    """

    identity: Ident
    seal: Seal | None
    _address: Address = field(repr=False)
    branches: tuple[str, ...] | None = field(default=None, compare=False)

    @classmethod
    def clone(
        cls,
        url: str,
        path: Path,
        identity: Ident = ORCHESTRATOR,
        seal: Seal | None = None,
        branches: tuple[str, ...] | None = None,
    ) -> Self:
        """Opens the clone at `path`, which is made first where there is none, and fetches: all, or these
        `branches` alone.

        `url` may be https, http, ssh, a file URL or a folder. A password in it is used, but neither stored
        nor shown.

        Raises:
            UnsafeRemote: `url` is anything else.
            RemoteUnreachable: nothing was cloned, or what is there was not brought up to date.
            GitError: `path` holds something else, such as a clone of another URL.
        """
        address, path = Address.parse(url), path.absolute()
        store = ObjectStore(path, path.with_name(f"{path.name}.kept"))
        repository = cls(address.url, path, store, identity, seal, address, branches)
        with repository._lock(CLONE_LIMIT + _LOCK_LIMIT):
            if not path.exists():
                repository._create()
                return repository
        repository._check_origin()
        repository.fetch()
        return repository

    def head(self, branch: str = "main") -> str | None:
        """As `History.head`; of the branch of the seal the newest commit that bears it."""
        head = self.tip(branch)
        return own_head(self, self.seal, head) if head and self.seal and self.seal.branch == branch else head

    def tip(self, branch: str = "main") -> str | None:
        """Where a branch is, whoever pushed it there."""
        return History.head(self, branch)

    def by_others(self) -> list[Commit]:
        """What others pushed on top of the newest commit that bears the seal, newest first."""
        head = self.tip(self.seal.branch) if self.seal else None
        return by_others(self, self.seal, head) if head and self.seal else []

    def lately_by_others(self) -> list[Commit]:
        """What others pushed to the branch of the seal lately, also where it was taken back, newest first."""
        head = self.tip(self.seal.branch) if self.seal else None
        return lately_by_others(self, self.seal, head) if head and self.seal else []

    def is_sealed(self, commit: Commit, branch: str = "main") -> bool:
        """Whether a commit bears the seal, made for this branch."""
        return self.seal is not None and is_sealed(self, self.seal, commit, branch)

    def counts(self, commit: Commit, head: str) -> bool:
        """Whether a commit in the history of `head` is none that others pushed or merged since commits are
        signed, also where that was put back.
        """
        return self.seal is None or counts(self, self.seal, head, commit)

    def fetch(self) -> None:
        """Brings all branches and tags, or those that are followed, to where the remote has them: within 20
        seconds, or ten minutes where the remote answers and has much to send.

        Raises:
            RemoteUnreachable: it did not answer, or not in time.
        """
        with self._lock():
            fetch(self._address, self.path, branches=self.branches)

    def _fetch_with(self, branch: str) -> None:
        """As `fetch`, with a branch that is written, which need not be among those that are followed."""
        wanted = self.branches
        if wanted is not None and not any(fnmatchcase(branch, each) for each in wanted):
            wanted = (*wanted, branch)
        with self._lock():
            fetch(self._address, self.path, branches=wanted)

    def fetch_all(self) -> None:
        """As `fetch`, of every branch and tag that there is."""
        with self._lock():
            fetch(self._address, self.path)

    @property
    def user(self) -> Ident | None:
        """Who commits here by the user's own settings; None where they do not say."""
        try:
            me = pygit2.Repository(str(self.path)).default_signature
        except KeyError:
            return None
        return Ident(me.name, me.email)

    def write(
        self, branch: str, update: Update, *, signer: Signer | None = None, onto: str | None = None
    ) -> Commit | None:
        """Pushes one commit onto `branch`: the `Changes` that `update` returns for what the branch holds now.

        When somebody else pushes first, `update` is asked again with what they left, so it must depend on
        nothing but its argument. Where there is no such branch, it begins where `onto` is, or else with an
        empty tree. None is returned, and nothing written, when it returns None or changes nothing. So a call
        that failed half-way can simply be made again.

        Raises:
            WriteContended: others kept being first.
            PushRejected: the remote refuses the push for good.
            RemoteUnreachable: the remote did not answer. Whether the commit arrived is not known.
            SigningFailed: `signer` could not sign.
            UnsafeTree: `Changes` has a path that no commit may hold.
        """
        return self.write_all(branch, [update], signer=signer, onto=onto)[0]

    def remove(self, branch: str, commit: str) -> bool:
        """Takes a branch away from the remote that is at `commit` there; False where it is elsewhere by now.

        Raises:
            PushRejected, RemoteUnreachable: as `write`.
        """
        gone = push(self._address, self.path, [Move(reference_of(branch), commit, "")])
        self._fetch_with(branch)
        return gone

    def write_all(
        self,
        branch: str,
        updates: Sequence[Update],
        *,
        signer: Signer | None = None,
        begin: Callable[[], None] = lambda: None,
        witness: Witness | None = None,
        onto: str | None = None,
    ) -> list[Commit | None]:
        """As `write` for several `updates`, each asked with what the commit of the one before it holds.

        Their commits are pushed in one go, and arrive together or not at all. At each attempt `begin` is
        called before they are asked. Raises as `write`; also PushRejected where there is a `witness`, and the
        remote cannot update two branches at once. What others put on top of the branch of the seal is taken
        back by a commit of its own before.
        """
        for attempt in range(_ATTEMPTS):
            self._fetch_with(branch)
            expected = self.tip(branch)
            seen = self.head(witness.branch) if witness else None
            begin()
            start = self.head(onto) if onto and expected is None else expected
            made, head = self._commits(branch, self._put_back(branch, start), updates, signer)
            if head is None or head == start:
                moves = []
            else:
                moves = [Move(reference_of(branch), expected, head)]
                moves += self._witnessed(witness, seen) if witness else []
            if not moves or self._push(branch, moves, len(made)):
                return [self.commit(each) if each else None for each in made]
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311
        raise WriteContended(
            f"{self.url}: others wrote to {branch!r} first, {_ATTEMPTS} times in a row", fix="try again"
        )

    def _put_back(self, branch: str, head: str | None) -> str | None:
        """Where a write begins: a commit with what the newest sealed one holds, if that is not the last."""
        own = self.head(branch)
        if head is None or own is None or own == head:
            return head
        named = self.by_others()[:_NAMED]
        others = "".join(f"{each.id} by {str(each.author)!r}: {each.subject!r}\n" for each in named)
        message = f"{PUT_BACK}\n\nOnly what is signed by its key counts here.\n\n{others}"
        return self._commit(branch, self._tree(own).root, head, Changes(message), None)

    def _witnessed(self, witness: Witness, seen: str | None) -> list[Move]:
        message = witness.message()
        if message is None:
            return []
        commit = self._commit(witness.branch, self._tree(seen).root, seen, Changes(message), None)
        return [Move(reference_of(witness.branch), seen, commit)]

    def _commits(
        self, branch: str, head: str | None, updates: Sequence[Update], signer: Signer | None
    ) -> tuple[list[str | None], str | None]:
        """The commit of each of `updates`, on this machine only, and the last one."""
        made: list[str | None] = []
        for update in updates:
            tree = self._tree(head)
            wanted = update(tree)
            root = apply(self._store.open(), tree.root, wanted) if wanted else tree.root
            if wanted is None or root == tree.root:
                made.append(None)
                continue
            head = self._commit(branch, root, head, wanted, signer)
            made.append(head)
        return made, head

    def _commit(
        self, branch: str, root: str, parent: str | None, changes: Changes, signer: Signer | None
    ) -> str:
        message = changes.message.strip().replace("\0", "\ufffd").encode(errors="replace").decode() + "\n"
        parents = () if parent is None else (parent,)
        if signer is not None:
            return signer.sign(self._store, root, parents, message)
        author = changes.author or self.identity
        if self.seal is not None:
            return self.seal.sign(
                branch, self._store, root, parents, message, author=author, committer=self.identity
            )
        return make_commit(self._store.open(), root, parents, message, author, self.identity)

    def _push(self, branch: str, moves: Sequence[Move], commits: int) -> bool:
        try:
            if not push(self._address, self.path, moves, commits):
                return False
        except RemoteUnreachable:
            self._fetch_with(branch)
            head = self.head(branch)
            if head is None or not self.is_ancestor(moves[0].commit, head):
                raise
            return True
        try:
            with self._lock():
                for each in moves:
                    there = self._store.open().references.get(each.reference)
                    if (str(there.target) if there else None) == each.expected:
                        self._store.open().references.create(each.reference, each.commit, force=True)
        except (OSError, pygit2.GitError):
            # A Git command that was killed has left its lock there, which fetching takes away.
            self.fetch()
        return True

    def _create(self) -> None:
        draft = self.path.with_name(f".{self.path.name}.cloning")
        shutil.rmtree(draft, ignore_errors=True)
        clone = pygit2.init_repository(str(draft), bare=True, initial_head="main")
        clone.config["remote.origin.url"] = self.url
        clone.config["gc.packRefs"] = False
        fetch(self._address, draft, branches=self.branches, new=True)
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

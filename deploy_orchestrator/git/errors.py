from collections.abc import Collection

from deploy_orchestrator.errors import OrchestratorError, Transient


class GitError(OrchestratorError):
    """Something is wrong with a Git repository, or with how it was asked."""


class RevisionNotFound(GitError):
    """No commit goes by that name."""


class PathNotFound(GitError):
    """The commit has nothing at that path, or not the kind of thing that was asked for."""


class UnsafeTree(GitError):
    """A path or an entry that could reach outside its folder, or more of them than any real repository
    has."""


class UnsafeRemote(GitError):
    """An address that Git would take for an option or for a program to run, or a protocol not spoken here."""


class RemoteUnreachable(Transient, GitError):
    """The remote did not answer in time, does not exist, or let nobody in."""


class PushRejected(GitError):
    """The remote refuses this push for good: a protected branch, a hook, a checked-out branch."""


class WriteContended(Transient, GitError):
    """Others kept writing to the branch first."""


class TooMuchHistory(GitError):
    """More commits than anybody would make by hand: they are not gone through."""


class RevertConflict(GitError):
    """The commit cannot be undone: what it changed has changed again since. `paths` names where."""

    def __init__(self, what: str, paths: Collection[str], *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.paths = tuple(paths)


class SigningFailed(GitError):
    """A commit could not be signed: no key, no agent, or a key that is not for SSH signatures."""


class Unsigned(GitError):
    """The commit carries no signature."""


class UntrustedSignature(GitError):
    """The commit is signed, but by nobody who was allowed to at the time, or the signature does not fit the
    bytes.

    `key` is the fingerprint of the key, where it could be told.
    """

    def __init__(self, what: str, *, key: str | None, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.key = key

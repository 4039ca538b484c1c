"""What can be wrong with places that charts and images come from, as types with data."""

from deploy_orchestrator.errors import OrchestratorError, Place, Transient


class RepositoryError(OrchestratorError):
    """A repository or registry that cannot be used. `url` is what was asked for."""

    def __init__(self, what: str, *, url: str, place: Place | None = None, fix: str | None = None) -> None:
        super().__init__(what, place=place, fix=fix)
        self.url = url


class RepositoryUnreachable(Transient, RepositoryError):
    """A repository that did not answer, or answered that it will not."""


class AnswerTooLarge(RepositoryUnreachable):
    """A server's answer is larger than it may be."""


class NoAnswer(RepositoryUnreachable):
    """A server that could not be connected to, or fell silent."""


class EgressRefused(RepositoryUnreachable):
    """A server that nothing may be asked of; see `Egress`."""


class DigestMismatch(RepositoryError):
    """Downloaded bytes that are not those that the index, lock or registry promised."""


class LoginsUnreadable(OrchestratorError, ValueError):
    """A file of the user's own logins that cannot be read. Nothing of what is in it is told."""

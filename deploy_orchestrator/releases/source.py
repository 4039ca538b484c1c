from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from deploy_orchestrator.git import Commit, Repository, Unsigned, UntrustedSignature
from deploy_orchestrator.releases.model import EVERYBODY, SourceChange

MAX_AUTHORS: Final = 500
_LONGEST: Final = 320
"""Characters of an address: https://www.rfc-editor.org/rfc/rfc3696#section-3."""


def source_change(
    repository: Repository, revision: str, commits: Sequence[Commit], allowed_signers: bytes
) -> SourceChange:
    """The change of the fleet `repository` that led to `revision` by `commits`; where there are none, by
    itself.

    Who is named as a co-author is an author too; of an address that is longer than any may be, its beginning
    is. It counts as signed when each of the commits is signed, by a key that `allowed_signers` gives to its
    author.
    """
    made = list(commits) or [repository.commit(revision)]
    return SourceChange(
        commit=repository.resolve(revision),
        authors=authors_of(
            each.email.casefold()[:_LONGEST]
            for commit in made
            for each in (commit.author, *commit.co_authors)
        ),
        signed=all(commit.signed for commit in made)
        and all(
            _signer(repository, commit.id, allowed_signers) == commit.author.email.casefold()
            for commit in made
        ),
    )


def authors_of(names: Iterable[str]) -> tuple[str, ...]:
    """Each of the `names` once, in order; of more than can be written down some, and `EVERYBODY`."""
    found = {*names}
    named = sorted(found - {EVERYBODY})
    more = EVERYBODY in found or len(named) > MAX_AUTHORS
    return (*([EVERYBODY] if more else []), *named[:MAX_AUTHORS])


@lru_cache(maxsize=1024)
def _signer(repository: Repository, commit: str, allowed_signers: bytes) -> str | None:
    try:
        return repository.verify(commit, allowed_signers).principal.casefold()
    except (Unsigned, UntrustedSignature):
        return None

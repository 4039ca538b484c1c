"""Which commits of the fleet a change is made of."""

from collections.abc import Sequence

from deploy_orchestrator.git import Commit, Repository, RevisionNotFound
from deploy_orchestrator.releases import Release, SourceChange, source_change


def commits_since(
    repository: Repository, revision: str, paths: Sequence[str], released: Release | None
) -> tuple[list[Commit], bool]:
    """The commits up to `revision` that change one of `paths` and are not released yet, newest first; and
    whether the fleet's history still has the commit that is released.
    """
    try:
        since = repository.resolve(released.source.commit) if released else None
    except RevisionNotFound:
        since = None
    return repository.log(revision, since=since, paths=paths), since is not None


def source_of(
    repository: Repository,
    revision: str,
    paths: Sequence[str],
    released: Release | None,
    allowed_signers: bytes,
) -> SourceChange:
    """Who wrote what `commits_since` finds, and whether that is signed by these keys.

    Raises:
        RevisionNotFound: there is no such commit.
    """
    commits, _ = commits_since(repository, revision, paths, released)
    return source_change(repository, revision, commits, allowed_signers)


def paths_of_removal(tenant: str) -> tuple[str, ...]:
    """What a tenant's removal is made by changing."""
    return (f"tenants/{tenant}",)

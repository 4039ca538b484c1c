"""Which commits of the fleet a change is made of, and who wrote it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from deploy_orchestrator.fleet import ALLOWED_SIGNERS, FLEET_FILE, FleetError, configured, load
from deploy_orchestrator.git import Commit, Repository, RevisionNotFound
from deploy_orchestrator.releases import Release, SourceChange, source_change


def commits_since(
    repository: Repository, revision: str, paths: Sequence[str], released: Release | None
) -> tuple[list[Commit], bool]:
    """The commits up to `revision` that change one of `paths` and are not released yet, newest first; and
    whether the fleet's history still has the commit that is released.
    """
    since = _since(repository, released)
    return repository.log(revision, since=since, paths=paths), since is not None


def source_of(
    repository: Repository,
    revision: str,
    environment: str,
    paths: Sequence[str],
    released: Release | None,
    allowed_signers: bytes,
) -> SourceChange:
    """Who wrote what `paths` give a deployment in `environment` and is not released yet, and whether that is
    signed by these keys.

    Authors are those of every commit that changes one of these paths, whether or not a later one wrote over
    it, and of what was moved into them; of their whole history where what is released was not made of them.
    Two kinds of commit that touch them make nobody an author: a merge that is what Git makes of its parents
    by itself, and a change of fleet.yaml that concerns other environments alone. Where that would leave
    nobody, everybody who touched them is.

    Raises:
        RevisionNotFound: there is no such commit.
    """
    made = _Made(repository, repository.resolve(revision), _since(repository, released), environment)
    return source_change(
        repository,
        revision,
        _commits(made, released.tenant if released else "", tuple(paths)),
        allowed_signers,
    )


def source_of_removal(
    repository: Repository, revision: str, released: Release, allowed_signers: bytes
) -> SourceChange:
    """As `source_of` for what took the tenant out of the fleet that is `released`."""
    paths = (f"tenants/{released.tenant}",)
    made = _Made(repository, repository.resolve(revision), _since(repository, released), released.environment)
    touched, _ = commits_since(repository, revision, paths, released)
    wrote = [each for each in touched if made.wrote(each, paths)]
    return source_change(repository, revision, wrote or touched, allowed_signers)


def source_of_rules(
    repository: Repository, revision: str, environment: str, since: str | None, allowed_signers: bytes
) -> SourceChange:
    """As `source_of` for the rules of an environment, which the fleet's commit `since` had before."""
    commits = _of_rules(repository, revision, environment, since)
    return source_change(repository, revision, commits, allowed_signers)


@lru_cache(maxsize=256)
def _of_rules(
    repository: Repository, revision: str, environment: str, since: str | None
) -> tuple[Commit, ...]:
    known = since if since and repository.leads_to(since, revision) else None
    made = _Made(repository, repository.resolve(revision), known, environment)
    paths = (FLEET_FILE, ALLOWED_SIGNERS)
    touched = tuple(repository.log(revision, since=known, paths=paths))
    return tuple(each for each in touched if made.wrote(each, paths, whole=True)) or touched


def _since(repository: Repository, released: Release | None) -> str | None:
    try:
        return repository.resolve(released.source.commit) if released else None
    except RevisionNotFound:
        return None


@lru_cache(maxsize=1024)
def _commits(made: "_Made", tenant: str, paths: tuple[str, ...]) -> tuple[Commit, ...]:
    touched, sources = made.touching(paths, tenant)
    return tuple(each for each in touched if made.wrote(each, sources)) or touched


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made for an `environment` by the commits up to `revision` that `since` does not have."""

    repository: Repository
    revision: str
    since: str | None
    environment: str

    def touching(self, paths: Iterable[str], tenant: str) -> tuple[tuple[Commit, ...], frozenset[str]]:
        """Every commit that touches `paths`, or what was moved into them, and all these paths."""
        since = self.since if self.since and self.repository.is_ancestor(self.since, self.revision) else None
        known = self._paths_before(since, tenant) if since else ()
        found: dict[str, Commit] = {}
        seen: set[str] = set()
        waiting = set(paths)
        while waiting:
            seen |= waiting
            old = [each for each in waiting if _is_below(each, known)]
            new = [each for each in waiting if each not in old]
            logs = (
                self.repository.log(self.revision, since=start, paths=selected)
                for start, selected in ((since, old), (None, new))
                if selected
            )
            found |= {commit.id: commit for log in logs for commit in log}
            waiting = {
                before
                for before, after in self.repository.renames(tuple(found))
                if _is_below(after, seen) and not _is_below(before, seen)
            }
        return tuple(found.values()), frozenset(seen)

    def wrote(self, commit: Commit, paths: Collection[str], *, whole: bool = False) -> bool:
        """Whether a commit that touches `paths` may have written what stands there: `whole` with the policy,
        which is approved for itself.
        """
        if len(commit.parents) > 1:
            carries = self.since is None or any(
                self.repository.is_ancestor(self.since, each) for each in commit.parents
            )
            return not (carries and self.repository.is_plain_merge(commit.id))
        touched = [each for each in self.repository.changed(commit.id) if _is_below(each, paths)]
        return not commit.parents or touched != [FLEET_FILE] or self._is_configured_by(commit, whole)

    def _is_configured_by(self, commit: Commit, whole: bool) -> bool:
        """Whether what a commit changes in fleet.yaml may concern the environment."""
        before, after, *ends = (
            configured(self.repository.at(each), self.environment)
            for each in (commit.parents[0], commit.id, self.since, self.revision)
            if each
        )
        if before is None or after is None or any(each is None or each[0] != after[0] for each in ends):
            return True
        return before != after if whole else before[:2] != after[:2]

    def _paths_before(self, since: str, tenant: str) -> tuple[str, ...]:
        try:
            fleet = load(self.repository.at(since))
            return fleet.paths(fleet.deployment(self.environment, tenant))
        except FleetError:
            return ()


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in folders)

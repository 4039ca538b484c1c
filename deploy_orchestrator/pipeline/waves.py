"""Canary waves: a commit that changes several tenants reaches a wave only after every tenant of the waves
before that it changes too has it live and healthy for the soak time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy_orchestrator.fleet import Deployment, Fleet, FleetError, load
from deploy_orchestrator.git import Commit, Repository
from deploy_orchestrator.manifests import Workspace, render
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.releases import Ahead


def ahead(
    deployment: Deployment, commits: Sequence[Commit], repository: Repository, workspace: Workspace
) -> tuple[Ahead, ...]:
    """Who has to have the change of a deployment first, with the newest of its `commits` that changes both.

    `commits` of the fleet `repository` are newest first. A commit changes a tenant when other manifests come
    of it than of the one before, and where that cannot be told because it broke the tenant.
    """
    environment, tenant = deployment.environment, deployment.tenant.name
    waiting: list[str] = environment.policy.ahead_of(tenant)
    found: list[Ahead] = []
    for commit in commits:
        if not waiting:
            break
        change = _change(commit, environment.name, repository, workspace)
        if change is None or not change.reaches(tenant):
            continue
        shared: list[str] = [each for each in waiting if change.reaches(each)]
        found += [Ahead(tenant=each, commit=commit.id) for each in shared]
        waiting = [each for each in waiting if each not in shared]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Change:
    before: Fleet | None
    after: Fleet
    environment: str
    workspace: Workspace

    def reaches(self, tenant: str) -> bool:
        new = _deployment(self.after, self.environment, tenant)
        old = _deployment(self.before, self.environment, tenant) if self.before else None
        if new is None:
            return old is not None and tenant in self.after.broken
        if old is None or self.before is None:
            return True
        if self.before.inputs(old) == self.after.inputs(new):
            return False
        before = attempt(render, old, self.before, self.workspace)
        return before != attempt(render, new, self.after, self.workspace)


def _change(commit: Commit, environment: str, repository: Repository, workspace: Workspace) -> _Change | None:
    """What a commit does, against the nearest state of the fleet before it that was not broken as a whole."""
    after, before = _fleet(repository, commit.id), None
    if after is None:
        return None
    while before is None and commit.parents:
        commit = repository.commit(commit.parents[0])
        before = _fleet(repository, commit.id)
    return _Change(before, after, environment, workspace)


def _fleet(repository: Repository, revision: str) -> Fleet | None:
    try:
        return load(repository.at(revision))
    except FleetError:
        return None


def _deployment(fleet: Fleet, environment: str, tenant: str) -> Deployment | None:
    try:
        return fleet.deployment(environment, tenant)
    except FleetError:
        return None

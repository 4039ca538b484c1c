"""The audit of the deployments repository, with what the fleet's repository tells of each release."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydantic

from deploy_orchestrator.fleet import Deployment, Rules, load, rules_of, under
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Manifests, Workspace, render
from deploy_orchestrator.pipeline.sources import source_of, source_of_removal
from deploy_orchestrator.releases import Audited, Plan, Release, SourceChange, audit
from deploy_orchestrator.storage import write_whole

_FILE: Final = "audit.json"
_WRITTEN_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Fleets:
    """What the fleet's repository tells of a plan: see `releases.Evidence`."""

    repository: Repository
    workspace: Workspace

    def rules(self, plan: Plan) -> Rules:
        return rules_of(load(self.repository.at(plan.source.commit)), plan.environment)

    def source(self, plan: Plan, released: Release | None, allowed_signers: bytes) -> SourceChange:
        """Who wrote what the plan changes, judged by these keys."""
        revision = plan.source.commit
        if plan.removal and released:
            return source_of_removal(self.repository, revision, released, allowed_signers)
        fleet = load(self.repository.at(revision))
        paths = fleet.paths(fleet.deployment(plan.environment, plan.tenant))
        return source_of(self.repository, revision, plan.environment, paths, released, allowed_signers)

    def rendered(self, plan: Plan, rules: Rules) -> tuple[Deployment, Manifests]:
        fleet = under(load(self.repository.at(plan.source.commit)), {plan.environment: rules})
        deployment = fleet.deployment(plan.environment, plan.tenant)
        return deployment, render(deployment, fleet, self.workspace)


def audited(deployments: Repository, fleets: Fleets, home: Path, *, anew: bool = False) -> Audited:
    """Carry on with the audit from where the last one ended, which is kept in `home`, or `anew` from the
    first commit; and what is known then.
    """
    kept = _kept(home)
    known = Audited(accepted=kept.accepted) if anew else kept
    for number, after in enumerate(audit(deployments, known, fleets), 1):
        known = after
        if number % _WRITTEN_EVERY == 0:
            _keep(home, known)
    _keep(home, known)
    return known


def accept(home: Path, commit: str) -> Audited:
    """What was audited, with what is wrong with a `commit` looked into by somebody. It takes effect where the
    audit found something wrong with it.
    """
    known = _kept(home)
    found = known.model_copy(update={"accepted": tuple(sorted({*known.accepted, commit}))})
    _keep(home, found)
    return found


def _kept(home: Path) -> Audited:
    try:
        return Audited.model_validate_json((home / _FILE).read_bytes())
    except (FileNotFoundError, pydantic.ValidationError):
        return Audited()


def _keep(home: Path, found: Audited) -> None:
    write_whole(home / _FILE, found.model_dump_json(indent=2).encode())

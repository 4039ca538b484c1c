"""One commit of the fleet on its way through environments and tenants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, Overview, Standing, likeness


@dataclass(frozen=True, slots=True)
class Alike:
    """Tenants of one `environment` that wait for the same of one commit, in one way."""

    environment: str
    standings: tuple[Standing, ...]

    @property
    def awaits_people(self) -> bool:
        return any(each.waiting and each.waiting.awaits_people for each in self.standings)

    @property
    def digests(self) -> str:
        """What is decided on when all of it is: each tenant with its digest, and what is seen of it."""
        plans = [each.waiting.plan for each in self.standings if each.waiting]
        return " ".join(f"{each.tenant}:{each.digest.removeprefix('sha256:')}:{each.seen}" for each in plans)


@dataclass(frozen=True, slots=True)
class Rollout:
    """A commit of the fleet: where it is `released`, and where it waits, those together that wait alike."""

    commit: str
    subject: str
    author: str
    at: datetime
    released: tuple[Standing, ...]
    waiting: tuple[Alike, ...]


def change(orchestrator: Orchestrator, overview: Overview, revision: str) -> Rollout:
    """How far a commit is. Raises RevisionNotFound where there is none."""
    commit = orchestrator.fleet_repository.commit(revision)
    here = [each for each in overview.deployments if each.release and each.release.source.commit == commit.id]
    waits = [
        each for each in overview.deployments if each.waiting and each.waiting.plan.source.commit == commit.id
    ]
    return Rollout(
        commit.id,
        commit.subject,
        str(commit.author),
        commit.time,
        tuple(here),
        tuple(_alike(waits, orchestrator)),
    )


def _alike(waiting: Iterable[Standing], orchestrator: Orchestrator) -> list[Alike]:
    """Those together whose lines are the same, but for whose they are: what is decided on at once."""
    groups: dict[object, list[Standing]] = {}
    for each in waiting:
        if each.waiting:
            difference = attempt(orchestrator.deployments.difference, each.waiting.plan)
            told = None if isinstance(difference, OrchestratorError) else difference
            lines = likeness(each.waiting.plan, told)
            groups.setdefault((each.environment, each.waiting.about, lines), []).append(each)
    return [Alike(group[0].environment, tuple(group)) for group in groups.values()]

"""One commit of the fleet on its way through environments and tenants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deploy_orchestrator.git import Repository
from deploy_orchestrator.pipeline import Overview, Standing


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
        """What is decided on when all of it is: each tenant with its digest."""
        plans = [each.waiting.plan for each in self.standings if each.waiting]
        return " ".join(f"{each.tenant}:{each.digest.removeprefix('sha256:')}" for each in plans)


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of the fleet: where it is `released`, and where it waits, those together that wait alike."""

    commit: str
    subject: str
    author: str
    at: datetime
    released: tuple[Standing, ...]
    waiting: tuple[Alike, ...]


def change(fleet: Repository, overview: Overview, revision: str) -> Change:
    """How far a commit is. Raises RevisionNotFound where there is none."""
    commit = fleet.commit(revision)
    here = [each for each in overview.deployments if each.release and each.release.source.commit == commit.id]
    waits = [
        each for each in overview.deployments if each.waiting and each.waiting.plan.source.commit == commit.id
    ]
    return Change(
        commit.id, commit.subject, str(commit.author), commit.time, tuple(here), tuple(_alike(waits))
    )


def _alike(waiting: Iterable[Standing]) -> list[Alike]:
    groups: dict[object, list[Standing]] = {}
    for each in waiting:
        if each.waiting:
            groups.setdefault((each.environment, each.waiting.about), []).append(each)
    return [Alike(group[0].environment, tuple(group)) for group in groups.values()]

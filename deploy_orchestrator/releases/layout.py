from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.documents import Record
from deploy_orchestrator.errors import MachineRefused, OrchestratorError, Place
from deploy_orchestrator.git import ObjectStore, Tree
from deploy_orchestrator.manifests import committed_content
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.model import Plan, Quarantined, ReleaseFile, Subject, Unchanged
from deploy_orchestrator.terms import is_label

MAIN = "main"
MANIFESTS = "manifests"
PLANS = "plans"
RELEASES = "releases"

Model = TypeVar("Model", bound=pydantic.BaseModel)
SubjectFile = TypeVar("SubjectFile", bound=Subject)


class Quarantine(pydantic.RootModel[tuple[Quarantined, ...]]):
    """The file of all that was reverted for one tenant in one environment, oldest first."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One tenant in one environment, and where its files stand in the deployments repository."""

    environment: str
    tenant: str

    def __post_init__(self) -> None:
        for name in (self.environment, self.tenant):
            if not is_label(name):
                raise ReleaseError(
                    f"not the name of an environment or a tenant: {name!r}",
                    fix="use lower-case letters, digits and hyphens",
                )

    @property
    def manifests(self) -> str:
        return f"{MANIFESTS}/{self.environment}/{self.tenant}"

    @property
    def plan(self) -> str:
        return f"{PLANS}/{self.environment}/{self.tenant}.yaml"

    @property
    def release(self) -> str:
        return f"{RELEASES}/{self.environment}/{self.tenant}.yaml"

    @property
    def quarantine(self) -> str:
        return f"quarantine/{self.environment}/{self.tenant}.yaml"

    @property
    def unchanged(self) -> str:
        return f"unchanged/{self.environment}/{self.tenant}.yaml"

    def read_plan(self, tree: Tree) -> Plan | None:
        return self._mine(_read(tree, self.plan, Plan), self.plan)

    def read_release(self, tree: Tree) -> ReleaseFile | None:
        return self._mine(_read(tree, self.release, ReleaseFile), self.release)

    def read_quarantine(self, tree: Tree) -> tuple[Quarantined, ...]:
        found = _read(tree, self.quarantine, Quarantine)
        return found.root if found else ()

    def read_unchanged(self, tree: Tree) -> Unchanged | None:
        return _read(tree, self.unchanged, Unchanged)

    def _mine(self, record: SubjectFile | None, path: str) -> SubjectFile | None:
        if record is not None and (record.environment, record.tenant) != (self.environment, self.tenant):
            raise ReleaseError(
                f"the file is about {record.key}", place=Place(path), fix="put back the file that was there"
            )
        return record


def slots(tree: Tree, folder: str) -> list[Slot]:
    """Every tenant in every environment that has a file in `folder`; a file of another name is nobody's."""
    return [
        Slot(environment, tenant)
        for environment in tree.names(folder)
        for file in tree.names(f"{folder}/{environment}")
        for tenant, dot, ending in [file.rpartition(".")]
        if (dot, ending) == (".", "yaml") and is_label(tenant) and is_label(environment)
    ]


def content_at(tree: Tree, folder: str) -> str | None:
    """The content of the manifests in a folder; None where somebody broke them."""
    try:
        return committed_content(tree, folder)
    except MachineRefused:
        raise
    except OrchestratorError:
        return None


def dump(record: Record | Quarantine) -> bytes:
    return documents.dump(record.model_dump(mode="json", exclude_none=True))


def _read(tree: Tree, path: str, model: type[Model]) -> Model | None:
    return _parsed(tree.store, tree.read(path), path, model) if tree.exists(path) else None


@lru_cache(maxsize=16384)
def _parsed(store: ObjectStore, data: bytes, path: str, model: type[Model]) -> Model:
    return documents.parse(data, path, store.cache("documents")).into(model)

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TypeVar

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.documents import Record
from deploy_orchestrator.errors import MachineRefused, OrchestratorError, Place
from deploy_orchestrator.git import ObjectStore, Repository, Tree
from deploy_orchestrator.manifests import committed_content, content_of_commit
from deploy_orchestrator.releases.errors import ReleaseError, TooLarge
from deploy_orchestrator.releases.model import Plan, Quarantined, ReleaseFile, Subject, Unchanged
from deploy_orchestrator.storage import cache_key
from deploy_orchestrator.terms import is_label

MAIN = "main"
MANIFESTS = "manifests"
PLANS = "plans"
RELEASES = "releases"
QUARANTINE = "quarantine"

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
        return f"{QUARANTINE}/{self.environment}/{self.tenant}.yaml"

    @property
    def unchanged(self) -> str:
        return f"unchanged/{self.environment}/{self.tenant}.yaml"

    def read_plan(self, tree: Tree) -> Plan | None:
        return self._mine(read(tree, self.plan, Plan), self.plan)

    def read_release(self, tree: Tree) -> ReleaseFile | None:
        return self._mine(read(tree, self.release, ReleaseFile), self.release)

    def read_quarantine(self, tree: Tree) -> tuple[Quarantined, ...]:
        found = read(tree, self.quarantine, Quarantine)
        return found.root if found else ()

    def read_unchanged(self, tree: Tree) -> Unchanged | None:
        return read(tree, self.unchanged, Unchanged)

    def _mine(self, record: SubjectFile | None, path: str) -> SubjectFile | None:
        if record is not None and (record.environment, record.tenant) != (self.environment, self.tenant):
            raise ReleaseError(
                f"the file is about {record.key}", place=Place(path), fix="put back the file that was there"
            )
        return record


def slots(tree: Tree, folder: str, among: Iterable[str] | None = None) -> list[Slot]:
    """Every tenant in every environment that has a file in `folder`, or `among` these paths; a file of
    another name is nobody's.
    """
    paths = _paths(tree, folder) if among is None else among
    return [
        Slot(environment, tenant)
        for path in paths
        for place, _, file in [path.rpartition("/")]
        for above, _, environment in [place.rpartition("/")]
        for tenant, dot, ending in [file.rpartition(".")]
        if above == folder and (dot, ending) == (".", "yaml") and is_label(tenant) and is_label(environment)
    ]


def _paths(tree: Tree, folder: str) -> Iterator[str]:
    for environment in tree.names(folder):
        yield from (f"{folder}/{environment}/{file}" for file in tree.names(f"{folder}/{environment}"))


def content_at(tree: Tree, folder: str) -> str | None:
    """The content of the manifests in a folder; None where somebody broke them."""
    return _unless_broken(partial(committed_content, tree, folder))


def released_content(repository: Repository, release: ReleaseFile) -> str | None:
    """As `content_at`, of what a release points at.

    Raises:
        RevisionNotFound: its commit is gone.
    """
    commit = repository.resolve(release.revision)
    return _unless_broken(partial(content_of_commit, repository, commit, release.path))


def _unless_broken(content: Callable[[], str]) -> str | None:
    try:
        return content()
    except MachineRefused:
        raise
    except OrchestratorError:
        return None


def dump(record: Record | Quarantine) -> bytes:
    """What is written down of it. Raises TooLarge where nobody could read that again."""
    return readable(record.model_dump(mode="json", exclude_none=True), type(record).__name__.lower())


def readable(content: object, what: str) -> bytes:
    """The document of `content`. Raises TooLarge where that could not be read again: `what` it is."""
    written = documents.dump(content)
    if len(written) > documents.MAX_BYTES:
        raise TooLarge(
            f"the {what} to write down would be larger than {documents.MAX_BYTES:,} bytes",
            fix="take back the commit that made it so large",
        )
    return written


def read(tree: Tree, path: str, model: type[Model]) -> Model | None:
    """What stands at `path`; None where there is nothing. Raises DocumentError for what is no such record.

    What was read is kept beside the clone by the file's id, which names its bytes for ever.
    """
    there = tree.file_id(path)
    return None if there is None else _parsed(_File(tree.store, there, path, tree), model)


@dataclass(frozen=True, slots=True)
class _File:
    """A file, and a `tree` in which it stands."""

    store: ObjectStore
    id: str
    path: str
    tree: Tree = field(compare=False)


@lru_cache(maxsize=16384)
def _parsed(file: _File, model: type[Model]) -> Model:
    cache, key = file.store.cache("records"), cache_key(documents.READER, file.id)
    kept = cache.read(key)
    if kept is not None:
        with suppress(pydantic.ValidationError):
            return model.model_validate(json.loads(kept), by_alias=True, by_name=False)
    document = documents.parse(file.tree.read(file.path), file.path)
    record = document.into(model)
    cache.write(key, json.dumps(document.value).encode())
    return record

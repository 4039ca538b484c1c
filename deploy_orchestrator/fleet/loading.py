"""Read the fleet repository at a commit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet.configuration import Configuration, configuration
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.fleet import Fleet
from deploy_orchestrator.fleet.layout import TENANTS
from deploy_orchestrator.fleet.model import Tenant
from deploy_orchestrator.fleet.remembered import MANY, Remembered, Tenants, remember
from deploy_orchestrator.fleet.tenants import TenantFolders
from deploy_orchestrator.git import Repository, Tree
from deploy_orchestrator.outcomes import attempt, failures

_LOOK_BACK = 50


@lru_cache(maxsize=8)
def load(tree: Tree) -> Fleet:
    """The fleet that `tree` describes; the last few are remembered.

    What is wrong with one tenant stands in `broken` and concerns no other. Folders below `tenants/` whose
    names begin with `_` or `.` are no tenants. Values files are read when `Fleet.layers` asks for them.

    Raises:
        FleetError: `fleet.yaml`, `allowed_signers` or the platform chart is broken.
    """
    try:
        settings = configuration(tree)
    except OrchestratorError as error:
        raise FleetError.of(error) from error
    found = _found(tree, settings)
    return Fleet(
        revision=tree.commit or "",
        argocd=settings.file.argocd,
        clusters=settings.file.clusters,
        environments=settings.environments,
        repositories=settings.file.repositories,
        hosts=settings.file.egress,
        platform=settings.platform,
        allowed_signers=settings.allowed_signers,
        issuers=settings.file.issuers,
        reviews=settings.file.reviews,
        tokens=settings.file.tokens,
        subscriptions=settings.file.subscriptions,
        image_mirrors=settings.file.image_mirrors,
        tenants=found.tenants,
        broken=found.broken,
        charts=settings.charts.sound(),
        values=found.values,
        tree=tree,
        keepers=found.keepers,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the folders below `tenants/` hold."""

    tenants: Mapping[str, Tenant]
    broken: Mapping[str, FleetError]
    values: Mapping[str, str]
    keepers: Mapping[tuple[str, str], str]


def _found(tree: Tree, settings: Configuration) -> _Found:
    kept = Remembered.of(tree, settings)
    return (kept and _carried_on(tree, settings, kept)) or _read(tree, settings)


def _read(tree: Tree, settings: Configuration) -> _Found:
    folders = TenantFolders(tree, settings)
    read = {name: attempt(folders.read, name) for name in settings.tenants}
    broken = {name: FleetError.of(error) for name, error in failures(read.items())}
    sound = {name: found for name, found in read.items() if not isinstance(found, OrchestratorError)}
    tenants = {name: tenant for name, (tenant, _) in sound.items()}
    layers = {name: values for name, (_, values) in sound.items()}
    if not broken:
        remember(tree, settings, tenants, layers, folders.keepers)
    return _Found(tenants, broken, _together(layers.values()), folders.keepers)


def _carried_on(tree: Tree, settings: Configuration, kept: Remembered) -> _Found | None:
    """What was remembered, with those read again whose folder is another; None where all have to be."""
    folders = tree.ids(TENANTS)
    others = [name for name, known in kept.tenants.items() if known.folder != folders[name]]
    again = TenantFolders(tree, settings, others)
    read: dict[str, tuple[Tenant, dict[str, str]]] = {}
    for name in others:
        found = attempt(again.read, name)
        if isinstance(found, OrchestratorError) or not kept.tenants[name].asks_like(found[0]):
            return None
        read[name] = found
    for chart in kept.charts:
        settings.charts.get(chart)
    layers = {name: read[name][1] if name in read else known.values for name, known in kept.tenants.items()}
    tenants = Tenants(kept.tenants, {name: tenant for name, (tenant, _) in read.items()})
    keepers = {(environment, namespace): who for environment, namespace, who in kept.keepers}
    if len(others) > MANY:
        remember(tree, settings, tenants, layers, keepers)
    return _Found(tenants, {}, _together(layers.values()), keepers)


def _together(layers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {path: there for each in layers for path, there in each.items()}


def last_readable(repository: Repository) -> Fleet:
    """The fleet at the newest commit of `main` where it is not broken, following first parents.

    Raises:
        FleetError: it is broken at all of the last 50 commits.
    """
    revision = repository.resolve("main")
    for _ in range(_LOOK_BACK):
        try:
            return load(repository.at(revision))
        except FleetError:
            parents = repository.commit(revision).parents
            if not parents:
                raise
            revision = parents[0]
    return load(repository.at(revision))

"""Read the fleet repository at a commit."""

from functools import lru_cache

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet.configuration import configuration
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.fleet import Fleet
from deploy_orchestrator.fleet.model import Tenant
from deploy_orchestrator.fleet.tenants import TenantFolders
from deploy_orchestrator.git import Repository, Tree

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
    folders = TenantFolders(tree, settings)
    tenants: dict[str, Tenant] = {}
    broken: dict[str, FleetError] = {}
    values: dict[str, str] = {}
    for name in settings.tenants:
        try:
            tenants[name], layers = folders.read(name)
            values |= layers
        except OrchestratorError as error:
            broken[name] = FleetError.of(error)
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
        image_mirrors=settings.file.image_mirrors,
        tenants=tenants,
        broken=broken,
        charts=settings.charts.sound(),
        values=values,
        tree=tree,
        keepers=folders.keepers,
    )


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

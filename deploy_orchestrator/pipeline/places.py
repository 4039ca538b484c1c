"""Whose a namespace is: nobody's release goes where another's is."""

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Destination, FleetError
from deploy_orchestrator.releases import Deployments


class NamespaceTaken(FleetError):
    """What another released stands in the namespace."""


def require_own(deployments: Deployments, key: str, destination: Destination) -> None:
    """Raises NamespaceTaken where what is released for another than `key` stands at the `destination`.

    The fleet gives each namespace to one tenant in one environment; what is released there still may belong
    to one that the fleet no longer has.
    """
    holder = deployments.holder(destination)
    if holder not in {None, key}:
        raise NamespaceTaken(
            f"{key} would go to the namespace {destination.namespace} of cluster {destination.cluster}, where"
            f" {holder} is released",
            place=Place(f"tenants/{key.partition('/')[2]}/tenant.yaml"),
            fix=f"remove {holder} first (`deploy-orchestrator tenant remove`), or give one of them another"
            " namespace or name",
        )

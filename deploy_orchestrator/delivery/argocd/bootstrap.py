"""Everything that an Argo CD needs to follow a fleet."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deploy_orchestrator.delivery.argocd.access import access
from deploy_orchestrator.delivery.argocd.application_set import application_set
from deploy_orchestrator.delivery.argocd.project import project
from deploy_orchestrator.delivery.argocd.windows import Unsaid, unsaid
from deploy_orchestrator.fleet import ArgoCDInstance, Deployment, Destination, Fleet
from deploy_orchestrator.releases import Release


def bootstrap(
    fleet: Fleet,
    instance: ArgoCDInstance,
    deployments: str,
    now: datetime,
    released: Sequence[Release] = (),
) -> list[dict[str, Any]]:
    """The rights of the orchestrator's ServiceAccount, an AppProject for each tenant, and one ApplicationSet.

    They are in the order in which Argo CD's administrator applies them, again when tenants, environments or
    freezes change.

    Args:
        instance: the Argo CD of the fleet that they are for; only its environments are in them.
        deployments: URL of the deployments repository, as Argo CD knows it.
        now: freezes that ended before are left out.
        released: what is released now, which may stay where it is until it has moved.
    """
    tenants = defaultdict[str, list[Deployment]](list)
    for deployment in fleet.deployments():
        if fleet.argocd_of(deployment.environment.name) == instance:
            tenants[deployment.tenant.name].append(deployment)
    here = {each.name for each in fleet.environments if fleet.argocd_of(each.name) == instance}
    places = defaultdict[str, list[Destination]](list)
    for release in released:
        if release.environment in here:
            places[release.tenant].append(release.destination)
    projects = [
        project(fleet, instance, deployments, tenants[name], now, places[name]) for name in sorted(tenants)
    ]
    return [*access(instance.namespace), *projects, application_set(fleet, instance, deployments)]


def unsaid_windows(fleet: Fleet, instance: ArgoCDInstance, now: datetime) -> list[Unsaid]:
    """The freezes and release windows that `bootstrap` does not give to Argo CD."""
    environments = [each for each in fleet.environments if fleet.argocd_of(each.name) == instance]
    return [each for environment in environments for each in unsaid(environment, now)]

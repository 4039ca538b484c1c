"""Whose a namespace is, and whose an object in it: nobody's release goes where another's is."""

from collections.abc import Iterator

from deploy_orchestrator.errors import Place, first_few
from deploy_orchestrator.fleet import Deployment, Fleet, FleetError
from deploy_orchestrator.releases import Deployments, Plan

_SHOWN = 5


class PlaceTaken(FleetError):
    """What another released stands where this would go."""


class NamespaceTaken(PlaceTaken):
    """The namespace is another's, or not one that may be shared."""


class ObjectTaken(PlaceTaken):
    """Two tenants of one namespace would make the same objects."""


def require_place(fleet: Fleet, deployments: Deployments, plan: Plan, objects: frozenset[str]) -> None:
    """Hold where `plan` goes, with its `objects` (as `ObjectKey.file`), against all that others have there.

    The fleet gives each namespace to one tenant in one environment, or to several that share it; what is
    released there still may belong to one that the fleet no longer has. `fleet` is under the rules that
    count, so that nobody shares a namespace before its policy was approved.

    Raises:
        NamespaceTaken: another is released there, and not both share it by the environment's policy; or it
            would share one that the policy does not name.
        ObjectTaken: an object is another's already, or is in another's candidate and nobody's yet.
    """
    own = fleet.deployment(plan.environment, plan.tenant)
    place = Place(f"tenants/{plan.tenant}/tenant.yaml")
    namespace = plan.namespace
    listed = namespace in own.environment.policy.shared_namespaces
    if own.placing.shared and not listed:
        raise NamespaceTaken(
            f"{plan.key} would share the namespace {namespace}, which is not among the sharedNamespaces of"
            f" the policy that counts in {plan.environment}",
            place=place,
            fix=f"approve the policy first: `deploy-orchestrator approve {plan.environment} --rules`",
        )
    others = [each for each in deployments.holders(plan.destination) if each.key != plan.key]
    for other in others:
        taken = sorted({*plan.destination.namespaces} & {*other.destination.namespaces})
        shared = taken == [namespace] == [other.namespace]
        if not (shared and own.placing.shared and _shares(fleet, other.environment, other.tenant, own)):
            raise NamespaceTaken(
                f"{plan.key} would go to the namespace {taken[0]} of cluster {plan.cluster}, where"
                f" {other.key} is released",
                place=place,
                fix=f"remove {other.key} first (`deploy-orchestrator tenant remove`), or give one of them"
                " another namespace or name",
            )
    if not own.placing.shared:
        return
    released = deployments.release(plan.environment, plan.tenant)
    claimed = objects - (deployments.objects_of(released) if released else frozenset[str]())
    for other in others:
        _require_apart(plan, other.key, objects & deployments.objects_of(other), place)
    for neighbour in _neighbours(fleet, own):
        taken = claimed & deployments.objects(plan.environment, neighbour)
        _require_apart(plan, f"{plan.environment}/{neighbour}", taken, place)


def _shares(fleet: Fleet, environment: str, tenant: str, own: Deployment) -> bool:
    """Whether a tenant that is released beside `own` may be there: it says so itself, or can no longer."""
    if environment != own.environment.name:
        return False
    known = fleet.tenants.get(tenant)
    return known is None or known.namespace_in(environment).shared


def _neighbours(fleet: Fleet, own: Deployment) -> Iterator[str]:
    name = own.environment.name
    for tenant in fleet.tenants.values():
        if tenant.name != own.tenant.name and name in tenant.environments:
            placing = tenant.namespace_in(name)
            if placing.shared and own.environment.namespace_of(tenant.name, placing.name) == own.namespace:
                yield tenant.name


def _require_apart(plan: Plan, other: str, taken: frozenset[str], place: Place) -> None:
    if taken:
        names = sorted(each.removesuffix(".yaml") for each in taken)
        raise ObjectTaken(
            f"{plan.key} and {other} would both make {first_few(names, _SHOWN)} in the namespace"
            f" {plan.destination.namespace} that they share",
            place=place,
            fix="let one of them make it, or call it otherwise",
        )

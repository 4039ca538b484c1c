"""What two states of the fleet repository differ in."""

from deploy_orchestrator.fleet.fleet import Deployment, Fleet


def changed(before: Fleet | None, after: Fleet) -> list[Deployment]:
    """The deployments of `after` that have to be planned again, in promotion order and then by name.

    These are the new ones, those whose manifests may be others (`Fleet.inputs`), and those whose plan is
    judged differently: another policy or cluster of their environment, other exceptions from checks, another
    environment before it, or other manifests there, since a plan names what must be healthy before it. With
    nothing `before`, all of them. A deployment that is gone or broken in `after` is not among them.
    """
    if before is None:
        return after.deployments()
    known = {each.key: each for each in before.deployments()}
    return [
        each
        for each in after.deployments()
        if each.key not in known
        or _judged_by(before, known[each.key]) != _judged_by(after, each)
        or before.inputs(known[each.key]) != after.inputs(each)
    ]


def differing(before: Fleet, after: Fleet) -> list[Deployment]:
    """The deployments of `after` whose manifests, or the verdict on them, may be others than `before`, in
    promotion order and then by name. All else that `changed` has waits for others, and is itself the same.
    """
    known = {each.key: each for each in before.deployments()}
    return [
        each
        for each in after.deployments()
        if each.key not in known
        or _checked_by(known[each.key]) != _checked_by(each)
        or before.inputs(known[each.key]) != after.inputs(each)
    ]


def gone(before: Fleet, after: Fleet) -> list[Deployment]:
    """The deployments of `before` that `after` does not have, because somebody took them out."""
    kept = {each.key for each in after.deployments()}
    return [
        each for each in before.deployments() if each.key not in kept and each.tenant.name not in after.broken
    ]


def _judged_by(fleet: Fleet, deployment: Deployment) -> tuple[object, ...]:
    before = fleet.before(deployment)
    environment = deployment.environment
    awaited = (before.environment.name, fleet.inputs(before)) if before else None
    return environment.policy, environment.cluster, deployment.tenant.exceptions, awaited


def _checked_by(deployment: Deployment) -> tuple[object, ...]:
    return deployment.environment.policy, deployment.tenant.exceptions

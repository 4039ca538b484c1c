"""What two states of the fleet repository differ in."""

import hashlib
import json
import re
from functools import lru_cache

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet.fleet import Deployment, Fleet, takeover_path
from deploy_orchestrator.fleet.layout import FLEET_FILE
from deploy_orchestrator.fleet.model import FleetFile
from deploy_orchestrator.fleet.reading import read_document
from deploy_orchestrator.git import Tree

_JUDGED_BY = {"registries", "images", "cluster_scoped", "checks", "ignore"}
_ANCHOR = re.compile(r"(?:^|[\s\[{,:])&", re.MULTILINE)


def changed(before: Fleet | None, after: Fleet) -> list[Deployment]:
    """The deployments of `after` that have to be planned again, in promotion order and then by name.

    These are the new ones, those whose manifests may be others (`Fleet.inputs`), and those whose plan is
    judged differently: another policy of their environment, or another `basis`. With nothing `before`, all of
    them. A deployment that is gone or broken in `after` is not among them.
    """
    if before is None:
        return after.deployments()
    known = {each.key: each for each in before.deployments()}
    return [
        each
        for each in after.deployments()
        if each.key not in known
        or known[each.key].environment.policy != each.environment.policy
        or basis(before, known[each.key]) != basis(after, each)
    ]


def differing(before: Fleet, after: Fleet) -> list[Deployment]:
    """The deployments of `after` whose manifests, their destination, or the verdict on them, may be others
    than `before`, in promotion order and then by name. All else that `changed` has waits for others, and is
    itself the same.
    """
    known = {each.key: each for each in before.deployments()}
    return [
        each
        for each in after.deployments()
        if each.key not in known
        or _checked_by(known[each.key]) != _checked_by(each)
        or known[each.key].destination != each.destination
        or before.inputs(known[each.key]) != after.inputs(each)
    ]


def gone(before: Fleet, after: Fleet) -> list[Deployment]:
    """The deployments of `before` that `after` does not have, because somebody took them out."""
    kept = {each.key for each in after.deployments()}
    return [
        each for each in before.deployments() if each.key not in kept and each.tenant.name not in after.broken
    ]


def basis(fleet: Fleet, deployment: Deployment) -> str:
    """A digest that is another one whenever a plan of this deployment is no longer what the fleet asks for.

    It covers the inputs of its manifests, where it goes, what checks let pass, who goes before it in waves,
    and the environments before it with the inputs of the manifests there, since a plan names what must be
    healthy before it. The rest of a policy is no part of it: gates hold every plan against the newest one.
    """
    policy = deployment.environment.policy
    parts = {
        "inputs": fleet.inputs(deployment),
        "destination": list(deployment.destination.as_json().values()),
        "exceptions": [each.model_dump(mode="json") for each in deployment.tenant.exceptions],
        "checks": policy.model_dump(mode="json", include=_JUDGED_BY),
        "waves": policy.ahead_of(deployment.tenant.name),
        "awaited": [[each.environment.name, fleet.inputs(each)] for each in fleet.before(deployment)],
    }
    if takeover := fleet.tree.file_id(takeover_path(deployment.tenant.name, deployment.environment.name)):
        parts["takeover"] = takeover
    return f"sha256:{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()}"


@lru_cache(maxsize=256)
def configured(tree: Tree, environment: str) -> tuple[tuple[str, ...], str, str] | None:
    """What fleet.yaml says that may concern an `environment`: the names of all of them, in their order and
    with what they come after, all else but what it says of the others, and its policy. None where that cannot
    be told: it is missing or broken, has no such environment, or may write one part by another (YAML's
    anchors).
    """
    try:
        document = read_document(tree, FLEET_FILE, "names the environments")
        environments = document.into(FleetFile).environments
    except OrchestratorError:
        return None
    names = [each.name for each in environments]
    order = tuple(f"{each.name} after {each.healthy_in} {each.after}" for each in environments)
    if environment not in names or document.duplicates or _ANCHOR.search(document.text):
        return None
    mine = dict(document.value["environments"][names.index(environment)])
    policy = json.dumps(mine.pop("policy", None), sort_keys=True)
    return order, json.dumps({**document.value, "environments": mine}, sort_keys=True), policy


def _checked_by(deployment: Deployment) -> tuple[object, ...]:
    return deployment.environment.policy, deployment.tenant.exceptions

"""What is left of an adoption, by the record of the last run and by what stands in fleet and deployments."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.cutting import CUT, cuts_in
from deploy_orchestrator.adoption.drafting import UNMET
from deploy_orchestrator.adoption.record import Recorded, recorded
from deploy_orchestrator.documents import dotted
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.releases import Deployments


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to do for what an `owner` delivered: a line for each thing, nothing where all is done."""

    owner: str
    environment: str
    tenant: str | None
    lines: tuple[str, ...]


def left(
    fleet: Fleet, deployments: Deployments, live: Mapping[str, Collection[str]]
) -> tuple[tuple[Left, ...], tuple[str, ...]]:
    """What is left, owner by owner, and for the fleet as a whole. `live` are the owners that are still there,
    by the environments whose clusters were asked.

    Raises:
        AdoptionError: nothing was adopted, or the record of that cannot be read.
    """
    found = recorded(fleet.tree)
    each = tuple(
        Left(one.owner, one.environment, one.tenant, tuple(_left(one, fleet, deployments, live)))
        for one in found
    )
    return each, tuple(_of_all(fleet, found, live))


def _left(
    one: Recorded, fleet: Fleet, deployments: Deployments, live: Mapping[str, Collection[str]]
) -> Iterator[str]:
    there = one.owner in live.get(one.environment, ())
    if one.tenant is None:
        if there or one.environment not in live:
            yield f"not carried over: {one.why}"
        return
    deployment = attempt(fleet.deployment, one.environment, one.tenant)
    if isinstance(deployment, OrchestratorError):
        yield f"the fleet has it no more, or broken: {deployment.what}"
        return
    yield from _in_the_fleet(deployment, fleet)
    release = deployments.release(one.environment, one.tenant)
    if there:
        yield "it is still there"
    if release is None:
        plan = deployments.pending(one.environment, one.tenant)
        yield f"planned ({plan.verdict}), and not released" if plan else "not planned yet"


def _in_the_fleet(deployment: Deployment, fleet: Fleet) -> Iterator[str]:
    for layer in fleet.layers(deployment):
        for path in cuts_in(documents.parse(layer.data, layer.path).value):
            yield f"{layer.path}: {dotted(path)} was cut out as a secret"
    for chart in deployment.tenant.charts:
        for folder in fleet.charts[chart.name].trees if chart.repository is None else ():
            for file, data in fleet.tree.files(folder).items():
                if CUT.encode() in data:
                    yield f"{folder}/{file}: a secret was cut out"
    if deployment.tenant.quota.model_dump() == UNMET:
        yield "its quota is one that nobody meets"
    if exceptions := deployment.tenant.exceptions:
        until = min(each.expires for each in exceptions)
        yield f"exceptions from checks: {len(exceptions)}, the first until {until:%Y-%m-%d}"


def _of_all(fleet: Fleet, found: Sequence[Recorded], live: Collection[str]) -> Iterator[str]:
    adopted = {each.environment for each in found}
    for each in fleet.environments:
        if each.name not in adopted:
            continue
        if each.policy.approval is None:
            yield f"{each.name}: nobody is named who approves (policy.approval)"
        server = fleet.cluster(each.cluster).server
        if server.endswith(".invalid"):
            yield f"{each.name}: its API server's URL leads nowhere: {server}"
        if each.name not in live:
            yield f"{each.name}: its cluster was not asked what of the originals is still there (--cluster)"

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.status import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import Release


def states(engine: Engine, releases: Sequence[Release]) -> list[tuple[Release, Status | OrchestratorError]]:
    """Each of `releases` with the state that it is in, asked for once an environment, all at the same time.

    An error stands in place of the states of an environment that could not be asked for.
    """
    tenants: dict[str, list[str]] = {}
    for release in releases:
        tenants.setdefault(release.environment, []).append(release.tenant)

    def ask(environment: str) -> dict[tuple[str, str], Status | OrchestratorError]:
        asked = tenants[environment]
        try:
            found = engine.statuses(environment, asked)
        except OrchestratorError as error:
            found = [error] * len(asked)
        return {(environment, tenant): state for tenant, state in zip(asked, found, strict=True)}

    with ThreadPoolExecutor(max(1, len(tenants))) as pool:
        seen = {key: state for found in pool.map(ask, tenants) for key, state in found.items()}
    return [(release, seen[release.environment, release.tenant]) for release in releases]

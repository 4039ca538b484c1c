from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.status import Status
from deploy_orchestrator.outcomes import Outcome, attempt, raised
from deploy_orchestrator.releases import Release


def states(engine: Engine, releases: Sequence[Release]) -> list[tuple[Release, Outcome[Status]]]:
    """Each of `releases` with the state that it is in, asked for once an environment, all at the same time.

    An error stands in place of the states of an environment that could not be asked for.
    """
    tenants: dict[str, list[str]] = {}
    for release in releases:
        tenants.setdefault(release.environment, []).append(release.tenant)

    def ask(environment: str) -> dict[str, Status]:
        return {each.tenant: each for each in engine.statuses(environment, tenants[environment])}

    with ThreadPoolExecutor(max(1, len(tenants))) as pool:
        told = pool.map(partial(attempt, ask), tenants)
        seen = dict(zip(tenants, told, strict=True))

    def state(release: Release) -> Status:
        return raised(seen[release.environment])[release.tenant]

    return [(release, attempt(state, release)) for release in releases]

"""What the fleet is built on: charts, their dependencies, where versions clash, what could be upgraded."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.foresight import FirstSeen, conflict_names, first_seen, is_new, upgrade_names
from deploy_orchestrator.telemetry import (
    CLASHES,
    CONFLICT_COUNT,
    CONFLICTS_ASSET,
    GRAPH_ASSET,
    UPGRADES_ASSET,
)

NEW = "new since the last audit"
SEEN = "first seen"
_KEPT = TypeAdapter(dict[str, AwareDatetime | None])


@dg.asset(
    retry_policy=AGAIN,
    group_name="charts",
    kinds={"git", "yaml"},
    check_specs=[
        dg.AssetCheckSpec(
            "every_tenant_loads", asset="charts", description="No tenant's files or chart are broken."
        )
    ],
)
def charts(
    installation: dg.ResourceParam[Installation],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The charts that the newest fleet commit asks for, and who runs them."""
    with installation.open() as orchestrator:
        fleet = orchestrator.fleet()
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(fleet.revision),
        metadata={
            "charts": pages.charts(fleet),
            "tenants": len(fleet.tenants),
            "deployments": len(fleet.deployments()),
            "fleet commit": fleet.revision,
        },
    )
    yield dg.AssetCheckResult(
        check_name="every_tenant_loads",
        passed=not fleet.broken,
        metadata={"broken": pages.table(["tenant", "error"], [(n, str(e)) for n, e in fleet.broken.items()])},
    )


def _report(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(name, deps=[charts], group_name="charts", kinds={"yaml"}, description=description)


@dg.multi_asset(
    specs=[
        _report("dependency_graph", "What every chart of the fleet needs, directly and through others."),
        _report(
            "conflict_report", "Where requirements on one chart clash, what harm that does, and the way out."
        ),
        _report("upgrade_report", "How far each dependency could go up, and how far without a new conflict."),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_dependency_is_found", asset="dependency_graph", description="Nothing is missing anywhere."
        ),
        dg.AssetCheckSpec(
            "no_conflict_does_harm",
            asset="conflict_report",
            description="Every conflict can be satisfied, and no chart silently gets another's templates.",
        ),
    ],
    retry_policy=AGAIN,
)
def dependencies(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the fleet is built on, looked up and judged in one go."""
    with installation.open() as orchestrator:
        found = orchestrator.survey()
    closure, now = found.closure, datetime.now(UTC)
    conflicts_seen = first_seen(
        [name for pair in found.conflicts for name in conflict_names(*pair)],
        _seen_before(context, "conflict_report"),
        now,
    )
    upgrades_seen = first_seen(
        [name for pair in found.outdated for name in upgrade_names(*pair)],
        _seen_before(context, "upgrade_report"),
        now,
    )
    new_conflicts = [pair for pair in found.conflicts if is_new(conflict_names(*pair), conflicts_seen, now)]
    new_upgrades = [pair for pair in found.outdated if is_new(upgrade_names(*pair), upgrades_seen, now)]
    yield dg.MaterializeResult(
        GRAPH_ASSET,
        metadata={
            "graph": pages.graph(closure),
            "needs": pages.needs(closure),
            "charts": len(closure.graph),
            "dependencies": sum(1 for _ in closure.needs),
        },
    )
    yield dg.AssetCheckResult(
        asset_key="dependency_graph",
        check_name="every_dependency_is_found",
        passed=not closure.unresolved and not found.failures,
        metadata={"missing": pages.unresolved(found)},
    )
    yield dg.MaterializeResult(
        CONFLICTS_ASSET,
        metadata={
            NEW: pages.conflicts(new_conflicts),
            "conflicts": pages.conflicts(found.conflicts),
            CLASHES: pages.clashes(found.charts),
            CONFLICT_COUNT: len(found.conflicts),
            "new conflict count": len(new_conflicts),
            SEEN: _as_metadata(conflicts_seen),
        },
    )
    yield dg.AssetCheckResult(
        asset_key="conflict_report",
        check_name="no_conflict_does_harm",
        passed=all(each.analysis.is_sound for each in found.charts),
        metadata={"conflicts": pages.conflicts(found.conflicts)},
    )
    yield dg.MaterializeResult(
        UPGRADES_ASSET,
        metadata={
            NEW: pages.upgrades(new_upgrades),
            "upgrades": pages.upgrades(
                (each, one) for each in found.charts for one in each.upgrades.dependencies
            ),
            "outdated count": len(found.outdated),
            "new upgrade count": len(new_upgrades),
            "unknown": pages.unknown(found),
            SEEN: _as_metadata(upgrades_seen),
        },
    )


def _seen_before(context: dg.AssetExecutionContext, asset: str) -> FirstSeen | None:
    event = context.instance.get_latest_materialization_event(dg.AssetKey(asset))
    materialization = event.asset_materialization if event else None
    kept = materialization.metadata.get(SEEN) if materialization else None
    try:
        return _KEPT.validate_python(kept.data) if isinstance(kept, dg.JsonMetadataValue) else None
    except ValidationError:
        return None


def _as_metadata(seen: FirstSeen) -> dg.JsonMetadataValue:
    return dg.JsonMetadataValue({name: time.isoformat() if time else None for name, time in seen.items()})

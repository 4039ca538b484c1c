"""What happened and how things stand, in figures: DORA from Git, metrics for Prometheus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.telemetry.dora import Dora, Durations, Figures, figures_between, span
    from deploy_orchestrator.telemetry.metrics import METRICS, Metric, Seen, Waits, exposition
    from deploy_orchestrator.telemetry.past import Past, ReleaseCommit
    from deploy_orchestrator.telemetry.survey import (
        CLASHES,
        CONFLICT_COUNT,
        CONFLICTS_ASSET,
        GRAPH_ASSET,
        UPGRADES_ASSET,
    )
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "CLASHES",
    "CONFLICTS_ASSET",
    "CONFLICT_COUNT",
    "GRAPH_ASSET",
    "METRICS",
    "UPGRADES_ASSET",
    "Dora",
    "Durations",
    "Figures",
    "Metric",
    "Past",
    "ReleaseCommit",
    "Seen",
    "Waits",
    "exposition",
    "figures_between",
    "span",
]

"""What happened and how things stand: DORA and traces from Git, metrics for Prometheus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.telemetry.dora import Dora, Durations, Figures, figures_between, span
    from deploy_orchestrator.telemetry.logs import JsonLines, log_as_json
    from deploy_orchestrator.telemetry.metrics import METRICS, Metric, Seen, Waits, exposition
    from deploy_orchestrator.telemetry.otlp import CollectorSilent, export, has_collector
    from deploy_orchestrator.telemetry.past import Past, ReleaseCommit
    from deploy_orchestrator.telemetry.survey import (
        CLASHES,
        CONFLICT_COUNT,
        CONFLICTS_ASSET,
        GRAPH_ASSET,
        UPGRADES_ASSET,
    )
    from deploy_orchestrator.telemetry.traces import Span, ended_spans, trace_of
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
    "CollectorSilent",
    "Dora",
    "Durations",
    "Figures",
    "JsonLines",
    "Metric",
    "Past",
    "ReleaseCommit",
    "Seen",
    "Span",
    "Waits",
    "ended_spans",
    "export",
    "exposition",
    "figures_between",
    "has_collector",
    "log_as_json",
    "span",
    "trace_of",
]

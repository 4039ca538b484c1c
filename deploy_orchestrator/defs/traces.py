# pyright: reportUnknownMemberType=false
"""The traces of changes, on their way to a collector as soon as something of them has ended."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import DELIVERIES
from deploy_orchestrator.telemetry import Past, ended_spans, export, has_collector

NEWS = timedelta(days=1)
"""How long ago may have ended what is told without a cursor."""


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Export what each change went through, as a trace by OTLP, where OTEL_EXPORTER_OTLP_ENDPOINT names a "
        "collector: once, when a delivery of it has ended."
    ),
)
def traces(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    if not has_collector():
        return dg.SensorResult(skip_reason="no collector is named: OTEL_EXPORTER_OTLP_ENDPOINT is not set")
    with installation.open() as orchestrator:
        deployments = orchestrator.deployments
        head = deployments.repository.head(DELIVERIES)
        if head is None:
            return dg.SensorResult(skip_reason="nothing was delivered yet")
        cursor = context.cursor
        known = cursor is not None and deployments.repository.leads_to(cursor, head)
        delivered = deployments.deliveries(cursor)
        if not known:
            since = datetime.now(UTC) - NEWS
            delivered = tuple(each for each in delivered if each.at >= since)
        changes = Past(orchestrator.fleet_repository, deployments).changes()
        spans = ended_spans(changes, delivered, orchestrator.fleet_repository.url)
        if spans:
            try:
                export(spans)
            except OrchestratorError as error:
                raise dg.Failure(description=str(error)) from error
    said = f"{len(spans)} spans were exported" if spans else "nothing has ended since"
    return dg.SensorResult(skip_reason=said, cursor=head)

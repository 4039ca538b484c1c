"""Spans on their way to a collector, by OTLP over HTTP, as OpenTelemetry's own variables say where and how:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from deploy_orchestrator.errors import Place, Transient
from deploy_orchestrator.telemetry.traces import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_NAME: Final = "deploy-orchestrator"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_OF_TRACES: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_AT_ONCE: Final = 512
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class CollectorSilent(Transient):
    """The collector did not take the spans."""


def has_collector() -> bool:
    """Whether a collector of traces is named."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not off and any(os.environ.get(each, "").strip() for each in (_OF_TRACES, _ENDPOINT))


def export(spans: Sequence[Span]) -> None:
    """Have the collector take all of them. Where only some were taken, all may be exported again: they bear
    the same ids.

    Raises:
        CollectorSilent: it did not take them in time.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    ours = Resource({"service.name": _NAME, "service.version": version(_NAME)})
    resource = ours.merge(OTELResourceDetector().detect())
    exporter = OTLPSpanExporter()
    try:
        for start in range(0, len(spans), _AT_ONCE):
            some = [_readable(each, resource) for each in spans[start : start + _AT_ONCE]]
            if exporter.export(some) is not SpanExportResult.SUCCESS:
                raise CollectorSilent(
                    f"the collector took {start} of {len(spans)} spans",
                    place=Place(_ENDPOINT),
                    fix="see this process's log for what it answered; they are exported again",
                )
    finally:
        exporter.shutdown()


def _readable(span: Span, resource: "Resource") -> "ReadableSpan":
    """A tracer gives ids and times of its own to what happens now: these have theirs from what happened."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(id: int, *, is_remote: bool) -> SpanContext:  # noqa: A002
        return SpanContext(span.trace, id, is_remote, TraceFlags(TraceFlags.SAMPLED))

    failed = {"error.type": span.failure} if span.failure else {}
    return ReadableSpan(
        span.name,
        context(span.id, is_remote=False),
        None if span.parent is None else context(span.parent, is_remote=True),
        resource,
        {**span.attributes, **failed},
        kind=SpanKind.SERVER if span.run else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if span.failure else StatusCode.UNSET),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=InstrumentationScope(_NAME, version(_NAME)),
    )


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1000

"""What the server tells Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from edge_inference.models import Model

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts and times of one server, by model, version and outcome."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        model = ("model", "version")
        self._requests = Counter(
            "edge_inference_requests",
            "Requests by how they ended: ok, or the kind of error.",
            (*model, "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "edge_inference_request_seconds",
            "Time from a request that was read to its answer, waiting included.",
            model,
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._batches = Histogram(
            "edge_inference_batch_rows",
            "Rows that were run together.",
            model,
            registry=self._registry,
            buckets=_ROWS,
        )
        self._ready = Gauge(
            "edge_inference_ready", "1 while new requests had best be sent here.", registry=self._registry
        )

    def batched(self, model: Model, rows: int) -> None:
        """So many rows are run together."""
        self._batches.labels(model.name, model.version).observe(rows)

    def answered(self, model: Model, outcome: str, seconds: float) -> None:
        """A request for a model that is there ended."""
        self._requests.labels(model.name, model.version, outcome).inc()
        self._seconds.labels(model.name, model.version).observe(seconds)

    def ready(self, is_ready: bool) -> None:
        """Whether new requests had best be sent here."""
        self._ready.set(is_ready)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

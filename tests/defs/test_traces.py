"""The sensor that exports traces: each span once, whatever became of the tick in between."""

from collections.abc import Iterator

import dagster as dg
import pytest

from tests.collector import Collector, collecting
from tests.defs.conftest import Laptop


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
        yield made


def told(collector: Collector) -> list[str]:
    """The names of the spans since this was asked last."""
    names = sorted(each.name for each in collector.spans)
    collector.requests.clear()
    return names


def edit(laptop: Laptop) -> None:
    laptop.commit(
        "tenants/analytics/values.yaml", lambda text: f"{text}hooks: {{migration: {{timeoutSeconds: 99}}}}\n"
    )


RELEASE = ["RUN deploy", "RUN plan", "RUN release", "RUN release"]


def test_what_is_delivered_is_exported_once(bench: Laptop, collector: Collector) -> None:
    bench.tick("traces")
    first = told(collector)
    assert first.count("RUN deploy") == 2
    bench.tick("traces")
    assert told(collector) == []
    edit(bench)
    bench.settle()
    assert told(collector) == [*RELEASE, "change"]
    bench.sign("approve", "production", "analytics", person="bob")
    bench.settle()
    assert told(collector) == ["RUN approve", *RELEASE]


def test_what_a_collector_does_not_take_fails_the_tick_and_is_exported_later(
    bench: Laptop, collector: Collector
) -> None:
    bench.tick("traces")
    told(collector)
    edit(bench)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
        bench.settle()
    collector.status = 500
    with pytest.raises(dg.Failure, match="took 0 of 5 spans"):
        bench.tick("traces")
    collector.status = 200
    bench.tick("traces")
    assert told(collector) == [*RELEASE, "change"]


def test_where_no_collector_is_named_nothing_is_exported(bench: Laptop) -> None:
    assert bench.tick("traces") == []
    assert bench.cursors["traces"] is None

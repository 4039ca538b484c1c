"""Traces of changes: each span once, in its place, with the times that Git tells; and on their way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.semconv._incubating.attributes import (
    cicd_attributes,
    deployment_attributes,
    vcs_attributes,
)

from deploy_orchestrator.releases import Delivered
from deploy_orchestrator.telemetry import (
    CollectorSilent,
    Past,
    ReleaseCommit,
    Span,
    ended_spans,
    export,
    figures_between,
    has_collector,
    trace_of,
)
from tests.collector import Collector, collecting, said
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of
from tests.telemetry.from_git import runs as runs_in_git

MOMENT = datetime(2026, 3, 2, tzinfo=UTC)
FLEET = "https://git.example.com/fleet.git"
FIRST, SECOND, THIRD = (each * 40 for each in "abc")


def after(**span: float) -> datetime:
    return MOMENT + timedelta(**span)


def change(commit: str, **told: object) -> ReleaseCommit:
    """A release of dev/shop that comes of the first commit, an hour after it."""
    return ReleaseCommit(
        **{
            "kind": "release",
            "environment": "dev",
            "tenant": "shop",
            "chart": "app",
            "commit": commit,
            "at": after(hours=1),
            "source": FIRST,
            "reverts": None,
            "committed": MOMENT,
            "planned": after(minutes=1),
            "approved": None,
            **told,
        }  # type: ignore[arg-type]
    )


def ended(change: ReleaseCommit, outcome: str = "healthy") -> Delivered:
    about = {"environment": change.environment, "tenant": change.tenant, "release": change.commit}
    return Delivered.model_validate({**about, "outcome": outcome, "at": getattr(change, outcome)})


def named(spans: tuple[Span, ...], name: str) -> Span:
    (found,) = [each for each in spans if each.name == name]
    return found


def test_a_release_is_a_run_below_its_commit_with_a_step_for_each_stage():
    one = change(SECOND, approved=after(minutes=30), healthy=after(hours=2))
    spans = ended_spans([one], [ended(one)], FLEET)
    assert [each.name for each in spans] == [
        "change",
        "RUN release",
        "RUN plan",
        "RUN approve",
        "RUN release",
        "RUN deploy",
    ]
    root, run, *steps = spans
    assert (root.parent, root.start, root.end) == (None, MOMENT, MOMENT)
    assert (run.parent, run.start, run.end, run.run) == (root.id, MOMENT, after(hours=2), True)
    assert [(each.parent, each.run) for each in steps] == [(run.id, False)] * 4
    times = [(each.start, each.end) for each in steps]
    assert times == [
        (MOMENT, after(minutes=1)),
        (after(minutes=1), after(minutes=30)),
        (after(minutes=30), after(hours=1)),
        (after(hours=1), after(hours=2)),
    ]
    assert {each.trace for each in spans} == {trace_of(FIRST)}


def test_all_that_comes_of_a_commit_is_one_trace_and_the_commit_stands_in_it_once():
    dev, production = (
        change(SECOND, healthy=after(hours=2)),
        change(THIRD, environment="production", healthy=after(hours=9)),
    )
    waiting = ReleaseCommit(**{**_fields(production), "healthy": None})
    early = ended_spans([dev, waiting], [ended(dev)], FLEET)
    late = ended_spans([dev, production], [ended(production)], FLEET)
    assert len({each.trace for each in early + late}) == 1
    assert [each.name for each in early + late].count("change") == 1
    assert {each.parent for each in late if each.run} == {named(early, "change").id}


def test_a_revert_stands_below_the_release_that_it_undid_and_in_the_trace_of_that():
    bad = change(SECOND, source=THIRD, healthy=after(hours=2), undone=after(hours=3))
    back = change("d" * 40, kind="revert", reverts=SECOND, at=after(hours=3), healthy=after(hours=4))
    spans = ended_spans([bad, back], [ended(back)], FLEET)
    run = named(spans, "RUN revert")
    assert (run.trace, run.start, run.end) == (trace_of(THIRD), after(hours=3), after(hours=4))
    before = ended_spans([bad], [ended(bad)], FLEET)
    assert run.parent == next(each.id for each in before if each.run)
    assert named(spans, "RUN deploy").parent == run.id


def test_what_failed_says_so_and_what_mends_it_later_is_a_step_of_its_own():
    failed = change(SECOND, failed=after(hours=2))
    spans = ended_spans([failed], [ended(failed, "failed")], FLEET)
    assert {each.name for each in spans if each.failure} == {"RUN release", "RUN deploy"}
    assert {each.attributes.get("deployment.status") for each in spans if each.run} == {"failed"}
    mended = change(SECOND, failed=after(hours=2), healthy=after(hours=5))
    (recovery,) = ended_spans([mended], [ended(mended)], FLEET)
    assert (recovery.name, recovery.start, recovery.end) == ("RUN recover", after(hours=2), after(hours=5))
    assert recovery.parent == next(each.id for each in spans if each.run)


def test_no_span_ends_before_it_began_whatever_clocks_say():
    one = change(SECOND, committed=after(days=9), healthy=after(minutes=2))
    assert all(each.start <= each.end for each in ended_spans([one], [ended(one)], FLEET))


def test_of_a_folder_there_is_no_url():
    one = change(SECOND, healthy=after(hours=2))
    key = "vcs.repository.url.full"
    assert named(ended_spans([one], [ended(one)], FLEET), "change").attributes[key] == FLEET
    assert key not in named(ended_spans([one], [ended(one)], "/srv/fleet"), "change").attributes


def test_attributes_have_the_names_of_the_conventions_but_for_those_of_ours():
    failed = change(SECOND, approved=after(minutes=9), failed=after(hours=2))
    spans = ended_spans([failed], [ended(failed, "failed")], FLEET)
    known = {
        value
        for module in (cicd_attributes, deployment_attributes, vcs_attributes)
        for name, value in vars(module).items()
        if name.isupper()
    }
    told = {name for each in spans for name in each.attributes}
    assert {each for each in told - known if not each.startswith("deploy_orchestrator.")} == set()
    results = {each.value for each in cicd_attributes.CicdPipelineResultValues}
    assert {each.attributes["cicd.pipeline.result"] for each in spans if each.run} <= results


def _fields(each: ReleaseCommit) -> dict[str, object]:
    return {name: getattr(each, name) for name in each.__struct_fields__}


Event = tuple[int, str]


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Event], list[int]]:
    """Outcomes of eight releases in some order, as the branch may hold them; and where looks cut them."""
    outcomes = draw(
        st.lists(
            st.sampled_from([(), ("healthy",), ("failed",), ("failed", "healthy")]), min_size=8, max_size=8
        )
    )
    left = [[(number, each) for each in found] for number, found in enumerate(outcomes)]
    events: list[Event] = []
    while any(left):
        events.append(draw(st.sampled_from([each for each in left if each])).pop(0))
    return events, sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))


@given(days())
def test_each_span_is_told_once_however_looks_cut_the_day(day: tuple[list[Event], list[int]]):
    events, cuts = day
    sources = [FIRST, FIRST, FIRST, SECOND, SECOND, THIRD, THIRD, THIRD]

    def standing(count: int) -> list[ReleaseCommit]:
        told: dict[int, dict[str, datetime]] = {}
        for number, (release, outcome) in enumerate(events[:count]):
            told.setdefault(release, {})[outcome] = after(hours=2 + number)
        reverts = {2: f"{1:040}", 7: f"{6:040}"}
        return [
            change(
                f"{number:040}",
                source=source,
                kind="revert" if number in reverts else "release",
                reverts=reverts.get(number),
                **told.get(number, {}),
            )
            for number, source in enumerate(sources)
        ]

    def told(start: int, stop: int) -> tuple[Span, ...]:
        now = standing(stop)
        return ended_spans(
            now, [ended(now[release], outcome) for release, outcome in events[start:stop]], FLEET
        )

    bounds = [0, *cuts, len(events)]
    parts = [each for start, stop in pairwise(bounds) for each in told(start, stop)]
    assert len({each.id for each in parts}) == len(parts)
    assert {each.id for each in parts} == {each.id for each in told(0, len(events))}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
        yield made


def test_the_traces_of_a_real_day_agree_with_the_figures_of_that_day(waiting: Desk, collector: Collector):
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0
    waiting.ship()
    waiting.commit("tenants/blog/values.yaml", "greeting: broken\n")
    waiting.ship()
    with waiting.orchestrator() as orchestrator:
        sandbox_of(orchestrator).degrade("dev", "blog", "it is on fire")
        back = orchestrator.roll_back("dev", "blog", "it is on fire")
        sandbox_of(orchestrator).recover("dev", "blog")
        orchestrator.deliver(back)
        changes = Past(orchestrator.fleet_repository, orchestrator.deployments).changes()
        export(ended_spans(changes, orchestrator.deployments.deliveries(), FLEET))
    spans = {each.span_id: each for each in collector.spans}
    assert len(spans) == len(collector.spans)
    assert all(each.parent_span_id in spans for each in spans.values() if each.parent_span_id)
    until = max(each.at for each in changes) + timedelta(seconds=1)
    figures = figures_between(changes, until - timedelta(days=1), until).all
    runs = [each for each in spans.values() if each.kind == Sent.SPAN_KIND_SERVER]
    assert [each.name for each in runs].count("RUN release") == figures.deployments
    assert [each.name for each in runs].count("RUN revert") == figures.failed == 1
    assert figures.lead_time is not None
    lengths = [
        (each.end_time_unix_nano - each.start_time_unix_nano) / 1e9
        for each in runs
        if each.name == "RUN release"
    ]
    assert max(lengths) == figures.lead_time.longest
    approved = [each for each in spans.values() if each.name == "RUN approve"]
    assert figures.approval is not None
    assert [(each.end_time_unix_nano - each.start_time_unix_nano) / 1e9 for each in approved] == [
        figures.approval.longest
    ]
    over = runs_in_git(waiting.fleet, waiting.folder / ".local/deployments.git")
    assert {said(each.attributes)["cicd.pipeline.run.id"] for each in runs} == over.keys()
    for each in runs:
        source, began, ended = over[said(each.attributes)["cicd.pipeline.run.id"]]
        assert int.from_bytes(each.trace_id) == trace_of(source)
        times = (each.start_time_unix_nano, each.end_time_unix_nano)
        assert times == tuple(round(at.timestamp() * 1e6) * 1000 for at in (began, ended))
    sources = {each.source for each in changes if each.kind == "release"}
    assert {int.from_bytes(each.trace_id) for each in spans.values()} == {trace_of(each) for each in sources}


def spans(number: int) -> list[Span]:
    return [
        Span("x", 1, each + 1, None, MOMENT, after(seconds=1), failure="delivery") for each in range(number)
    ]


def test_a_collector_is_told_who_speaks_and_what_failed(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=europe")
    export(spans(1))
    told = collector.resource()
    assert told["service.name"] == "deploy-orchestrator"
    assert told["service.version"] == version("deploy-orchestrator")
    assert told["deployment.environment.name"] == "europe"
    assert collector.headers[0]["authorization"] == "Bearer secret"
    (span,) = collector.spans
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert said(span.attributes) == {"error.type": "delivery"}
    assert span.end_time_unix_nano - span.start_time_unix_nano == 10**9


def test_many_spans_are_sent_in_parts(collector: Collector):
    export(spans(1025))
    assert len(collector.requests) == 3
    assert len(collector.spans) == 1025


def test_that_a_collector_refuses_or_is_gone_is_told(collector: Collector, monkeypatch: pytest.MonkeyPatch):
    collector.status = 403
    with pytest.raises(CollectorSilent, match="took 0 of 1 spans"):
        export(spans(1))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(CollectorSilent):
        export(spans(1))


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_nothing_is_exported_where_nobody_names_a_collector(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], named: bool
):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert has_collector() is named

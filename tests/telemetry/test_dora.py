"""DORA's figures of changes that are made up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.telemetry import Dora, Durations, ReleaseCommit, figures_between

MOMENT = datetime(2026, 3, 2, tzinfo=UTC)


def after(**span: float) -> datetime:
    return MOMENT + timedelta(**span)


def change(number: int, at: datetime, **told: object) -> ReleaseCommit:
    """A release of dev/shop, unless something else is told."""
    about = {"kind": "release", "environment": "dev", "tenant": "shop", "chart": "app", "commit": f"{number}"}
    unknown = dict.fromkeys(("source", "reverts", "committed", "planned", "approved"))
    return ReleaseCommit(**{**about, "at": at, **unknown, **told})  # type: ignore[arg-type]


def of(*changes: ReleaseCommit) -> Dora:
    return figures_between(changes, MOMENT, after(days=2))


def test_only_releases_of_the_span_are_deployments():
    found = of(
        change(1, after(days=-1)),
        change(2, after(hours=1)),
        change(3, after(hours=2), kind="revert"),
        change(4, after(hours=3), kind="removal"),
        change(5, after(hours=4), tenant="blog"),
        change(6, after(days=2)),
    )
    assert (found.all.deployments, found.all.per_day) == (2, 1.0)
    assert {name: each.deployments for name, each in found.tenants.items()} == {"blog": 1, "shop": 1}
    assert list(found.environments) == ["dev"]
    assert list(found.charts) == ["app"]


def test_lead_time_ends_when_the_release_is_healthy_and_not_when_it_is_made():
    found = of(change(1, after(hours=1), committed=MOMENT, healthy=after(hours=2)), change(2, after(hours=1)))
    assert found.all.lead_time == Durations(1, 7200, 7200, 7200)
    assert found.all.unconfirmed == 1


def test_a_commit_from_the_future_is_no_lead_time():
    assert (
        of(change(1, after(hours=1), committed=after(days=3), healthy=after(hours=2))).all.lead_time is None
    )


def test_what_was_reverted_has_failed_though_it_was_healthy_and_is_restored_by_the_revert():
    found = of(
        change(1, after(hours=1), healthy=after(hours=1.1), undone=after(hours=2)),
        change(2, after(hours=1.5), tenant="blog", healthy=after(hours=1.6)),
        change(3, after(hours=2), kind="revert", healthy=after(hours=2.5)),
    ).all
    assert (found.deployments, found.failed, found.failure_rate, found.unrestored) == (2, 1, 0.5, 0)
    assert found.restore == Durations(1, 5400, 5400, 5400)


def test_a_failed_delivery_waits_until_something_of_the_same_tenant_there_is_healthy():
    failed = change(1, after(hours=1), failed=after(hours=1.5))
    elsewhere = change(2, after(hours=2), environment="production", healthy=after(hours=3))
    assert of(failed, elsewhere).all.unrestored == 1
    mended = change(3, after(hours=4), healthy=after(hours=5))
    assert of(failed, elsewhere, mended).all.restore == Durations(1, 14400, 14400, 14400)


def test_a_delivery_that_was_tried_again_is_restored_by_itself():
    found = of(change(1, after(hours=1), failed=after(hours=2), healthy=after(hours=3))).all
    assert found.restore == Durations(1, 7200, 7200, 7200)


def test_time_for_approval_ends_with_the_last_one():
    found = of(change(1, after(hours=9), planned=after(hours=1), approved=after(hours=3)))
    assert found.all.approval == Durations(1, 7200, 7200, 7200)


def test_nothing_is_no_figure():
    found = of().all
    assert (found.deployments, found.failure_rate, found.lead_time) == (0, None, None)


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (9, 9), (10, 9), (11, 10), (20, 18)])
def test_nine_in_ten_is_a_span_that_was_measured(count, rank):
    found = Durations.of(timedelta(seconds=each) for each in range(count, 0, -1))
    assert found is not None
    assert found.p90 == rank


@given(st.lists(st.integers(0, 10**6), min_size=1).map(lambda each: [timedelta(seconds=one) for one in each]))
def test_durations_stand_in_order(spans):
    found = Durations.of(spans)
    assert found is not None
    assert found.count == len(spans)
    assert found.median <= found.p90 <= found.longest or len(spans) < 3
    assert sum(each.total_seconds() <= found.p90 for each in spans) * 10 >= len(spans) * 9

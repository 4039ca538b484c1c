# pyright: reportUnknownMemberType=false
"""What is told of one tenant in one environment at each stage, asset by asset."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.events import Report, Told
from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.delivery import Engine, Status, Verification
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.images import images as images_of
from deploy_orchestrator.manifests import Diff, Finding, Manifests
from deploy_orchestrator.pipeline import Overview, Standing, State
from deploy_orchestrator.releases import Gate, Plan, Release, RevertRefused, next_command
from deploy_orchestrator.risk import Verdict

WAITS = "waits for"
REFUSED = "cannot be reverted"
COMMIT = "release commit"
"""What is observed of a release that should be reverted and cannot be: why, and which one."""

_LOOKED_AT = 50
"""Observations of one deployment, the newest first, among which a refusal is looked for."""

UNRENDERED = "does not render"
FLEET_COMMIT = "fleet commit"
"""What is observed of manifests that cannot be made: why, and at which commit."""


def rendered(
    environment: str, tenant: str, manifests: Manifests, findings: Sequence[Finding], revision: str
) -> Iterator[Report]:
    """What was rendered at a fleet commit, what the checks found in it, and the images that it runs."""
    key, partition = f"{environment}/{tenant}", partition_key(environment, tenant)
    for told in _manifests(key, manifests, findings, revision):
        yield Report("rendered_manifests", partition, told)
    for told in _images(key, manifests):
        yield Report("container_images", partition, told)


def unrendered(environment: str, tenant: str, error: OrchestratorError, revision: str) -> Report:
    """Why nothing could be rendered at a fleet commit."""
    partition = partition_key(environment, tenant)
    metadata = {UNRENDERED: error.what, FLEET_COMMIT: revision}
    observed = dg.AssetObservation("rendered_manifests", partition=partition, metadata=metadata)
    return Report("rendered_manifests", partition, observed)


def planned(environment: str, tenant: str, plan: Plan | None, difference: Diff) -> Iterator[Report]:
    """What is pending, if anything, and the verdict on it."""
    partition = partition_key(environment, tenant)
    for told in _plan(environment, tenant, plan, difference):
        yield Report("change_plan", partition, told)


def waits(plan: Plan, gates: Sequence[Gate]) -> Report:
    """What the release of a plan waits for: `gates` that are not open."""
    metadata = {
        WAITS: pages.gates(gates),
        "waiting verdict": plan.verdict.value,
        "waiting digest": pages.short(plan.digest),
        "waiting source": pages.short(plan.source.commit),
        "waiting authors": ", ".join(plan.source.authors),
        "next": next_command(plan, gates) or "nothing that a command would open",
        "board": pages.board(plan.environment, plan.tenant),
    }
    return _observed(plan.environment, plan.tenant, metadata)


def waits_no_more(environment: str, tenant: str) -> Report:
    """That nothing waits there any more: it was released, or is another by now."""
    metadata = {WAITS: dg.TextMetadataValue("nothing"), "board": pages.board(environment, tenant)}
    return _observed(environment, tenant, metadata)


def released(release: Release) -> Report:
    """What is released."""
    told = dg.MaterializeResult(
        data_version=dg.DataVersion(release.digest),
        metadata={**pages.release(release), "board": pages.board(release.environment, release.tenant)},
    )
    return Report("release", partition_key(release.environment, release.tenant), told)


def refused(release: Release, error: RevertRefused) -> Report:
    """Why a release that should be reverted cannot be."""
    return _observed(release.environment, release.tenant, {REFUSED: error.what, COMMIT: release.commit})


def synced(
    release: Release, status: Status, tests: Sequence[Verification], engine: Engine
) -> Iterator[Report]:
    """The state that a release is in, and how the tests that came with it went."""
    partition = partition_key(release.environment, release.tenant)
    for told in _state(release, status, tests, engine):
        yield Report("sync_status", partition, told)


def refusal(instance: dg.DagsterInstance, release: Release) -> str | None:
    """Why a release was found not to be revertible; None where it was not."""
    partition = partition_key(release.environment, release.tenant)
    selection = dg.AssetRecordsFilter(asset_key=dg.AssetKey("release"), asset_partitions=[partition])
    for record in instance.fetch_observations(selection, limit=_LOOKED_AT).records:
        seen = record.event_log_entry.asset_observation
        said: Mapping[str, dg.MetadataValue] = seen.metadata if seen else {}
        if {REFUSED, COMMIT} <= said.keys() and said[COMMIT].value == release.commit:
            return str(said[REFUSED].value)
    return None


def standing(seen: Overview) -> Iterator[dg.AssetCheckResult]:
    """How it stands with all deployments together, check by check."""
    broken = [each for each in seen.deployments if each.release and each.state is not State.LIVE]
    blocked = [each for each in seen.deployments if each.waiting and each.waiting.is_blocked]
    waiting = [each for each in seen.deployments if each.waiting and each.waiting.awaits_people]
    on_their_way = not any(each.state.is_broken for each in broken)
    yield _fleet(
        "all_live_and_healthy",
        [(each.key, each.state, each.message) for each in broken],
        dg.AssetCheckSeverity.WARN if on_their_way else dg.AssetCheckSeverity.ERROR,
    )
    yield _fleet("nothing_blocked", [_held(each) for each in blocked])
    rules = [(f"the rules of {each.environment}", "rules", each.gate.reason) for each in seen.rules]
    yield _fleet("nothing_waits", [*map(_held, waiting), *rules], dg.AssetCheckSeverity.WARN)
    yield _fleet("everything_can_be_read", [("", "", str(each)) for each in seen.errors])


def _fleet(
    name: str,
    found: Sequence[Sequence[object]],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    told = pages.table(["deployment", "state", "why"], found[: pages.MAX_ROWS])
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey("fleet_status"),
        check_name=name,
        passed=not found,
        severity=severity,
        metadata={"found": told, "count": len(found), "board": dg.UrlMetadataValue("/")},
    )


def _held(each: Standing) -> tuple[object, ...]:
    closed = each.waiting.closed if each.waiting else ()
    return each.key, "waits", "; ".join(f"{gate.key}: {gate.reason}" for gate in closed)


def _observed(environment: str, tenant: str, metadata: Mapping[str, dg.MetadataValue[Any] | str]) -> Report:
    partition = partition_key(environment, tenant)
    return Report(
        "release", partition, dg.AssetObservation("release", partition=partition, metadata=metadata)
    )


def _manifests(key: str, manifests: Manifests, findings: Sequence[Finding], revision: str) -> Iterator[Told]:
    errors = [finding for finding in findings if finding.severity == "error"]
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(manifests.content),
        metadata={
            "objects": pages.objects(manifests),
            "object count": len(manifests.objects),
            "content": manifests.content,
            "chart": pages.chart(manifests),
            FLEET_COMMIT: revision,
        },
    )
    yield dg.AssetCheckResult(
        check_name="manifests_are_sound",
        passed=not errors,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "deployment": key,
            "findings": pages.findings(findings),
            "errors": len(errors),
            "warnings": len(findings) - len(errors),
        },
    )


def _images(key: str, manifests: Manifests) -> Iterator[Told]:
    found = images_of(manifests)
    unpinned = [image.reference for image in found if not image.pinned]
    yield dg.MaterializeResult(metadata={"images": pages.images(found), "image count": len(found)})
    yield dg.AssetCheckResult(
        check_name="images_are_pinned",
        passed=not unpinned,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"deployment": key, "unpinned": dg.JsonMetadataValue(unpinned)},
    )


def _plan(environment: str, tenant: str, plan: Plan | None, difference: Diff) -> Iterator[Told]:
    key, board = f"{environment}/{tenant}", pages.board(environment, tenant)
    if plan is None:
        yield dg.MaterializeResult(
            metadata={"plan": pages.NOTHING_PENDING, "verdict": "nothing to release", "board": board}
        )
        yield dg.AssetCheckResult(
            check_name="change_is_not_blocked", passed=True, metadata={"deployment": key}
        )
        return
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(plan.digest),
        metadata={
            "verdict": plan.verdict.value,
            "reasons": pages.reasons(plan),
            "diff": pages.difference(difference),
            "digest": pages.short(plan.digest),
            "source": pages.short(plan.source.commit),
            "authors": ", ".join(plan.source.authors),
            "board": board,
        },
    )
    yield dg.AssetCheckResult(
        check_name="change_is_not_blocked",
        passed=plan.verdict is not Verdict.BLOCKED,
        metadata={"deployment": key, "reasons": pages.reasons(plan)},
    )


def _state(current: Release, status: Status, tests: Sequence[Verification], engine: Engine) -> Iterator[Told]:
    state = {
        **pages.status(status, current, engine),
        "board": pages.board(current.environment, current.tenant),
    }
    yield dg.MaterializeResult(metadata=state)
    yield dg.AssetCheckResult(
        check_name="live_and_healthy",
        passed=status.live(current),
        metadata={"deployment": current.key, **state},
    )
    yield dg.AssetCheckResult(
        check_name="tests_passed",
        passed=status.live(current) or all(test.passed for test in tests),
        metadata={"deployment": current.key, **pages.tests(tests)},
    )

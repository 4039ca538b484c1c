"""What a digest covers, so that an approval lets through exactly what its author saw, and once."""

import hashlib
import json
from dataclasses import replace

import pytest

from deploy_orchestrator import documents
from deploy_orchestrator.fleet import Destination, Syncing, TakeoverEvidence
from deploy_orchestrator.manifests import Finding
from deploy_orchestrator.releases import GatesClosed, Superseded, digest_of

ANN = "ann@example.com"
PLACE = Destination("main", "https://main.example.com", "analytics-dev")


@pytest.fixture
def ann(people):
    return people(ANN)


@pytest.fixture
def asks(build, ann):
    return build.conditions(build.asks_for(ANN), (ann,))


def hook(build, image="app:1.0.0"):
    return build.job(image=image, **{"helm.sh/hook": "pre-upgrade"})


def closed(deployments, plan, conditions):
    return [gate.key for gate in deployments.gates(plan, conditions) if not gate.passed]


@pytest.mark.parametrize(
    "other",
    [
        {"environment": "staging"},
        {"tenant": "ml"},
        {"destination": replace(PLACE, cluster="second")},
        {"destination": replace(PLACE, server="https://second.example.com")},
        {"destination": replace(PLACE, namespace="analytics")},
        {"content": f"sha256:{'b' * 64}"},
        {"base": f"sha256:{'b' * 64}"},
        {"replaces": "b" * 40},
        {"destination": replace(PLACE, sync=Syncing(options=("ApplyOutOfSyncOnly=true",)))},
        {"takeover": TakeoverEvidence(content=f"sha256:{'a' * 64}", live=f"sha256:{'b' * 64}", kept=1)},
        {"takeover": TakeoverEvidence(content=f"sha256:{'a' * 64}", live=f"sha256:{'c' * 64}", kept=1)},
    ],
    ids=lambda other: "".join(other),
)
def test_the_digest_is_another_one_whenever_anything_that_a_release_fixes_is(other):
    known = {
        "environment": "dev",
        "tenant": "analytics",
        "destination": PLACE,
        "content": f"sha256:{'a' * 64}",
        "base": None,
        "replaces": None,
    }
    assert digest_of(**known) != digest_of(**{**known, **other})


def test_a_change_of_the_cluster_alone_is_planned_and_needs_approval(build, pipeline, deployments):
    same = build.manifests(build.config_map(a="1"))
    pipeline.release(same)
    plan = pipeline.propose(same, source=build.S2, cluster="second", server="https://second.example.com")

    assert plan.verdict == "needs-approval"
    assert [reason.rule for reason in plan.reasons] == ["destination-changed"]
    assert "cluster main (https://main.example.com)" in plan.reasons[0].saw
    shown = deployments.difference(plan)
    assert shown
    assert "-server: https://main.example.com\n+server: https://second.example.com\n" in shown.unified()


def test_how_it_is_synced_is_planned_needs_approval_and_is_released_as_argo_cd_spells_it(
    build, pipeline, deployments
):
    same = build.manifests(build.config_map(a="1"))
    first = pipeline.release(same)
    ignored = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    sync = Syncing.model_validate({"ignoreDifferences": [ignored]})
    plan = pipeline.propose(same, source=build.S2, sync=sync)
    assert [reason.rule for reason in plan.reasons] == ["sync-changed"]
    shown = deployments.difference(plan)
    assert shown
    assert "+    jsonPointers:\n+    - /spec/replicas\n" in shown.unified()

    released = pipeline.release(same, source=build.S2, sync=sync)
    assert released.revision != first.revision
    written = documents.parse(deployments.repository.branch("main").read("releases/dev/analytics.yaml"), "x")
    assert written.value["sync"]["ignoreDifferences"][0].items() >= ignored.items()
    assert deployments.is_released(build.deployment(sync=sync), same.content)
    assert not deployments.is_released(build.deployment(), same.content)


@pytest.mark.parametrize("where", [{"cluster": "second"}, {"server": "https://second.example.com"}])
def test_a_move_never_rides_along_with_another_change(build, pipeline, where):
    pipeline.release(build.manifests(build.config_map(a="1")))
    plan = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2, **where)
    assert "destination-changed" in [reason.rule for reason in plan.reasons]


def test_an_approval_does_not_follow_to_another_cluster(build, pipeline, deployments, ann, asks):
    pipeline.release(build.manifests(hook(build)))
    changed = build.manifests(hook(build, "app:1.1.0"))
    plan = pipeline.propose(changed, source=build.S2)
    deployments.decide(plan, "approve", "for main", ann.signer, build.NOW)
    moved = pipeline.propose(changed, source=build.S3, cluster="second")

    assert closed(deployments, moved, asks) == ["approval"]
    with pytest.raises(Superseded):
        build.release(deployments, plan, asks)


def test_what_moves_has_a_revision_of_its_own(build, pipeline):
    same = build.manifests(build.config_map(a="1"))
    first = pipeline.release(same)
    moved = pipeline.release(same, source=build.S2, cluster="second")
    assert moved.revision != first.revision
    assert (moved.cluster, moved.content) == ("second", first.content)


def test_an_approval_is_used_up_by_the_release_that_it_let_through(build, pipeline, deployments, ann, asks):
    pipeline.release(build.manifests(hook(build)))
    risky = build.manifests(hook(build, "app:1.1.0"))
    plan = pipeline.propose(risky, source=build.S2)
    deployments.decide(plan, "approve", "once", ann.signer, build.NOW)
    assert build.release(deployments, plan, asks).content == risky.content

    pipeline.release(build.manifests(hook(build)), source=build.S3)
    again = pipeline.propose(risky, source=build.S3.replace("3", "4"))

    assert again.base == plan.base
    assert closed(deployments, again, asks) == ["approval"]
    with pytest.raises(GatesClosed, match="0 of 1 approvals"):
        build.release(deployments, again, asks)


def test_an_approval_of_a_first_release_does_not_outlive_a_removal(build, pipeline, deployments, ann):
    first = build.manifests(hook(build))
    plan = pipeline.propose(first)
    release = build.release(deployments, plan, build.conditions())
    build.push(deployments.repository, "main", {}, (f"releases/{release.key}.yaml",))
    removed = deployments.repository.head()
    back = pipeline.propose(first, source=build.S2)
    assert (back.replaces, back.base) == (removed, None)
    assert back.digest != plan.digest
    assert build.release(deployments, back, build.conditions()).content == release.content


def test_a_plan_of_a_first_release_does_not_outlive_a_removal(build, pipeline, deployments):
    """Whoever made it slept meanwhile: its approvals would count again."""
    first = build.manifests(hook(build))
    slept = pipeline.plan(first)
    release = pipeline.release(first)
    build.push(deployments.repository, "main", {}, (f"releases/{release.key}.yaml",))
    with pytest.raises(Superseded):
        deployments.propose(slept, first, build.is_ancestor)


@pytest.fixture
def format_1(build, pipeline, deployments):
    """A release and a pending plan as an earlier version wrote them."""

    def written(release, plan):
        files = {f"releases/{release.key}.yaml": release, f"plans/{plan.key}.yaml": plan}
        data = {path: record.model_dump(mode="json", exclude_none=True) for path, record in files.items()}
        for each in data.values():
            for field in ("format", "server", "replaces", "inputs", "commit"):
                each.pop(field, None)
            each["digest"] = first_digest(each)
        build.push(
            deployments.repository, "main", {path: documents.dump(each) for path, each in data.items()}
        )

    release = pipeline.release(build.manifests(build.config_map(a="1"), hook(build)))
    plan = pipeline.propose(
        build.manifests(build.config_map(a="1"), hook(build, "app:1.1.0")), source=build.S2
    )
    written(release, plan)
    return deployments.release("dev", "analytics"), deployments.pending("dev", "analytics")


def first_digest(record):
    value = {
        "content": record["content"],
        "environment": record["environment"],
        "replaces": record.get("base"),
        "tenant": record["tenant"],
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_an_earlier_release_stays_live_and_nothing_is_pending_where_it_is_what_the_fleet_gives(
    build, pipeline, deployments, format_1
):
    release, _ = format_1
    assert (release.format, release.server) == (1, None)
    same = build.manifests(*deployments.released_manifests(release).objects)
    assert pipeline.propose(same, source=build.S3) is None
    assert deployments.release("dev", "analytics") == release


def test_an_earlier_plan_and_its_approvals_are_void_and_say_why(
    build, pipeline, deployments, format_1, ann, asks
):
    _, plan = format_1
    path = f"{plan.digest.removeprefix('sha256:')}/{ANN}.yaml"
    decision = {"digest": plan.digest, "who": ANN, "decision": "approve", "reason": "", "at": build.NOW}
    content = documents.dump({**decision, "at": build.NOW.isoformat()})
    build.push(deployments.repository, "approvals", {path: content}, signer=ann.signer)

    base = next(gate for gate in deployments.gates(plan, asks) if gate.key == "base")
    assert (base.key, base.outdated) == ("base", True)
    assert "an earlier version" in base.reason
    with pytest.raises(GatesClosed, match="an earlier version"):
        build.release(deployments, plan, asks)
    with pytest.raises(Superseded, match="an earlier version"):
        deployments.decide(plan, "approve", "x", ann.signer, build.NOW)

    same = build.manifests(*deployments.manifests("dev", "analytics").objects)
    anew = pipeline.propose(same, source=build.S2)
    assert (anew.format, anew.content) == (2, plan.content)
    approval = next(gate for gate in deployments.gates(anew, asks) if gate.key == "approval")
    assert f"{ANN}'s does not count: it was signed for a digest that does not tell" in approval.reason


def test_an_earlier_release_is_replaced_and_can_be_gone_back_to(build, pipeline, deployments, format_1):
    earlier, _ = format_1
    mended = build.manifests(build.config_map(a="3"), hook(build))
    newer = pipeline.release(mended, source=build.S3)
    assert (newer.format, newer.replaces) == (2, earlier.commit)

    back = deployments.revert(newer, "broken", build.NOW)

    assert back.model_copy(update={"commit": earlier.commit}) == earlier


def test_a_plan_says_since_when_there_is_more_in_it_than_was_approved(pipeline, build):
    """The same bytes in the same place, of which something else is found out later."""
    before = build.manifests(build.config_map(a="1"))
    pipeline.release(before)
    candidate = build.manifests(build.config_map(a="2"))
    first = pipeline.propose(candidate)
    found = Finding("image-age", "error", None, "it is three years old", "build it anew")
    wider = pipeline.propose(candidate, source=build.S2, findings=(found,))
    assert (first.widened, first.digest) == (None, wider.digest)
    assert wider.widened

    assert pipeline.propose(candidate, source=build.S3, findings=(found,)).widened == wider.widened


@pytest.mark.parametrize("between", ["another change", "nothing"])
def test_more_is_found_in_what_was_approved_whatever_was_planned_in_between(pipeline, build, ann, between):
    released = build.manifests(build.config_map(a="1"))
    pipeline.release(released)
    candidate = build.manifests(build.config_map(a="2"))
    first = pipeline.propose(candidate)
    pipeline.deployments.decide(first, "approve", "fine", ann.signer, build.NOW)
    other = released if between == "nothing" else build.manifests(build.config_map(a="3"))
    pipeline.propose(other, source=build.S2)

    found = Finding("image-age", "error", None, "it is three years old", "build it anew")
    wider = pipeline.propose(candidate, source=build.S3, findings=(found,))

    assert wider.digest == first.digest
    assert wider.widened


def test_the_same_change_with_nothing_more_in_it_keeps_its_approval(pipeline, build, ann):
    pipeline.release(build.manifests(build.config_map(a="1")))
    candidate = build.manifests(build.config_map(a="2"))
    first = pipeline.propose(candidate)
    pipeline.deployments.decide(first, "approve", "fine", ann.signer, build.NOW)
    pipeline.propose(build.manifests(build.config_map(a="3")), source=build.S2)
    assert pipeline.propose(candidate, source=build.S3).widened is None

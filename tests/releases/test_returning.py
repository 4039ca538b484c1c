"""What was rolled back does not come back with something else."""

import pytest

from deploy_orchestrator.releases import GatesClosed

ANN = "ann@example.com"


@pytest.fixture
def rolled_back(build, pipeline, deployments):
    """Releases these data, then others, and goes back; what comes of proposing further ones."""

    def after(good, bad, then):
        pipeline.release(build.manifests(*good))
        broken = pipeline.release(build.manifests(*bad), source=build.S2)
        deployments.revert(broken, "checkout fails", build.later(hours=1))
        return pipeline.propose(build.manifests(*then), source=build.S3)

    return after


def quarantine(deployments, plan, conditions):
    return next(gate for gate in deployments.gates(plan, conditions) if gate.key == "quarantine")


def test_an_unrelated_change_does_not_bring_it_back(build, deployments, rolled_back):
    plan = rolled_back(
        [build.config_map(message="hi", replicas="1")],
        [build.config_map(message="broken", replicas="1")],
        [build.config_map(message="broken", replicas="3")],
    )
    gate = quarantine(deployments, plan, build.conditions(build.asks_for(ANN)))

    assert gate.state == "closed"
    assert "data.message of ConfigMap" in gate.reason
    assert "checkout fails" in gate.reason
    assert ANN in gate.reason
    with pytest.raises(GatesClosed):
        build.release(deployments, plan, build.conditions())


@pytest.mark.parametrize("data", [{"message": "mended", "replicas": "1"}, {"message": "hi", "replicas": "3"}])
def test_it_goes_out_when_the_fleet_has_changed_what_was_reverted(build, deployments, rolled_back, data):
    plan = rolled_back(
        [build.config_map(message="hi", replicas="1")],
        [build.config_map(message="broken", replicas="1")],
        [build.config_map(**data)],
    )
    assert build.release(deployments, plan, build.conditions()).content == plan.content


@pytest.mark.parametrize(
    ("good", "bad", "then"),
    [
        ("a: 1\nb: 1\n", "a: 2\nb: 1\n", "a: 2\nb: 3\n"),
        ("a: 1\nb: 1\n", "a: 1\n", "a: 2\n"),
    ],
    ids=["a line that came", "a line that went"],
)
def test_one_line_of_a_file_counts(build, deployments, rolled_back, good, bad, then):
    plan = rolled_back(*([build.config_map(file=text)] for text in (good, bad, then)))
    assert quarantine(deployments, plan, build.conditions()).state == "closed"


def test_an_object_that_came_or_went_counts_as_a_whole(build, deployments, rolled_back):
    one, other = build.config_map("one"), build.config_map("other")
    plan = rolled_back([one], [one, other], [build.config_map("one", x="1"), other])
    assert quarantine(deployments, plan, build.conditions()).state == "closed"


def test_a_mended_new_object_is_another_one(build, deployments, rolled_back):
    one = build.config_map("one")
    plan = rolled_back(
        [one], [one, build.config_map("new", x="bad")], [one, build.config_map("new", x="good")]
    )
    assert quarantine(deployments, plan, build.conditions()).passed


def test_checksums_and_versions_beside_it_do_not_count(build, deployments, rolled_back):
    hook = {"helm.sh/hook": "pre-upgrade"}
    plan = rolled_back(
        [build.job(image="app:1.0.0", version="1", **hook)],
        [build.job(image="app:1.1.0", version="2", **hook)],
        [build.job(image="app:1.2.0", version="2", **hook)],
    )
    assert quarantine(deployments, plan, build.conditions()).passed


def test_an_approval_brings_it_back_once_and_for_good(build, pipeline, deployments, rolled_back, people):
    ann = people(ANN)
    plan = rolled_back(
        [build.config_map(message="hi", replicas="1")],
        [build.config_map(message="broken", replicas="1")],
        [build.config_map(message="broken", replicas="3")],
    )
    deployments.decide(plan, "approve", "it was the node", ann.signer, build.later(hours=2))
    conditions = build.conditions(signers=(ann,), now=build.later(hours=3))
    assert build.release(deployments, plan, conditions).approvals[0].who == ANN

    later = build.manifests(build.config_map(message="broken", replicas="4"))
    plan = pipeline.propose(later, source=build.S3.replace("3", "4"))
    assert quarantine(deployments, plan, build.conditions()).passed

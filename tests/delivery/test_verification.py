from dataclasses import replace

import pytest

from deploy_orchestrator.delivery import Hook, Phase, verifications
from deploy_orchestrator.manifests import Manifests, Object


@pytest.fixture
def manifests(publisher):
    script = publisher.config_map("script").body
    annotations = {"helm.sh/hook": "test", "argocd.argoproj.io/hook": "PostSync"}
    skipped = publisher.test("skipped").body
    return Manifests(
        (
            publisher.config_map("a"),
            publisher.hook("late", "post-upgrade"),
            publisher.test("web", 5),
            publisher.test("ask"),
            Object({**script, "metadata": {**script["metadata"], "annotations": annotations}}),
            Object(
                {
                    **skipped,
                    "metadata": {
                        **skipped["metadata"],
                        "annotations": {"helm.sh/hook": "test", "argocd.argoproj.io/hook": "Skip"},
                    },
                }
            ),
        )
    )


def test_tests_are_told_in_their_order_with_how_the_last_sync_ran_them(sandbox, publisher, manifests):
    release = publisher.release(*manifests.objects)
    sandbox.sync(release)
    found = verifications(release, manifests, sandbox.status("dev", "analytics"))
    assert [(each.object.name, each.passed) for each in found] == [("ask", True), ("web", True)]


def test_a_test_that_failed_keeps_those_after_it_from_running(sandbox, publisher, manifests):
    sandbox.sync(publisher.release(publisher.config_map("a")))
    sandbox.fail("dev", "analytics", "ask", "no route to host")
    release = publisher.release(*manifests.objects)
    sandbox.sync(release)
    failed, waiting = verifications(release, manifests, sandbox.status("dev", "analytics"))
    assert failed.ran == Hook("Pod analytics-dev/ask", "after", Phase.FAILED, "no route to host")
    assert (failed.passed, waiting.passed, waiting.ran) == (False, False, None)


def test_what_another_releases_sync_ran_says_nothing(sandbox, publisher, manifests):
    release = publisher.release(*manifests.objects)
    sandbox.sync(release)
    status = sandbox.status("dev", "analytics")
    other = replace(status, operation=replace(status.operation, key="another"))
    assert {each.ran for each in verifications(release, manifests, other)} == {None}

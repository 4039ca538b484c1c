"""What `helm test` would run is part of every sync."""

from collections.abc import Callable
from typing import Any

import yaml

from deploy_orchestrator.manifests import Manifests, Object

Rendered = Callable[..., Manifests]

HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
DELETION = "argocd.argoproj.io/hook-delete-policy"
CONTAINER = {"name": "ask", "image": "curl:8"}


def hook(events: str, weight: int | None = None, annotations: dict[str, str] | None = None) -> dict[str, str]:
    weighed = {} if weight is None else {"helm.sh/hook-weight": str(weight)}
    return {"helm.sh/hook": events, **weighed, **(annotations or {})}


def pod(annotations: dict[str, str], *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"annotations": annotations},
        "spec": {"restartPolicy": "Never", "containers": list(containers) or [CONTAINER], **spec},
    }


def config_map(annotations: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": annotations}}


def made(rendered: Rendered, **objects: dict[str, Any]) -> dict[str, Object]:
    """The objects that a chart of these, by name, comes to."""
    named = {
        f"templates/{name}.yaml": yaml.safe_dump(
            {**body, "metadata": {**body["metadata"], "name": name.replace("_", "-")}}
        )
        for name, body in objects.items()
    }
    found = {each.name.replace("-", "_"): each for each in rendered(named).objects}
    return {name: found[name] for name in objects}


def test_a_test_runs_after_each_sync_and_is_still_known_as_one(rendered: Rendered) -> None:
    found = made(rendered, new=pod(hook("test")), legacy=pod(hook("test-success", 3)))
    expected = {HOOK: "PostSync", DELETION: "BeforeHookCreation"}
    assert found["new"].annotations == {"helm.sh/hook": "test", **expected}
    assert found["legacy"].annotations == {**hook("test-success", 3), **expected}


def test_tests_come_after_all_other_hooks_in_the_order_of_their_weights(rendered: Rendered) -> None:
    found = made(
        rendered,
        late=config_map(hook("post-install,post-upgrade", 7)),
        own=config_map({HOOK: "PostSync", WAVE: "9"}),
        before=config_map(hook("pre-upgrade", 50)),
        data=config_map(hook("test", -5)),
        first=pod(hook("test", -5)),
        second=pod(hook("test")),
        waved=pod(hook("test", -9, annotations={WAVE: "1"})),
    )
    waves = {name: int(each.annotations.get(WAVE, 0)) for name, each in found.items()}
    assert waves == {"late": 0, "own": 9, "before": 0, "data": 10, "first": 10, "second": 15, "waved": 16}


def test_waves_are_left_to_weights_where_no_other_hook_comes_after(rendered: Rendered) -> None:
    found = made(rendered, before=config_map(hook("pre-upgrade", 50)), test=pod(hook("test", -5)))
    assert WAVE not in found["test"].annotations


def test_a_test_that_failed_stays_to_be_looked_at(rendered: Rendered) -> None:
    policies = "before-hook-creation, hook-succeeded,hook-failed"
    found = made(rendered, test=pod(hook("test", annotations={"helm.sh/hook-delete-policy": policies})))
    assert found["test"].annotations[DELETION] == "BeforeHookCreation,HookSucceeded"
    assert "helm.sh/hook-delete-policy" not in found["test"].annotations


def test_a_failed_container_of_a_test_leaves_its_last_lines_in_the_pods_status(rendered: Rendered) -> None:
    told = {**CONTAINER, "name": "told", "terminationMessagePolicy": "File"}
    found = made(
        rendered,
        test=pod(hook("test"), CONTAINER, told, initContainers=[{**CONTAINER, "name": "init"}]),
        other=pod({}),
    )
    spec = found["test"].body["spec"]
    policies = [each["terminationMessagePolicy"] for each in (*spec["initContainers"], *spec["containers"])]
    assert policies == ["FallbackToLogsOnError", "FallbackToLogsOnError", "File"]
    assert found["other"].body["spec"]["containers"] == [CONTAINER]


def test_what_is_more_than_a_test_runs_when_it_did_and_after_the_sync(rendered: Rendered) -> None:
    policy = {"helm.sh/hook-delete-policy": "hook-failed"}
    found = made(
        rendered,
        before=pod(hook("test,pre-install", annotations=policy)),
        after=pod(hook("post-upgrade, test")),
        undone=pod(hook("test,post-rollback")),
    )
    assert found["before"].annotations == {
        **hook("test,pre-install", annotations=policy),
        HOOK: "PostSync,PreSync",
    }
    assert found["after"].annotations == hook("post-upgrade, test")
    assert found["undone"].annotations[HOOK] == "PostSync"


def test_a_chart_says_by_itself_when_argo_cd_runs_its_test(rendered: Rendered) -> None:
    for event in ("Skip", "PreSync", "Sync,PostSync"):
        annotations = hook("test", annotations={HOOK: event})
        assert made(rendered, test=pod(annotations))["test"].body["spec"]["containers"] == [CONTAINER]
        assert made(rendered, test=pod(annotations))["test"].annotations == annotations


def test_a_pod_without_sense_is_left_for_the_checks(rendered: Rendered) -> None:
    found = made(
        rendered, test={**pod(hook("test")), "spec": {"containers": ["odd"]}}, none=pod(hook("test"))
    )
    assert found["test"].body["spec"]["containers"] == ["odd"]

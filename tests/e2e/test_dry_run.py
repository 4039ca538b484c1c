"""What `plan` learns from a cluster: what was changed by hand, and what a real API server would refuse."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException, BatchV1Api, CoreV1Api
from objects import config_map, deployment, hook, pod
from rig import Cluster
from test_risk_rules import plan_of

from deploy_orchestrator.delivery import Inspection, inspect
from deploy_orchestrator.delivery.cluster import ClusterClient
from deploy_orchestrator.manifests import Manifests, Object
from deploy_orchestrator.risk import Verdict

Body = dict[str, Any]
SOON = timedelta(seconds=60)
NOWHERE = """\
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: me, user: {token: none}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: me}}]
"""
PLAN = plan_of(config_map(x="1"), config_map(x="2"))


@pytest.fixture
def ask(k8s: Cluster, namespace: str) -> Callable[..., Inspection]:
    """Inspect with the administrator's rights, or those of another kubeconfig."""

    def inspected(
        released: list[Body] | None,
        candidate: list[Body],
        kubeconfig: Path | None = None,
        within: str = namespace,
    ) -> Inspection:
        cluster = ClusterClient(kubeconfig or k8s.kubeconfig, None, SOON, "test")
        before, after = (None if each is None else manifests(within, *each) for each in (released, candidate))
        assert after
        return inspect(cluster, within, before, after)

    return inspected


def manifests(namespace: str, *bodies: Body) -> Manifests:
    return Manifests(Object(in_(namespace, each)) for each in bodies)


def in_(namespace: str, body: Body) -> Body:
    if body["kind"] in ("Namespace", "CustomResourceDefinition"):
        return body
    return {**body, "metadata": {"namespace": namespace, **body["metadata"]}}


def secret(value: str, **fields: Any) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login"},
        "stringData": {"word": value},
        **fields,
    }


def test_what_was_changed_by_hand_is_drift(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection]
) -> None:
    released = [config_map(x="released", y="1"), config_map("gone"), deployment()]
    k8s.apply(*(in_(namespace, each) for each in released))
    assert not ask(released, released).drift
    with k8s.client() as client:
        core = CoreV1Api(client)
        core.patch_namespaced_config_map("settings", namespace, {"data": {"x": "by hand"}})
        core.delete_namespaced_config_map("gone", namespace)
    found = ask(released, released)
    assert [each.name for each in found.drift.removed] == ["gone"]
    (changed,) = found.drift.changed
    assert [(each.field, each.before, each.after) for each in changed.fields] == [
        ("data.x", "released", "by hand")
    ]
    assert not found.refused
    assert not found.unasked


def test_defaults_and_what_others_set_is_no_drift(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection]
) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    released = [config_map(x="1"), deployment(), service, secret("hidden words")]
    k8s.apply(*(in_(namespace, each) for each in released))
    with k8s.client() as client:
        theirs = {"metadata": {"annotations": {"somebody.example/else": "set this"}}, "data": {"more": "x"}}
        CoreV1Api(client).patch_namespaced_config_map("settings", namespace, theirs)
    assert not ask(released, released).drift


def test_what_the_api_server_refuses_blocks_in_its_own_words(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection]
) -> None:
    before = [config_map(), deployment()]
    k8s.apply(*(in_(namespace, each) for each in before))
    after = deployment()
    after["spec"]["selector"] = after["spec"]["template"]["metadata"] = {"matchLabels": {"app": "other"}}
    after["spec"]["template"]["metadata"] = {"labels": {"app": "other"}}
    found = ask(before, [config_map(), after])
    ((key, said),) = found.refused.items()
    assert (key.kind, key.name, found.tried) == ("Deployment", "web", 1)
    assert "field is immutable" in said
    plan = found.judged(PLAN)
    assert plan.verdict is Verdict.BLOCKED
    assert (plan.reasons[0].rule, plan.reasons[0].object) == ("refused-by-cluster", str(key))


def test_what_admission_forbids_to_everybody_is_a_refusal(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection]
) -> None:
    found = ask(None, [pod()])
    (said,) = found.refused.values()
    assert "violates PodSecurity" in said


def test_what_the_caller_may_not_ask_is_never_safe(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection], tmp_path: Path
) -> None:
    released = [config_map(x="1"), deployment()]
    k8s.apply(*(in_(namespace, each) for each in released))
    found = ask(released, released, k8s.account(namespace, "default", tmp_path))
    assert not found.refused
    assert {key.kind for key in found.unasked} == {"ConfigMap", "Deployment"}
    assert found.tried == 0
    plan = found.judged(PLAN.model_copy(update={"reasons": (), "verdict": Verdict.SAFE}))
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    assert "could not ask for 2 objects" in plan.reasons[0].saw
    assert "cannot" in plan.reasons[0].saw


def test_a_namespace_that_is_not_there_yet_is_said_and_refuses_nothing(
    ask: Callable[..., Inspection],
) -> None:
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "still-to-come"}}
    found = ask(None, [home, config_map(), deployment()], within="still-to-come")
    assert found.awaited == ("namespace still-to-come is not there yet",)
    assert (found.tried, dict(found.refused), dict(found.unasked)) == (1, {}, {})
    assert found.judged(PLAN) == PLAN


def test_a_kind_that_the_change_itself_defines_is_awaited_and_another_is_refused(
    ask: Callable[..., Inspection],
) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "wishes.e2e.example"},
        "spec": {
            "group": "e2e.example",
            "scope": "Namespaced",
            "names": {"kind": "Wish", "plural": "wishes", "singular": "wish", "listKind": "WishList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    wish, hope = (
        {"apiVersion": "e2e.example/v1", "kind": kind, "metadata": {"name": "one"}}
        for kind in ("Wish", "Hope")
    )
    found = ask(None, [definition, wish, hope])
    assert found.awaited == ("Wish is defined by a CustomResourceDefinition of this change",)
    assert {key.kind: said for key, said in found.refused.items()} == {
        "Hope": "the cluster serves no Hope in e2e.example/v1"
    }
    assert found.tried == 1


def test_a_hook_is_tried_as_the_new_object_that_it_will_be(
    k8s: Cluster, namespace: str, ask: Callable[..., Inspection]
) -> None:
    ran, next_one, broken = (hook("pre-upgrade") for _ in range(3))
    next_one["spec"]["template"]["spec"]["containers"] = [{"name": "main", "image": "registry.example/app:2"}]
    broken["spec"]["template"]["spec"]["containers"] = []
    k8s.apply(in_(namespace, ran))
    found = ask([ran], [next_one])
    assert (found.tried, dict(found.refused)) == (1, {})
    assert not found.drift
    assert "containers: Required value" in next(iter(ask([ran], [broken]).refused.values()))
    with k8s.client() as client:
        (job,) = BatchV1Api(client).list_namespaced_job(namespace).items
    assert job.spec.template.spec.containers[0].image == "registry.example/app:1"


def test_nothing_is_written(k8s: Cluster, namespace: str, ask: Callable[..., Inspection]) -> None:
    before = [config_map(x="1")]
    k8s.apply(*(in_(namespace, each) for each in before))
    assert ask(before, [config_map(x="2"), config_map("new"), hook("pre-upgrade")]).tried == 3
    with k8s.client() as client:
        core = CoreV1Api(client)
        live = core.read_namespaced_config_map("settings", namespace)
        assert live.data == {"x": "1"}
        assert {each.manager for each in live.metadata.managed_fields} == {"rig"}
        with pytest.raises(ApiException, match="Not Found"):
            core.read_namespaced_config_map("new", namespace)


def test_secrets_are_never_shown(k8s: Cluster, namespace: str, ask: Callable[..., Inspection]) -> None:
    before = secret("first words", immutable=True)
    k8s.apply(in_(namespace, before))
    with k8s.client() as client:
        core = CoreV1Api(client)
        core.delete_namespaced_secret("login", namespace)
        by_hand = {"metadata": {"name": "login"}, "stringData": {"word": "third words"}, "immutable": True}
        core.create_namespaced_secret(namespace, by_hand)
    found = ask(
        [before], [secret("second words", immutable=True), secret("x", metadata={"name": "Bad_second"})]
    )
    text = found.drift.unified() + str(found.refused) + str(found.judged(PLAN))
    assert "login" in text
    assert "field is immutable" in text
    for word in ("first words", "second words", "third words", "Zmlyc3Q", "c2Vjb25k", "dGhpcmQ"):
        assert word not in text


def test_a_cluster_that_does_not_answer_is_said_once_and_soon(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(NOWHERE)
    many = manifests("anywhere", *(config_map(f"number-{number}") for number in range(200)))
    found = inspect(ClusterClient(file, None, SOON, "test"), "anywhere", many, many)
    assert len(found.unasked) == 200
    assert "does not answer" in found.judged(PLAN).reasons[0].saw

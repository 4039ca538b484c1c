"""What a cluster says of a change before it is made; a real API server says the same in tests/e2e."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.delivery import ClusterClient, Inspection, inspect, lacking
from deploy_orchestrator.manifests import Manifests, Object
from deploy_orchestrator.releases import Plan
from deploy_orchestrator.risk import Verdict
from tests.delivery.publishing import Publisher, namespaced
from tests.simulated import ApiServer, Fault, Refused, serving

WITHIN = "shop-dev"
SAFE = Plan.model_construct(reasons=(), verdict=Verdict.SAFE)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.namespaces(WITHIN)
        yield server


@pytest.fixture
def cluster(api: ApiServer, tmp_path: Path) -> ClusterClient:
    return ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "us")


def put(api: ApiServer, *objects: Object) -> None:
    for each in objects:
        api.put(dict(each.body))


def asked(
    cluster: ClusterClient, released: list[Object] | None, candidate: list[Object], within: str = WITHIN
) -> Inspection:
    return inspect(cluster, within, None if released is None else Manifests(released), Manifests(candidate))


def config_map(name: str = "settings", namespace: str = WITHIN, **data: str) -> Object:
    return namespaced("v1", "ConfigMap", name, namespace=namespace, data=data)


def secret(word: str) -> Object:
    return namespaced("v1", "Secret", "login", namespace=WITHIN, data={"word": word}, immutable=True)


def in_shop(each: Object) -> Object:
    return Object({**each.body, "metadata": {**each.body["metadata"], "namespace": WITHIN}})


def test_what_sops_encrypted_cannot_be_asked_about(api: ApiServer, cluster: ClusterClient) -> None:
    sealed = Object({**secret("ENC[x]").body, "sops": {"mac": "ENC[x]"}})
    found = asked(cluster, None, [sealed])
    assert list(found.unasked) == [sealed.key]
    assert not found.refused
    assert [each.rule for each in found.reasons] == ["cluster-not-asked"]


def test_what_was_changed_by_hand_is_drift(api: ApiServer, cluster: ClusterClient) -> None:
    released = [config_map(x="released", y="1"), config_map("gone")]
    put(api, *released)
    assert not asked(cluster, released, released).has_objections
    api.patch("ConfigMap", WITHIN, "settings", {"data": {"x": "by hand", "theirs": "more"}})
    api.delete("ConfigMap", WITHIN, "gone")
    found = asked(cluster, released, released)
    assert [each.name for each in found.drift.removed] == ["gone"]
    (changed,) = found.drift.changed
    assert [(each.field, each.before, each.after) for each in changed.fields] == [
        ("data.x", "released", "by hand")
    ]
    assert (found.refused, found.unasked, found.has_objections) == ({}, {}, True)


def test_a_first_release_over_what_is_there_already_and_differs_is_never_safe(
    api: ApiServer, cluster: ClusterClient
) -> None:
    put(api, config_map(x="theirs"))
    found = asked(cluster, None, [config_map(x="ours"), config_map("new")])
    (changed,) = found.taken_over.changed
    assert [(each.field, each.before, each.after) for each in changed.fields] == [
        ("data.x", "theirs", "ours")
    ]
    plan = found.judged(SAFE)
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    (reason,) = plan.reasons
    assert (reason.rule, reason.object) == ("live-object-changed", f"ConfigMap {WITHIN}/settings")
    assert "data.x" in reason.saw


def test_a_first_release_over_what_is_there_already_and_says_the_same_changes_nothing_live(
    api: ApiServer, cluster: ClusterClient
) -> None:
    put(api, config_map(x="same"))
    found = asked(cluster, None, [config_map(x="same")])
    assert not found.has_objections
    plan = found.judged(SAFE)
    assert (plan.verdict, [reason.rule for reason in plan.reasons]) == (Verdict.SAFE, ["live-object-kept"])


def test_an_object_that_a_later_release_adds_over_one_that_is_there_is_taken_over(
    api: ApiServer, cluster: ClusterClient
) -> None:
    put(api, config_map(x="1"), config_map("more", a="theirs"))
    released = [config_map(x="1")]
    found = asked(cluster, released, [*released, config_map("more", a="ours")])
    assert [change.key.name for change in found.taken_over.changed] == ["more"]
    assert not found.drift


def test_what_a_deployment_had_before_a_pull_request_is_not_taken_over(
    api: ApiServer, cluster: ClusterClient
) -> None:
    own = config_map(x="1")
    put(api, own)
    found = inspect(cluster, WITHIN, None, Manifests([config_map(x="2")]), [own.key])
    assert not found.has_objections


def test_nothing_is_written(api: ApiServer, cluster: ClusterClient) -> None:
    put(api, config_map(x="1"))
    before = api.wait_beyond(-1, 0)
    hook = in_shop(Publisher.hook("migrate", "pre-upgrade"))
    assert asked(cluster, [config_map(x="1")], [config_map(x="2"), config_map("new"), hook]).tried == 3
    assert api.wait_beyond(-1, 0) == before


def test_what_is_refused_to_everybody_blocks_in_the_servers_words(
    api: ApiServer, cluster: ClusterClient
) -> None:
    api.admits = lambda body: (
        Refused(403, "Forbidden", "violates PodSecurity") if body["kind"] == "Pod" else None
    )
    pod = in_shop(Publisher.test("ask"))
    found = asked(cluster, None, [config_map(), pod])
    assert (dict(found.refused), found.tried) == ({pod.key: "violates PodSecurity"}, 1)
    plan = found.judged(SAFE)
    assert plan.verdict is Verdict.BLOCKED
    assert (plan.reasons[0].rule, plan.reasons[0].saw) == ("refused-by-cluster", "violates PodSecurity")


@pytest.mark.parametrize("status", [0, 401, 408, 409, 429, 500, 503])
def test_what_is_too_busy_to_say_is_not_asked_and_never_safe(
    api: ApiServer, cluster: ClusterClient, status: int
) -> None:
    api.fails(Fault("PATCH", times=9, status=status or None, body=b'{"message": "busy"}'))
    found = asked(cluster, None, [config_map()])
    assert (found.refused, found.tried) == ({}, 0)
    plan = found.judged(SAFE)
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    assert plan.reasons[0].saw.startswith("could not ask for 1 objects: ")


def test_what_the_caller_may_not_ask_is_never_safe(api: ApiServer, cluster: ClusterClient) -> None:
    api.denies = lambda verb, resource: True
    released = [config_map(x="1")]
    found = asked(cluster, released, [config_map(x="2"), config_map("new")])
    assert not found.refused
    assert {key.name for key in found.unasked} == {"settings", "new"}
    assert found.judged(SAFE).verdict is Verdict.NEEDS_APPROVAL


def test_rights_that_the_caller_may_not_grant_were_not_asked_for(
    api: ApiServer, cluster: ClusterClient
) -> None:
    said = 'roles "r" is forbidden: user "me" is attempting to grant RBAC permissions not currently held'
    api.admits = lambda body: Refused(403, "Forbidden", said)
    role = namespaced("rbac.authorization.k8s.io/v1", "Role", "r", namespace=WITHIN)
    assert list(asked(cluster, None, [role]).unasked) == [role.key]


def test_what_cannot_be_tried_by_a_dry_run_was_not_asked_for(api: ApiServer, cluster: ClusterClient) -> None:
    said = "admission webhook does not support dry run"
    api.admits = lambda body: Refused(400, "BadRequest", said)
    assert asked(cluster, None, [config_map()]).unasked == {config_map().key: said}


def test_a_namespace_that_is_not_there_yet_is_awaited(cluster: ClusterClient) -> None:
    home = Object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "to-come"}})
    found = asked(
        cluster, None, [home, config_map(namespace="to-come"), config_map("b", "to-come")], "to-come"
    )
    assert found.awaited == ("namespace to-come is not there yet",)
    assert (found.tried, found.has_objections) == (1, False)
    assert found.judged(SAFE) == SAFE


def test_an_account_that_comes_with_the_change_is_awaited_and_another_is_refused(
    api: ApiServer, cluster: ClusterClient
) -> None:
    def no_account(body: dict[str, Any]) -> Refused | None:
        name = body["metadata"]["name"]
        said = (
            f"pods is forbidden: error looking up service account {WITHIN}/{name}: serviceaccount not found"
        )
        return Refused(403, "Forbidden", said) if body["kind"] == "Pod" else None

    api.admits = no_account
    account = namespaced("v1", "ServiceAccount", "runner", namespace=WITHIN)
    mine, theirs = (in_shop(Publisher.test(name)) for name in ("runner", "stranger"))
    found = asked(cluster, None, [account, mine, theirs])
    assert found.awaited == (f"ServiceAccount {WITHIN}/runner comes with this change",)
    assert list(found.refused) == [theirs.key]


def test_a_kind_that_the_change_itself_defines_is_awaited_and_another_is_refused(
    cluster: ClusterClient,
) -> None:
    names = {"kind": "Wish", "plural": "wishes"}
    definition = Object(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "wishes.e2e.example"},
            "spec": {"group": "e2e.example", "names": names, "versions": [{"name": "v1"}]},
        }
    )
    wish, hope = (namespaced("e2e.example/v1", kind, "one", namespace=WITHIN) for kind in ("Wish", "Hope"))
    found = asked(cluster, None, [definition, wish, hope])
    assert found.awaited == ("Wish is defined by a CustomResourceDefinition of this change",)
    assert dict(found.refused) == {hope.key: "the cluster serves no Hope in e2e.example/v1"}
    assert found.tried == 1


def test_a_hook_and_what_is_replaced_are_tried_as_the_new_objects_that_they_will_be(
    api: ApiServer, cluster: ClusterClient
) -> None:
    hook = in_shop(Publisher.hook("migrate", "pre-upgrade"))
    options = {"argocd.argoproj.io/sync-options": "Force=true,Replace=true"}
    forced = namespaced("v1", "ConfigMap", "forced", options, WITHIN, data={"x": "2"}, immutable=True)
    put(api, hook, Object({**forced.body, "data": {"x": "1"}}))
    found = asked(cluster, None, [hook, forced])
    assert (found.tried, dict(found.refused)) == (2, {})
    assert sum(each.startswith("POST ") for each in api.asked) == 2


def test_a_hook_that_argo_cd_leaves_out_is_not_tried(cluster: ClusterClient) -> None:
    hook = in_shop(Publisher.hook("ask", "test"))
    assert asked(cluster, [hook], [hook, config_map()]).tried == 1


def test_what_is_refused_shows_no_value_of_a_secret(api: ApiServer, cluster: ClusterClient) -> None:
    put(api, secret("dGhpcmQ="))
    api.admits = lambda body: Refused(422, "Invalid", f"data.word: Invalid value: {body['data']['word']}")
    found = asked(cluster, None, [Object({**secret("c2Vjb25k").body, "immutable": None})])
    (said,) = found.refused.values()
    assert "c2Vjb25k" not in said


def test_drift_shows_no_value_of_a_secret(api: ApiServer, cluster: ClusterClient) -> None:
    released = Object({**secret("Zmlyc3Q=").body, "immutable": False})
    put(api, Object({**released.body, "data": {"word": "dGhpcmQ="}}))
    text = asked(cluster, [released], [released]).drift.unified()
    assert "login" in text
    assert "Zmlyc3Q" not in text
    assert "dGhpcmQ" not in text


def test_a_cluster_that_does_not_answer_is_said_once_and_soon(tmp_path: Path) -> None:
    with serving() as api:
        cluster = ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "us")
    many = [config_map(f"number-{number}") for number in range(200)]
    found = asked(cluster, many, many)
    assert len(found.unasked) == 200
    assert "does not answer" in found.judged(SAFE).reasons[0].saw


def test_a_namespace_that_exists_is_held_against_what_the_platform_would_give(
    cluster: ClusterClient, api: ApiServer
) -> None:
    def found() -> list[tuple[str, str]]:
        return [(each.rule, each.severity) for each in lacking(cluster, "theirs")]

    assert found() == [("existing-namespace-missing", "blocked")]
    api.namespaces("theirs")
    assert found() == [("existing-namespace-open", "needs-approval")] * 2
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch("Namespace", "", "theirs", {"metadata": {"labels": labels}})
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "theirs"}}
    api.put(quota)
    assert found() == []
    api.fails(Fault("GET /api/v1/namespaces/theirs", times=99, status=403))
    assert found() == [("existing-namespace-unknown", "needs-approval")]

"""An Application is let go of one step at a time; tests/e2e has a real Argo CD."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.adoption import NotHandedOver, Old, hand_over, in_the_way, take_back
from deploy_orchestrator.delivery import ClusterClient
from deploy_orchestrator.delivery.cluster import ObjectVersion
from deploy_orchestrator.manifests import Manifests, Object
from tests.simulated import ApiServer, serving

TRACKING = "argocd.argoproj.io/tracking-id"
HOME = "shop"
AUTOMATED = {"prune": True, "selfHeal": True}
FINALIZER = "resources-finalizer.argocd.argoproj.io"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """`web` delivers two ConfigMaps, and its parent `apps` makes it again."""
    with serving() as server:
        server.namespaces(HOME, "argocd")
        server.put(an_application("apps"))
        lists(server, "apps", "web", "more")
        server.put(an_application("web", **{TRACKING: "apps:argoproj.io/Application:argocd/web"}))
        for name in ("one", "two"):
            server.put(config_map(name, **{TRACKING: f"web:/ConfigMap:{HOME}/{name}"}))
        yield server


@pytest.fixture
def old(api: ApiServer, tmp_path: Path) -> Old:
    cluster = ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "adopt")
    return Old(cluster, "argocd", "web", tmp_path / "kept" / "web.yaml")


def an_application(name: str, **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "argocd", "annotations": annotations, "finalizers": [FINALIZER]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": {"project": "default", "syncPolicy": {"automated": AUTOMATED}},
    }


def config_map(name: str, **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": HOME, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"x": "1"}}


def lists(api: ApiServer, parent: str, *names: str, namespace: str = "argocd") -> None:
    """`parent` delivers these Applications."""
    group = {"group": "argoproj.io", "kind": "Application", "namespace": "argocd"}
    resources = [{**group, "name": name} for name in names]
    api.patch("Application", namespace, parent, {"status": {"resources": resources}})


CANDIDATE = Manifests(Object(config_map(name)) for name in ("one", "two"))


def marks(api: ApiServer) -> list[str | None]:
    return [each["metadata"].get("annotations", {}).get(TRACKING) for each in api.of_kind("ConfigMap", HOME)]


def uids(api: ApiServer) -> list[str]:
    return [each["metadata"]["uid"] for each in api.of_kind("ConfigMap", HOME)]


def test_it_is_gone_its_parent_is_still_and_its_objects_stay(api: ApiServer, old: Old) -> None:
    before = uids(api)
    told = list(hand_over(old, CANDIDATE, HOME))
    assert told[-1] == "2 objects no longer name it"
    assert api.read("Application", "argocd", "web") is None
    parent = api.read("Application", "argocd", "apps")
    assert parent
    assert "automated" not in parent["spec"]["syncPolicy"]
    assert marks(api) == [None, None]
    assert uids(api) == before


@pytest.mark.parametrize("steps", range(5))
def test_one_that_was_killed_after_any_step_is_finished_and_taken_back_alike(
    api: ApiServer, old: Old, steps: int
) -> None:
    list(itertools.islice(hand_over(old, CANDIDATE, HOME), steps))
    list(hand_over(old, CANDIDATE, HOME))
    assert api.read("Application", "argocd", "web") is None
    assert marks(api) == [None, None]

    list(take_back(old))
    for name in ("web", "apps"):
        found = api.read("Application", "argocd", name)
        assert found
        assert found["spec"]["syncPolicy"] == {"automated": AUTOMATED}
        assert found["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize("steps", range(1, 5))
def test_the_way_back_works_from_every_step(api: ApiServer, old: Old, steps: int) -> None:
    list(itertools.islice(hand_over(old, CANDIDATE, HOME), steps))
    list(take_back(old))
    for name in ("web", "apps"):
        found = api.read("Application", "argocd", name)
        assert found
        assert found["spec"] == an_application(name)["spec"]
    with pytest.raises(NotHandedOver, match="nothing is kept of web"):
        list(take_back(old))


def test_a_parent_makes_none_again_that_is_still_handed_over(api: ApiServer, old: Old) -> None:
    api.put(an_application("more", **{TRACKING: "apps:argoproj.io/Application:argocd/more"}))
    api.put(config_map("three", **{TRACKING: f"more:/ConfigMap:{HOME}/three"}))
    more = replace(old, name="more", kept=old.kept.with_name("more.yaml"))
    list(hand_over(old, CANDIDATE, HOME))
    list(hand_over(more, Manifests([Object(config_map("three"))]), HOME))

    assert list(take_back(old))[-1] == "apps stays as it is: it would make more again"
    parent = api.read("Application", "argocd", "apps")
    assert parent
    assert "automated" not in parent["spec"]["syncPolicy"]
    assert list(take_back(more))[-1] == "apps heals itself again"
    parent = api.read("Application", "argocd", "apps")
    assert parent
    assert parent["spec"]["syncPolicy"] == {"automated": AUTOMATED}


def test_it_goes_only_where_applying_the_candidate_changes_nothing(api: ApiServer, old: Old) -> None:
    other = config_map("one")
    changed = Manifests([Object({**other, "data": {"x": "2"}}), Object(config_map("three"))])
    assert in_the_way(old, changed, HOME) == (
        "ConfigMap shop/one would change: data.x",
        "ConfigMap shop/three is not live",
    )
    with pytest.raises(NotHandedOver, match="would change"):
        list(hand_over(old, changed, HOME))
    assert api.read("Application", "argocd", "web")
    assert not old.kept.exists()


def test_objects_of_another_application_are_in_the_way(api: ApiServer, old: Old) -> None:
    api.put(config_map("two", **{TRACKING: f"web-two:/ConfigMap:{HOME}/two"}))
    assert in_the_way(old, CANDIDATE, HOME) == ("ConfigMap shop/two is delivered by the Application web-two",)


def test_an_application_that_owns_none_of_it_stays(api: ApiServer, old: Old) -> None:
    api.put(an_application("billing"))
    billing = replace(old, name="billing")
    with pytest.raises(NotHandedOver, match="ConfigMap shop/one is delivered by the Application web"):
        list(hand_over(billing, CANDIDATE, HOME))
    assert api.read("Application", "argocd", "billing")


@pytest.mark.parametrize("how", ["label", "list", "neither"])
def test_objects_without_a_tracking_id_are_its_own_by_label_or_by_its_list(
    api: ApiServer, old: Old, how: str
) -> None:
    for name in ("one", "two"):
        body = config_map(name)
        if how == "label":
            body["metadata"]["labels"] = {"app.kubernetes.io/instance": "web"}
        api.put(body)
    if how == "list":
        resources = [
            {"kind": "ConfigMap", "version": "v1", "namespace": HOME, "name": n} for n in ("one", "two")
        ]
        api.patch("Application", "argocd", "web", {"status": {"resources": resources}})
    expected = tuple(
        f"ConfigMap shop/{name} names no Application, and web does not list it"
        for name in ("one", "two")
        if how == "neither"
    )
    assert in_the_way(old, CANDIDATE, HOME) == expected


@pytest.mark.parametrize("times", [1, 100])
def test_it_is_never_deleted_with_a_finalizer_that_somebody_put_back(
    api: ApiServer, old: Old, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    put_back = itertools.count(1)
    delete = ClusterClient.delete

    def after_a_sync_of_its_parent(
        cluster: ClusterClient, wanted: Object, namespace: str, version: ObjectVersion
    ) -> None:
        if next(put_back) <= times:
            api.put(an_application("web", **{TRACKING: "apps:argoproj.io/Application:argocd/web"}))
        delete(cluster, wanted, namespace, version)

    monkeypatch.setattr(ClusterClient, "delete", after_a_sync_of_its_parent)
    if times == 1:
        list(hand_over(old, CANDIDATE, HOME))
        assert api.read("Application", "argocd", "web") is None
        return
    with pytest.raises(NotHandedOver, match="somebody writes it again and again"):
        list(hand_over(old, CANDIDATE, HOME))
    found = api.read("Application", "argocd", "web")
    assert found
    assert found["metadata"]["finalizers"] == [FINALIZER]


def test_one_of_an_application_set_would_come_back_and_stays(api: ApiServer, old: Old) -> None:
    owners = [{"kind": "ApplicationSet", "name": "all", "apiVersion": "argoproj.io/v1alpha1", "uid": "1"}]
    api.patch("Application", "argocd", "web", {"metadata": {"ownerReferences": owners}})
    with pytest.raises(NotHandedOver, match="--cascade=orphan"):
        list(hand_over(old, CANDIDATE, HOME))
    assert api.read("Application", "argocd", "web")


def test_one_that_there_is_not_is_named(api: ApiServer, old: Old) -> None:
    api.delete("Application", "argocd", "web")
    with pytest.raises(NotHandedOver, match="there is no Application web in argocd"):
        list(hand_over(old, CANDIDATE, HOME))
    with pytest.raises(NotHandedOver, match="there is no Application web in argocd"):
        in_the_way(old, CANDIDATE, HOME)


def test_what_it_delivers_and_the_plan_does_not_have_stays_and_is_told(api: ApiServer, old: Old) -> None:
    listed = [{"kind": "ConfigMap", "namespace": HOME, "name": name} for name in ("one", "two", "three")]
    api.patch("Application", "argocd", "web", {"status": {"resources": listed}})
    three = config_map("three", **{TRACKING: f"web:/ConfigMap:{HOME}/three"})
    api.put(three)
    told = list(hand_over(old, CANDIDATE, HOME))
    assert f"nobody delivers any more what the plan does not have: ConfigMap {HOME}/three" in told
    assert "three" in [each["metadata"]["name"] for each in api.of_kind("ConfigMap", HOME)]


def test_the_automation_of_an_application_that_did_not_make_it_stays_whatever_it_says(
    api: ApiServer, old: Old
) -> None:
    api.put(an_application("billing"))
    lists(api, "billing", "other")
    api.patch("Application", "argocd", "web", {"metadata": {"annotations": {TRACKING: "billing:x:y/web"}}})
    expected = "web says that the Application billing made it, and billing does not list it"
    assert in_the_way(old, CANDIDATE, HOME) == (expected,)
    with pytest.raises(NotHandedOver, match=expected):
        list(hand_over(old, CANDIDATE, HOME))
    billing = api.read("Application", "argocd", "billing")
    assert billing
    assert billing["spec"]["syncPolicy"] == {"automated": AUTOMATED}


@pytest.mark.parametrize("listed", [True, False])
def test_a_parent_that_marks_by_label_is_still_where_it_lists_it(
    api: ApiServer, old: Old, listed: bool
) -> None:
    web = an_application("web")
    web["metadata"]["labels"] = {"app.kubernetes.io/instance": "apps"}
    api.put(web)
    lists(api, "apps", "web" if listed else "other")
    list(hand_over(old, CANDIDATE, HOME))
    parent = api.read("Application", "argocd", "apps")
    assert parent
    assert ("automated" in parent["spec"]["syncPolicy"]) != listed
    list(take_back(old))
    again = api.read("Application", "argocd", "apps")
    assert again
    assert again["spec"]["syncPolicy"] == {"automated": AUTOMATED}


def test_a_parent_in_another_namespace_is_still_and_heals_itself_again(api: ApiServer, old: Old) -> None:
    api.namespaces("team")
    parent = an_application("apps")
    parent["metadata"]["namespace"] = "team"
    api.put(parent)
    lists(api, "apps", "web", namespace="team")
    made = {TRACKING: "team_apps:argoproj.io/Application:argocd/web"}
    api.patch("Application", "argocd", "web", {"metadata": {"annotations": made}})
    list(hand_over(old, CANDIDATE, HOME))
    still = api.read("Application", "team", "apps")
    namesake = api.read("Application", "argocd", "apps")
    assert still
    assert namesake
    assert "automated" not in still["spec"]["syncPolicy"]
    assert namesake["spec"]["syncPolicy"] == {"automated": AUTOMATED}
    list(take_back(old))
    again = api.read("Application", "team", "apps")
    assert again
    assert again["spec"]["syncPolicy"] == {"automated": AUTOMATED}


@pytest.mark.parametrize("finalizer", [FINALIZER, f"{FINALIZER}/background"])
def test_one_that_is_being_deleted_with_what_it_delivers_is_not_taken_for_handed_over(
    api: ApiServer, old: Old, finalizer: str
) -> None:
    going = {"deletionTimestamp": "2026-12-01T12:00:00Z", "finalizers": [finalizer]}
    api.patch("Application", "argocd", "web", {"metadata": going})
    with pytest.raises(NotHandedOver, match="web is being deleted, and what it delivers with it"):
        list(hand_over(old, CANDIDATE, HOME))
    assert not old.kept.exists()
    assert None not in marks(api)

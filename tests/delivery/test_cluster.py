"""What is read from and applied to a cluster; the real one is in tests/e2e."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.delivery import (
    ClusterClient,
    DeliveryError,
    EngineUnreachable,
    apply,
    unused_projects,
)
from deploy_orchestrator.manifests import Object
from tests.delivery.publishing import namespaced
from tests.simulated import ApiServer, Fault, serving

SOON = timedelta(seconds=60)
WITHIN = "shop-dev"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.namespaces(WITHIN)
        yield server


@pytest.fixture
def cluster(api: ApiServer, tmp_path: Path) -> ClusterClient:
    return connected(api, tmp_path)


def connected(api: ApiServer, folder: Path, limit: timedelta = SOON, manager: str = "us") -> ClusterClient:
    return ClusterClient(api.kubeconfig(folder / "kubeconfig"), None, limit, manager)


def config_map(name: str = "settings", **data: str) -> Object:
    return namespaced("v1", "ConfigMap", name, namespace=WITHIN, data=data)


def live(api: ApiServer, kind: str = "ConfigMap", name: str = "settings") -> dict[str, Any]:
    found = api.read(kind, WITHIN, name)
    assert found
    return found


def test_what_is_not_there_is_none(cluster: ClusterClient) -> None:
    assert cluster.read(config_map(), WITHIN) is None


def test_what_was_applied_is_read_without_what_the_server_writes(
    cluster: ClusterClient, api: ApiServer
) -> None:
    made = cluster.apply(config_map(x="1"), WITHIN, dry_run=False)
    copy = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "stays"}
    api.patch("ConfigMap", WITHIN, "settings", {"metadata": {"annotations": copy}, "status": {"x": 1}})
    found = cluster.read(config_map(), WITHIN)
    assert made == config_map(x="1")
    assert found
    assert found.body["metadata"] == {
        "name": "settings",
        "namespace": WITHIN,
        "annotations": {"mine": "stays"},
    }
    assert "status" not in found.body


def test_applying_takes_out_its_own_fields_and_leaves_those_of_others(
    cluster: ClusterClient, api: ApiServer
) -> None:
    cluster.apply(config_map(x="1", y="2"), WITHIN, dry_run=False)
    api.patch("ConfigMap", WITHIN, "settings", {"data": {"theirs": "3", "x": "by hand"}})
    cluster.apply(config_map(x="1"), WITHIN, dry_run=False)
    assert live(api)["data"] == {"x": "1", "theirs": "3"}
    assert live(api)["metadata"]["managedFields"][0]["manager"] == "us"


def test_a_dry_run_says_what_would_become_of_it_and_writes_nothing(
    cluster: ClusterClient, api: ApiServer
) -> None:
    assert cluster.apply(config_map(x="1"), WITHIN, dry_run=True) == config_map(x="1")
    assert api.read("ConfigMap", WITHIN, "settings") is None
    cluster.apply(config_map(x="1"), WITHIN, dry_run=False)
    cluster.try_anew(config_map(x="2"), WITHIN)
    assert live(api)["data"] == {"x": "1"}


def test_an_object_goes_where_it_says_or_where_it_is_told(cluster: ClusterClient, api: ApiServer) -> None:
    api.namespaces("other")
    nowhere = Object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    cluster.apply(nowhere, "other", dry_run=False)
    cluster.apply(config_map(), "other", dry_run=False)
    home = Object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "third"}})
    cluster.apply(home, "other", dry_run=False)
    assert api.read("ConfigMap", "other", "settings")
    assert api.read("ConfigMap", WITHIN, "settings")
    assert api.read("Namespace", "", "third")


def test_those_with_a_label_are_listed_whole(cluster: ClusterClient, api: ApiServer) -> None:
    for name, labels in (("a", {"app": "one"}), ("b", {"app": "two"}), ("c", {})):
        api.put({**config_map(name).body, "metadata": {"name": name, "namespace": WITHIN, "labels": labels}})
    assert [each.name for each in cluster.list("v1", "ConfigMap", WITHIN)] == ["a", "b", "c"]
    (one,) = cluster.list("v1", "ConfigMap", WITHIN, {"app": "one"})
    assert (one.api_version, one.kind, one.name) == ("v1", "ConfigMap", "a")


@pytest.mark.parametrize(("version", "kind"), [("v1", "Wish"), ("wishes.example/v1", "Wish")])
def test_a_kind_that_is_not_served_is_told(cluster: ClusterClient, version: str, kind: str) -> None:
    with pytest.raises(DeliveryError, match=f"the cluster serves no {kind} in {version}") as raised:
        cluster.read(namespaced(version, kind, "one"), WITHIN)
    assert raised.value.fix


def test_the_kinds_of_a_version_are_asked_for_once(cluster: ClusterClient, api: ApiServer) -> None:
    for _ in range(3):
        cluster.read(config_map(), WITHIN)
    assert api.asked.count("GET /api/v1") == 1


def test_what_the_api_server_refuses_is_said_in_its_words(cluster: ClusterClient, api: ApiServer) -> None:
    api.denies = lambda verb, resource: verb == "get"
    with pytest.raises(DeliveryError, match=r'configmaps "settings" is forbidden: User ".*" cannot get'):
        cluster.read(config_map(), WITHIN)
    api.fails(Fault("GET /apis/batch/v1", status=400, body=b"not JSON"))
    with pytest.raises(DeliveryError, match="not JSON"):
        cluster.read(namespaced("batch/v1", "Job", "one"), WITHIN)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_an_overloaded_api_server_puts_off_is_asked_again(
    cluster: ClusterClient, api: ApiServer, status: int
) -> None:
    api.fails(Fault("GET /api/v1/namespaces", times=2, status=status))
    assert cluster.read(config_map(), WITHIN) is None


def test_what_it_puts_off_again_and_again_is_an_error(cluster: ClusterClient, api: ApiServer) -> None:
    api.fails(Fault("GET /api/v1/namespaces", times=9, status=503, body=b'{"message": "too busy"}'))
    with pytest.raises(DeliveryError, match="too busy"):
        cluster.read(config_map(), WITHIN)


def test_a_cluster_that_does_not_answer_is_not_asked_again(api: ApiServer, tmp_path: Path) -> None:
    api.fails(Fault("GET", times=99))
    cluster = connected(api, tmp_path)
    with pytest.raises(EngineUnreachable, match="does not answer"):
        cluster.read(config_map(), WITHIN)
    asked = len(api.asked)
    with pytest.raises(EngineUnreachable, match="does not answer"):
        cluster.read(config_map(), WITHIN)
    assert len(api.asked) == asked > 0


def test_an_answer_that_does_not_come_in_time_is_not_waited_for(api: ApiServer, tmp_path: Path) -> None:
    api.fails(Fault("GET /api/v1", times=9, delay=1))
    cluster = connected(api, tmp_path, timedelta(seconds=0.2))
    with pytest.raises(EngineUnreachable, match="timed out"):
        cluster.read(config_map(), WITHIN)


def test_all_requests_together_have_a_limit(api: ApiServer, tmp_path: Path) -> None:
    cluster = connected(api, tmp_path, timedelta(0))
    with pytest.raises(EngineUnreachable, match="longer than 0 s for all"):
        cluster.read(config_map(), WITHIN)


@pytest.mark.parametrize("context", [None, "elsewhere"])
def test_a_kubeconfig_that_is_missing_or_lacks_the_context_is_told(
    api: ApiServer, tmp_path: Path, context: str | None
) -> None:
    file = api.kubeconfig(tmp_path / "kubeconfig") if context else tmp_path / "missing"
    with pytest.raises(DeliveryError, match="cannot tell where the cluster") as raised:
        ClusterClient(file, context, SOON, "us")
    assert raised.value.place
    assert raised.value.place.file == str(file)


def test_each_object_is_applied_and_its_change_told(cluster: ClusterClient, api: ApiServer) -> None:
    cluster.apply(config_map("there", x="1"), WITHIN, dry_run=False)
    wanted = [config_map("new", x="1").body, config_map("there", x="2").body]
    for dry_run in (True, False):
        (new, of_new), (there, of_there) = apply(cluster, wanted, WITHIN, dry_run=dry_run)
        assert [new.name, *(each.name for each in of_new.added)] == ["new", "new"]
        ((changed,),) = (each.fields for each in of_there.changed)
        assert (there.name, changed.before, changed.after) == ("there", "1", "2")
    assert not any(change for _, change in apply(cluster, wanted, WITHIN, dry_run=False))


def test_what_is_refused_stops_and_leaves_what_was_applied_before(
    cluster: ClusterClient, api: ApiServer
) -> None:
    changes = apply(
        cluster, [config_map("a").body, config_map("Bad").body, config_map("c").body], WITHIN, dry_run=False
    )
    assert next(changes)[0].name == "a"
    with pytest.raises(DeliveryError, match="Invalid value"):
        next(changes)
    assert [each["metadata"]["name"] for each in api.of_kind("ConfigMap", WITHIN)] == ["a"]


def test_projects_that_nobody_needs_any_more_are_named(cluster: ClusterClient, api: ApiServer) -> None:
    api.namespaces("argocd")
    ours = {"app.kubernetes.io/part-of": "deploy-orchestrator"}

    def project(name: str, labels: dict[str, str]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "argocd", "labels": labels}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata}

    for name, labels in (("wanted", ours), ("used", ours), ("gone", ours), ("old", ours), ("theirs", {})):
        api.put(project(name, labels))
    used = {**project("dev.used", {}), "kind": "Application", "spec": {"project": "used"}}
    api.put(used)
    assert unused_projects(cluster, [project("wanted", ours)], "argocd") == ["gone", "old"]

"""An Application of somebody else's, handed over on a real Argo CD: what it delivers is never made anew."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import ARGO, Installation, installed
from kubernetes.client import ApiException, AppsV1Api, CoreV1Api, CustomObjectsApi
from objects import config_map, deployment
from rig import Cluster, Gitea

from deploy_orchestrator.adoption import NotHandedOver, Old, hand_over, in_the_way, take_back
from deploy_orchestrator.delivery import ClusterClient
from deploy_orchestrator.git import Changes
from deploy_orchestrator.manifests import Manifests, Object
from tests.delivery.publishing import SOON, delivered

LEGACY = "legacy"
NAMESPACE = "adopted-production"
TRACKING = "argocd.argoproj.io/tracking-id"
PLURAL = {**ARGO, "plural": "applications"}


@pytest.fixture(scope="module")
def installation(
    k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(k8s, forge, tmp_path_factory.mktemp("installation"), ["adopted"]) as made:
        yield made


@pytest.fixture(scope="module")
def delivered_by_somebody_else(installation: Installation, k8s: Cluster) -> Iterator[str]:
    """`legacy` delivers a ConfigMap and a Deployment with automation, pruning and a finalizer, from a branch
    of the repository that this Argo CD reads anyway; its parent `parents` makes it again."""
    files = {f"{each['kind']}.yaml": Object(each).canonical for each in objects()}
    child = application(LEGACY, "legacy")
    # One branch for what both deliver: the parent's folder holds the child.
    installation.deployments.write(
        "legacy",
        lambda _: Changes(
            "x",
            {
                **{f"legacy/{name}": data for name, data in files.items()},
                "parents/child.yaml": Object(child | {"spec": spec("legacy", installation.url)}).canonical,
            },
        ),
    )
    k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    with k8s.client() as connection:
        custom = CustomObjectsApi(connection)
        parent = application("parents", "parents") | {"spec": spec("parents", installation.url, "argocd")}
        custom.create_namespaced_custom_object(**PLURAL, body=parent)
        until(lambda: state(custom, LEGACY).get("sync", {}).get("status") == "Synced")
        yield LEGACY
        for name in ("parents", LEGACY):
            if state(custom, name):
                custom.delete_namespaced_custom_object(**PLURAL, name=name, propagation_policy="Orphan")


def objects() -> list[dict[str, Any]]:
    return [
        {**each, "metadata": {**each["metadata"], "namespace": NAMESPACE}}
        for each in (config_map("settings", a="1"), deployment("web"))
    ]


def application(name: str, _: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"] if name == LEGACY else [],
        },
    }


def spec(path: str, url: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    return {
        "project": "default",
        "source": {"repoURL": url, "targetRevision": "legacy", "path": path},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
    }


def state(custom: CustomObjectsApi, name: str) -> dict[str, Any]:
    try:
        return custom.get_namespaced_custom_object(**PLURAL, name=name).get("status", {})
    except ApiException as error:
        if error.status == 404:
            return {}
        raise


def until(holds: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.3)


def live(k8s: Cluster) -> dict[str, tuple[str, str | None]]:
    """The UID and the mark of each object."""
    with k8s.client() as connection:
        found = (
            CoreV1Api(connection).read_namespaced_config_map("settings", NAMESPACE),
            AppsV1Api(connection).read_namespaced_deployment("web", NAMESPACE),
        )
    return {
        each.metadata.name: (each.metadata.uid, (each.metadata.annotations or {}).get(TRACKING))
        for each in found
    }


def test_an_application_is_handed_over_and_back_and_over_again_without_an_object_made_anew(
    installation: Installation, k8s: Cluster, delivered_by_somebody_else: str, tmp_path: Path
) -> None:
    cluster = ClusterClient(
        k8s.kubeconfig, None, timedelta(minutes=3), "deploy-orchestrator-adopt", commands=True
    )
    old = Old(cluster, "argocd", delivered_by_somebody_else, tmp_path / "kept.yaml")
    candidate = Manifests(map(Object, objects()))
    before = live(k8s)
    assert {mark.partition(":")[0] for _, mark in before.values() if mark} == {LEGACY}

    other = config_map("settings", a="2")
    changed = Manifests([Object({**other, "metadata": {**other["metadata"], "namespace": NAMESPACE}})])
    assert in_the_way(old, changed, NAMESPACE) == (
        "ConfigMap adopted-production/settings would change: data.a",
    )
    with pytest.raises(NotHandedOver, match="would change"):
        list(hand_over(old, changed, NAMESPACE))
    assert in_the_way(old, candidate, NAMESPACE) == ()

    steps = hand_over(old, candidate, NAMESPACE)
    for _ in range(2):  # Killed after it was kept, and its parent stopped.
        next(steps)
    told = list(hand_over(old, candidate, NAMESPACE))
    assert told[-1] == "2 objects no longer name it"
    assert old.live() is None
    assert {name: uid for name, (uid, _) in live(k8s).items()} == {
        name: uid for name, (uid, _) in before.items()
    }
    assert all(mark is None for _, mark in live(k8s).values())
    assert list(hand_over(old, candidate, NAMESPACE)) == ["0 objects no longer name it"]

    list(take_back(old))
    with k8s.client() as connection:
        custom = CustomObjectsApi(connection)
        until(lambda: state(custom, LEGACY).get("sync", {}).get("status") == "Synced")
        until(lambda: all(mark for _, mark in live(k8s).values()))
        parent = custom.get_namespaced_custom_object(**PLURAL, name="parents")
        assert parent["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert {name: uid for name, (uid, _) in live(k8s).items()} == {
        name: uid for name, (uid, _) in before.items()
    }

    list(hand_over(old, candidate, NAMESPACE))
    release = installation.release("production", "adopted", *objects())
    status = delivered(installation.engine, release, SOON, SOON)
    assert status.done(release)
    after = live(k8s)
    assert {name: uid for name, (uid, _) in after.items()} == {name: uid for name, (uid, _) in before.items()}
    assert {mark.partition(":")[0] for _, mark in after.values() if mark} == {"production.adopted"}

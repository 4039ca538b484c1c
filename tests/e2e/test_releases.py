"""A tenant of two Helm releases on a real Argo CD: one sync makes one after the other, with its hooks."""

from collections.abc import Iterator
from typing import Any

import pytest
from installation import Installation, installed
from kubernetes.client import AppsV1Api, BatchV1Api, CoreV1Api
from objects import config_map, hook, restricted_pod
from rig import Cluster, Gitea
from steps import propose, released

from deploy_orchestrator.pipeline import Orchestrator

NAMESPACE = "pair-dev"
RELEASES = [
    {"name": "front", "chart": {"name": "front", "version": "1.0.0"}, "after": ["store"]},
    {"name": "store", "chart": {"name": "store", "version": "1.0.0"}},
]


@pytest.fixture(scope="module")
def installation(
    k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with installed(k8s, forge, folder, ["pair"], policies={"dev": {}}) as made:
        made.make_namespaces()
        tenant = {
            "releases": RELEASES,
            "environments": ["dev"],
            "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
            "owners": ["owners@example.com"],
        }
        made.commit(
            {
                "tenants/pair/tenant.yaml": tenant,
                **chart("store", server(), job("post-install,post-upgrade", "fill"), config_map("store")),
                **chart("front", job("pre-install,pre-upgrade", "migrate"), config_map("front")),
            }
        )
        yield made


def chart(name: str, *objects: dict[str, Any]) -> dict[str, Any]:
    return {
        f"charts/{name}/Chart.yaml": {"apiVersion": "v2", "name": name, "version": "1.0.0"},
        **{f"charts/{name}/templates/{number}.yaml": each for number, each in enumerate(objects)},
    }


def server() -> dict[str, Any]:
    pod = restricted_pod("server")
    labels = {"app": "server"}
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def job(stage: str, name: str) -> dict[str, Any]:
    return hook(stage, name, **{**restricted_pod(name)["spec"], "restartPolicy": "Never"})


def test_what_comes_after_a_release_waits_until_it_is_healthy_and_its_hooks_are_done(
    installation: Installation, k8s: Cluster
) -> None:
    with Orchestrator.open(installation.settings) as orchestrator:
        plan = propose(orchestrator, "dev", "pair")
        assert plan
        assert str(plan.chart) == "store 1.0.0, front 1.0.0"
        release = released(orchestrator, plan)
        assert orchestrator.deliver(release).done(release)
    with k8s.client() as client:
        core, batch = CoreV1Api(client), BatchV1Api(client)
        (available,) = [
            each.last_transition_time
            for each in AppsV1Api(client).read_namespaced_deployment("server", NAMESPACE).status.conditions
            if each.type == "Available"
        ]
        fill, migrate = (batch.read_namespaced_job(name, NAMESPACE) for name in ("fill", "migrate"))
        front = core.read_namespaced_config_map("front", NAMESPACE)
    order = [
        available,
        fill.metadata.creation_timestamp,
        fill.status.completion_time,
        migrate.metadata.creation_timestamp,
        migrate.status.completion_time,
        front.metadata.creation_timestamp,
    ]
    assert order == sorted(order)

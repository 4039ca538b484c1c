"""Somebody's Application is let go of at the prompt, on a cluster in memory."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import have_kubeconfig
from tests.desk import Desk
from tests.simulated import ApiServer, serving
from tests.steps import propose

TRACKING = "argocd.argoproj.io/tracking-id"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ .Release.Namespace }}'}\n"
NAMED = ("hand-over", "dev", "shop", "legacy", "--cluster", "here")


@pytest.fixture
def api(fresh: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """`legacy` delivers all that a plan of dev/shop has."""
    with serving() as server:
        server.namespaces("argocd", "shop-dev")
        kubeconfig = server.kubeconfig(fresh.folder / "kubeconfig", "here")
        have_kubeconfig(monkeypatch, kubeconfig)
        fresh.commit("charts/ground/templates/namespace.yaml", NAMESPACE)
        with fresh.orchestrator() as orchestrator:
            assert propose(orchestrator, "dev", "shop")
            candidate = orchestrator.deployments.manifests("dev", "shop")
        assert candidate
        for each in candidate.objects:
            body: dict[str, Any] = copy.deepcopy(dict(each.body))
            mark = f"legacy:{each.key.group}/{each.kind}:shop-dev/{each.name}"
            body["metadata"] = {**body["metadata"], "annotations": {TRACKING: mark}}
            server.put(body)
        metadata = {"name": "legacy", "namespace": "argocd", "annotations": {}}
        spec = {"project": "default", "syncPolicy": {"automated": {"prune": True}}}
        application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        server.put({**application, "metadata": metadata, "spec": spec})
        yield server


def test_what_nothing_stands_in_the_way_of_is_handed_over_and_taken_back(fresh: Desk, api: ApiServer) -> None:
    looked = fresh.run(*NAMED, "--dry-run")
    assert (looked.code, looked.output.strip()) == (0, "nothing stands in the way"), looked.errors
    assert api.read("Application", "argocd", "legacy")

    handed = fresh.run(*NAMED)
    assert handed.code == 0, handed.errors
    assert "it is deleted, and its objects stay" in handed.output
    assert api.read("Application", "argocd", "legacy") is None

    back = fresh.run(*NAMED, "--back")
    assert back.code == 0, back.errors
    assert "the Application is there again" in back.output
    assert api.read("Application", "argocd", "legacy")


def test_what_would_change_something_is_told_and_let_go_of_nothing(fresh: Desk, api: ApiServer) -> None:
    api.patch("ConfigMap", "shop-dev", "shop", {"data": {"greeting": "changed by hand"}})
    looked = fresh.run(*NAMED, "--dry-run", "--format", "json")
    assert looked.code == 1, looked.errors
    assert any("data.greeting" in each for each in looked.json["in_the_way"])

    handed = fresh.run(*NAMED)
    assert handed.code == 2
    assert "legacy is not handed over" in handed.errors
    assert api.read("Application", "argocd", "legacy")


def test_what_is_not_planned_is_not_handed_over(fresh: Desk, api: ApiServer) -> None:
    answer = fresh.run("hand-over", "production", "shop", "legacy", "--cluster", "here")
    assert answer.code == 2
    assert "there is no plan of production/shop" in answer.errors


def test_one_of_another_cluster_that_is_called_so_is_kept_beside_it_and_not_taken_back_as_it(
    fresh: Desk, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh.run(*NAMED).code == 0
    with serving() as there:
        there.namespaces("argocd")
        have_kubeconfig(monkeypatch, there.kubeconfig(fresh.folder / "there", "arn:aws:eks:eu/there"))
        back = fresh.run(*NAMED[:-1], "arn:aws:eks:eu/there", "--back")
        assert back.code == 2
        assert "nothing is kept of legacy" in back.errors
        assert there.read("Application", "argocd", "legacy") is None
    assert fresh.run(*NAMED, "--back", "--argocd", "elsewhere").code == 2

"""What commands read from and apply to a cluster, here one in memory."""

from collections.abc import Iterator

import pytest

from tests.cli.conftest import have_kubeconfig
from tests.desk import Desk
from tests.simulated import ApiServer, Refused, serving


@pytest.fixture
def api(fresh: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The user's own kubeconfig leads to it."""
    with serving() as server:
        server.namespaces("argocd", "shop-dev", "shop-production")
        kubeconfig = server.kubeconfig(fresh.folder / "kubeconfig", "here")
        have_kubeconfig(monkeypatch, kubeconfig)
        yield server


def test_the_bootstrap_is_applied_and_applying_it_again_changes_nothing(fresh: Desk, api: ApiServer) -> None:
    first = fresh.run("argocd", "bootstrap", "--apply")
    assert first.code == 0, first.errors
    assert "created" in first.output
    assert api.read("ApplicationSet", "argocd", "deploy-orchestrator")
    again = fresh.run("argocd", "bootstrap", "--apply")
    assert again.code == 0, again.errors
    assert "0 created, 0 changed" in again.output


def test_what_somebody_changed_of_the_bootstrap_is_shown_and_put_back(fresh: Desk, api: ApiServer) -> None:
    fresh.run("argocd", "bootstrap", "--apply")
    api.patch("Role", "argocd", "deploy-orchestrator", {"rules": [{"verbs": ["*"]}]})
    shown = fresh.run("argocd", "bootstrap", "--apply", "--dry-run")
    assert "1 changed" in shown.output, shown.errors
    assert "nothing was applied" in shown.output
    assert (api.read("Role", "argocd", "deploy-orchestrator") or {})["rules"] == [{"verbs": ["*"]}]
    assert "1 changed" in fresh.run("argocd", "bootstrap", "--apply").output
    assert (api.read("Role", "argocd", "deploy-orchestrator") or {})["rules"] != [{"verbs": ["*"]}]


def test_the_project_of_a_tenant_that_left_is_named_with_what_deletes_it(fresh: Desk, api: ApiServer) -> None:
    metadata = {
        "name": "gone",
        "namespace": "argocd",
        "labels": {"app.kubernetes.io/part-of": "deploy-orchestrator"},
    }
    api.put({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata})
    said = fresh.run("argocd", "bootstrap", "--apply").output
    assert "AppProject gone: its tenant has left" in said
    assert "kubectl -n argocd delete appproject gone" in said


def test_what_the_cluster_would_refuse_blocks_the_plan(fresh: Desk, api: ApiServer) -> None:
    api.admits = lambda body: (
        Refused(403, "Forbidden", "not on a Friday") if body["kind"] == "ConfigMap" else None
    )
    answer = fresh.run("plan", "--environment", "dev", "--cluster", "here")
    assert "not on a Friday" in answer.output, answer.errors
    assert "blocked" in answer.output


def test_what_the_cluster_would_refuse_of_a_pull_request_blocks_it(fresh: Desk, api: ApiServer) -> None:
    api.admits = lambda body: (
        Refused(403, "Forbidden", "not on a Friday") if body["kind"] == "ConfigMap" else None
    )
    fresh.commit("charts/app/values.yaml", "greeting: hello from a pull request\nlegacy: true\n")
    alone = fresh.run("plan", "--environment", "dev", "--from", "HEAD~1", "--to", "HEAD")
    answer = fresh.run(
        "plan", "--environment", "dev", "--from", "HEAD~1", "--to", "HEAD", "--cluster", "here"
    )
    assert "not on a Friday" not in alone.output
    assert "not on a Friday" in answer.output, answer.errors
    assert answer.code == 1
    plans = fresh.json("plan", "-e", "dev", "--from", "HEAD~1", "--to", "HEAD", "--cluster", "here")["plans"]
    assert [each["asked"]["drift"] for each in plans] == [""] * len(plans)


def test_what_the_cluster_would_take_is_counted_beside_the_plan(fresh: Desk, api: ApiServer) -> None:
    answer = fresh.run("plan", "--environment", "dev", "--cluster", "here")
    assert "objects would be taken" in answer.output, answer.errors

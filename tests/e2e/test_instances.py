"""Two Argo CDs, one for dev and one for production: each serves its own, and neither stops the other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from installation import ARGO, Installation, installed, kubeconfig
from kubernetes.client import CustomObjectsApi
from objects import config_map
from rig import ArgoCD, ControlPlane, Gitea

from deploy_orchestrator.delivery import (
    ByEnvironment,
    Contexts,
    EngineUnreachable,
    Instances,
    apply,
    bootstrap,
    states,
    unused_projects,
)
from deploy_orchestrator.delivery.cluster import ClusterClient
from tests.delivery.publishing import delivered

FAR = "argocd-far"
SOON = timedelta(seconds=90)


@pytest.fixture(scope="module")
def installation(
    control_plane: ControlPlane, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with (
        ArgoCD(control_plane, FAR),
        installed(control_plane, forge, folder, ["tenant"], argocds={"production": FAR}) as made,
    ):
        yield made


def test_each_argo_cd_has_the_applications_of_its_own_environments(installation: Installation) -> None:
    for environment, namespace in (("dev", "argocd"), ("production", FAR)):
        release = installation.release(environment, "tenant", config_map(x=environment))
        assert delivered(installation.engine, release).done(release)
        assert _applications(installation, namespace) == [f"{environment}.tenant"]
        link = installation.engine.link(environment, "tenant")
        assert link == f"https://{namespace}.example/applications/{namespace}/{environment}.tenant"


def test_an_argo_cd_out_of_reach_stops_only_its_own_environments(
    installation: Installation, tmp_path: Path
) -> None:
    releases = [
        installation.release(environment, "tenant", config_map(x="2"))
        for environment in ("dev", "production")
    ]
    file = kubeconfig(installation.k8s, installation.fleet, tmp_path)
    content = yaml.safe_load(file.read_text())
    content["clusters"][1]["cluster"]["server"] = "https://127.0.0.1:1"
    file.write_text(yaml.safe_dump(content))
    contexts = Contexts(file, None, {"argocd": "argocd", FAR: FAR})
    engine = ByEnvironment("half", Instances(lambda: installation.fleet, installation.deployments, contexts))
    assert delivered(engine, releases[0]).done(releases[0])
    (_, dev), (_, production) = states(engine, releases)
    assert not isinstance(dev, Exception)
    assert dev.live(releases[0])
    assert isinstance(production, EngineUnreachable)
    assert delivered(installation.engine, releases[1]).done(releases[1])


def test_applying_the_bootstrap_again_changes_nothing(installation: Installation) -> None:
    with installation.k8s.client() as client:
        CustomObjectsApi(client).delete_namespaced_custom_object(
            **{**ARGO, "namespace": FAR}, plural="appprojects", name="tenant"
        )
    assert _bootstrapped(installation, dry_run=True) == ["AppProject argocd-far/tenant"]
    assert _bootstrapped(installation, dry_run=False) == ["AppProject argocd-far/tenant"]
    assert _bootstrapped(installation, dry_run=False) == []


def test_a_project_that_nothing_needs_any_more_is_told_and_no_other(installation: Installation) -> None:
    cluster = ClusterClient(installation.k8s.kubeconfig, None, SOON, "deploy-orchestrator")
    wanted = bootstrap(installation.fleet, installation.fleet.argocd[1], installation.url, datetime.now(UTC))
    without = [each for each in wanted if each["kind"] != "AppProject"]
    assert unused_projects(cluster, without, FAR) == []
    (project,) = (each for each in wanted if each["kind"] == "AppProject")
    left = {**project, "metadata": {**project["metadata"], "name": "left"}}
    theirs = {**project, "metadata": {"name": "theirs", "namespace": FAR}}
    list(apply(cluster, [left, theirs], FAR, dry_run=False))
    assert unused_projects(cluster, without, FAR) == ["left"]
    assert unused_projects(cluster, [*wanted, left], FAR) == []


def _bootstrapped(installation: Installation, *, dry_run: bool) -> list[str]:
    """What it changes in the second Argo CD."""
    cluster = ClusterClient(installation.k8s.kubeconfig, None, SOON, "deploy-orchestrator")
    wanted = bootstrap(installation.fleet, installation.fleet.argocd[1], installation.url, datetime.now(UTC))
    return [str(each.key) for each, change in apply(cluster, wanted, FAR, dry_run=dry_run) if change]


def _applications(installation: Installation, namespace: str) -> list[str]:
    with installation.k8s.client() as client:
        found = CustomObjectsApi(client).list_namespaced_custom_object(
            **{**ARGO, "namespace": namespace}, plural="applications"
        )
    return [each["metadata"]["name"] for each in found["items"]]

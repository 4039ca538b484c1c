"""The example fleet and the shipped charts, laid out in Git and taken through the orchestrator's rooms."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.fleet import Fleet, load, new_tenant
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Workspace, check, hooks, render

Object = dict[str, Any]

PEOPLE = ("alice", "bob")


@pytest.fixture(scope="module")
def laid_out(fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The example with the charts as they ship, keys of its approvers, and a tenant from its template."""
    folder = tmp_path_factory.mktemp("laid-out")
    source = shutil.copytree(fleet, folder / "fleet")
    shutil.copytree(fleet.parents[1] / "charts", source / "charts")
    know(source, folder)
    run("git", "-C", str(source), "init", "--quiet", "--initial-branch=main")
    commit(source)
    repository = Repository.clone(str(source), folder / "clone.git")
    for path, data in new_tenant("marketing", repository.at("main")).items():
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_bytes(data)
    commit(source)
    repository.fetch()
    return load(repository.at("main"))


def know(source: Path, folder: Path) -> None:
    """Make keys of the approvers in `folder`, which the fleet knows."""
    with (source / "allowed_signers").open("a") as signers:
        for person in PEOPLE:
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / person))
            kind, key, *_ = (folder / f"{person}.pub").read_text().split()
            signers.write(f'{person}@example.com namespaces="git" {kind} {key}\n')


def commit(source: Path) -> None:
    git = ("git", "-C", str(source), "-c", "user.name=alice", "-c", "user.email=alice@example.com")
    run(*git, "add", "--all")
    run(*git, "commit", "--quiet", "--no-gpg-sign", "--message", "Change the fleet")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"), processes=1)
    yield workspace
    workspace.close()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def test_every_tenant_can_be_deployed_everywhere(laid_out: Fleet) -> None:
    assert laid_out.broken == {}
    alone = {"dev/catalog", "dev/marketing", "dev/scoring", "edge/vision"}
    assert {deployment.key for deployment in laid_out.deployments()} == alone | {
        f"{environment}/{tenant}"
        for environment in ("dev", "staging", "production")
        for tenant in ("analytics", "data", "ml")
    }


@pytest.mark.parametrize("tenant", ["analytics", "data", "ml"])
@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_the_orchestrator_renders_what_helm_renders_and_finds_nothing_wrong(
    laid_out: Fleet,
    workspace: Workspace,
    deployment_of: Callable[[str, str], list[Object]],
    tenant: str,
    environment: str,
) -> None:
    deployment = laid_out.deployment(environment, tenant)
    manifests = render(deployment, laid_out, workspace)
    rendered = by_key([each.body for each in manifests.objects])
    by_helm = by_key(deployment_of(tenant, environment))
    # The orchestrator has Argo CD run what is for `helm test`.
    tests = {key for key, body in by_helm.items() if hooks_of(body) == "test"}
    assert tests
    assert tests == {key for key, body in rendered.items() if hooks_of(body) == "test"}
    assert {key: rendered[key] for key in rendered.keys() - tests} == {
        key: by_helm[key] for key in by_helm.keys() - tests
    }
    assert check(manifests, deployment) == []


@pytest.mark.parametrize("tenant", ["catalog", "scoring"])
def test_tenants_of_a_shared_namespace_have_nothing_wrong_but_that_they_share_it(
    laid_out: Fleet, workspace: Workspace, tenant: str
) -> None:
    deployment = laid_out.deployment("dev", tenant)
    manifests = render(deployment, laid_out, workspace)
    assert [each.rule for each in check(manifests, deployment)] == ["shared-namespace"]
    waves = {each.kind: hooks.wave(each) for each in manifests.objects if each.name.startswith(tenant)}
    assert waves["Deployment"] > waves.get("StatefulSet", -1)


def test_models_at_the_edge_have_nothing_wrong_and_run_on_arm64_alone(
    laid_out: Fleet, workspace: Workspace
) -> None:
    deployment = laid_out.deployment("edge", "vision")
    assert deployment.environment.cluster == "shop-floor"
    manifests = render(deployment, laid_out, workspace)
    assert check(manifests, deployment) == []
    server = by_key([each.body for each in manifests.objects])["Deployment", "vision-server"]
    assert server["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/arch": "arm64"}


def test_a_tenant_from_the_template_has_nothing_wrong(laid_out: Fleet, workspace: Workspace) -> None:
    deployment = laid_out.deployment("dev", "marketing")
    manifests = render(deployment, laid_out, workspace)
    assert check(manifests, deployment) == []
    assert ("StatefulSet", "marketing-postgresql") in by_key([each.body for each in manifests.objects])


def hooks_of(body: Object) -> str:
    return body["metadata"].get("annotations", {}).get("helm.sh/hook", "")


def by_key(bodies: list[Any]) -> dict[tuple[str, str], Any]:
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies}

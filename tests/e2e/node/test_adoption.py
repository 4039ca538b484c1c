"""Somebody's app-of-apps is adopted and handed over while it serves: no request fails, no pod is new."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from installation import ARGO, SERVER
from kubernetes.client import AppsV1Api, CoreV1Api, CustomObjectsApi
from production import APPROVERS, Production
from rig import repository

ORIGINALS = Path(__file__).parent / "originals"
SPACE = "legacy"
SITES: tuple[str, ...] = ("site-one", "site-two")
AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}


@pytest.fixture(scope="module")
def checkout(production: Production, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the repository that an Argo CD makes two Applications of, which serve by now."""
    folder = tmp_path_factory.mktemp("originals") / "checkout"
    url = production.forge.repository(production.platform, SPACE)
    subprocess.run(["cp", "-r", ORIGINALS, folder], check=True)
    (folder / "apps").mkdir()
    for name in SITES:
        helm = {"valueFiles": ["values-common.yaml"], "parameters": [{"name": "replicas", "value": "2"}]}
        (folder / "apps" / f"{name}.yaml").write_text(
            yaml.safe_dump(application(name, url, "charts/site", SPACE, helm=helm))
        )
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--message=x"],
        ["push", "--quiet", production.forge.signed_in(url, production.platform), "main"],
        ["remote", "add", "origin", url],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    production.k8s.apply(
        repository(SPACE, url, production.platform.name, production.platform.password),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        application("sites", url, "apps", "argocd"),
    )
    production.until(lambda: all(map(str, pages(production).values())), "the originals serve")
    production.until(
        lambda: {*SITES, "sites"} <= {name for name, each in applications(production).items() if live(each)},
        "the originals are live",
    )
    return folder


def application(name: str, url: str, path: str, namespace: str, **source: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "targetRevision": "main", "path": path, **source},
            "destination": {"server": SERVER, "namespace": namespace},
            "syncPolicy": AUTOMATED,
        },
    }


def applications(production: Production) -> dict[str, Any]:
    with production.k8s.client() as client:
        found = CustomObjectsApi(client).list_namespaced_custom_object(**ARGO, plural="applications")
    return {each["metadata"]["name"]: each for each in found["items"]}


def live(body: dict[str, Any]) -> bool:
    status = body.get("status", {})
    return (status.get("sync", {}).get("status"), status.get("health", {}).get("status")) == (
        "Synced",
        "Healthy",
    )


def addresses(production: Production) -> dict[str, str]:
    with production.k8s.client() as client:
        found = CoreV1Api(client).list_namespaced_service(SPACE).items
    return {each.metadata.name: each.spec.cluster_ip for each in found}


def pages(production: Production) -> dict[str, str]:
    found = dict.fromkeys(SITES, "")
    for name, address in addresses(production).items():
        try:
            found[name] = httpx.get(f"http://{address}/", timeout=5, trust_env=False).text
        except httpx.TransportError:
            continue
    return found


def identities(production: Production) -> dict[str, tuple[str, int]]:
    """The UID of each object there, and how often the pods were restarted."""
    with production.k8s.client() as client:
        core, apps = CoreV1Api(client), AppsV1Api(client)
        listed = (
            core.list_namespaced_config_map(SPACE),
            core.list_namespaced_service(SPACE),
            core.list_namespaced_pod(SPACE),
            apps.list_namespaced_deployment(SPACE),
            apps.list_namespaced_replica_set(SPACE),
        )
        return {
            f"{type(each).__name__} {each.metadata.name}": (
                each.metadata.uid,
                sum(one.restart_count for one in getattr(each.status, "container_statuses", None) or ())
                if hasattr(each, "status")
                else 0,
            )
            for one_kind in listed
            for each in one_kind.items
        }


@contextmanager
def traffic(targets: dict[str, str]) -> Iterator[dict[str, int]]:
    """Requests to each of the `targets`, over a connection of its own each, until the block ends: how many
    were answered right. Raises where one was not.
    """
    ended, answered = threading.Event(), dict.fromkeys(targets, 0)
    failed: list[str] = []

    def ask(name: str, address: str) -> None:
        while not ended.wait(0.02):
            try:
                answer = httpx.get(f"http://{address}/", timeout=5, trust_env=False)
            except httpx.TransportError as error:
                failed.append(f"{name}: {error!r}")
                continue
            if answer.text == f"good evening of {name}":
                answered[name] += 1
            else:
                failed.append(f"{name}: {answer.status_code} {answer.text[:80]}")

    asking = [threading.Thread(target=ask, args=target) for target in targets.items()]
    for each in asking:
        each.start()
    try:
        yield answered
    finally:
        ended.set()
        for each in asking:
            each.join()
    assert not failed, failed[:5]


def test_what_serves_is_adopted_without_a_failed_request_a_restart_or_an_object_made_anew(
    production: Production, checkout: Path
) -> None:
    before = identities(production)
    with traffic(addresses(production)) as answered:
        adopted(production, checkout)
        production.until(
            lambda: all(f"{SPACE}/{name}" in production.orchestrator("pending") for name in SITES),
            "the takeovers wait for people",
        )
        for name in SITES:
            assert "no longer name it" in hand_over(production, name)
        assert f"it would make {SITES[1]} again" in hand_over(production, SITES[0], "--back")
        production.until(lambda: live(applications(production).get(SITES[0], {})), "the way back is gone")
        assert "no longer name it" in hand_over(production, SITES[0])
        assert not {*SITES} & {*applications(production)}
        said = [production.approve(SPACE, name, person) for name in SITES for person in APPROVERS]
        production.until(
            lambda: all(live(applications(production).get(f"{SPACE}.{name}", {})) for name in SITES),
            f"ours are live; {said}",
        )
        already = dict(answered)
        production.until(lambda: all(answered[name] > already[name] + 50 for name in SITES), "requests go on")
    assert identities(production) == before
    left = production.orchestrator("adopt", "--status", "--cluster", f"{SPACE}={production.context}")
    assert "its quota is one that nobody meets" in left
    assert "is still there" not in left
    assert "not released" not in left


def adopted(production: Production, checkout: Path) -> None:
    """What `adopt` writes, merged as people would, and their AppProjects given to Argo CD."""
    url = subprocess.check_output(["git", "remote", "get-url", "origin"], cwd=checkout, text=True).strip()
    told = production.orchestrator(
        *("adopt", "--owner", "ops@example.com", "--cluster", f"{SPACE}={production.context}"),
        *("--match", f"{SPACE}=site-*", "--kubernetes", f"{SPACE}=1.37", "--source", f"{url}={checkout}"),
        "--write",
    )
    for name in SITES:
        assert f"equal  {SPACE}: Application argocd/{name}" in told, told
    assert told.count("a dry run keeps 3 live objects as they are") == len(SITES), told
    assert "a dry run says" not in told
    assert "values-common.yaml" in told
    assert "the key stands twice, and the last one counts" in told
    production.merge("adopt")
    production.bootstrap()


def hand_over(production: Production, name: str, *options: str) -> str:
    return production.orchestrator("hand-over", SPACE, name, name, "--cluster", production.context, *options)

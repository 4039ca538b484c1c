"""A whole Argo CD of somebody else's, adopted and handed over: an app-of-apps and an ApplicationSet of 20.

Pods are kwok's, so that there is no traffic to lose; UIDs tell that none is made anew, and none is restarted.
"""

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from installation import ARGO, SERVER, Installation, installed
from kubernetes.client import AppsV1Api, CoreV1Api, CustomObjectsApi
from objects import config_map, restricted_pod
from rig import Cluster, Gitea, binaries
from typer.testing import CliRunner

from deploy_orchestrator.adoption import NotHandedOver, Old, hand_over, take_back
from deploy_orchestrator.cli import app
from deploy_orchestrator.delivery import ClusterClient, Status, bootstrap
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.git import Changes
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings
from tests.cli.conftest import have_kubeconfig

SPACES = ("team-a", "team-b", "team-c")
CHILDREN = [f"child-{number:02}" for number in range(20)]
GENERATED = [f"generated-{number:02}" for number in range(20)]
TRACKING = "argocd.argoproj.io/tracking-id"
AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}
PLURAL = {**ARGO, "plural": "applications"}
FINALIZER = "resources-finalizer.argocd.argoproj.io"
STEPS = 5
"""What a hand-over of one of an app-of-apps tells, at the most."""


@dataclass(frozen=True)
class Originals:
    """What somebody delivers, and the checkout that it is made from."""

    installation: Installation
    checkout: Path
    k8s: Cluster

    def old(self, name: str) -> Old:
        cluster = ClusterClient(self.k8s.kubeconfig, None, timedelta(minutes=3), "adopt", commands=True)
        return Old(cluster, "argocd", name, self.checkout.parent / "handed-over" / f"{name}.yaml")

    def applications(self) -> dict[str, Any]:
        with self.k8s.client() as client:
            found = CustomObjectsApi(client).list_namespaced_custom_object(**PLURAL)["items"]
        return {each["metadata"]["name"]: each for each in found}

    def live(self) -> dict[str, tuple[str, str]]:
        """The UID of every object that is delivered, with its pods and how often they were restarted, and
        whose it is."""
        found: dict[str, tuple[str, str]] = {}
        with self.k8s.client() as client:
            core, apps = CoreV1Api(client), AppsV1Api(client)
            for space in SPACES:
                for kind, listed in (
                    ("ConfigMap", core.list_namespaced_config_map(space)),
                    ("Service", core.list_namespaced_service(space)),
                    ("Deployment", apps.list_namespaced_deployment(space)),
                    ("ReplicaSet", apps.list_namespaced_replica_set(space)),
                    ("Pod", core.list_namespaced_pod(space)),
                ):
                    for each in listed.items:
                        if each.metadata.name == "kube-root-ca.crt":
                            continue
                        # A ReplicaSet keeps what its Deployment's annotations once were.
                        marks = {} if kind == "ReplicaSet" else each.metadata.annotations or {}
                        owner = marks.get(TRACKING, "").partition(":")[0]
                        restarts = (
                            sum(one.restart_count for one in each.status.container_statuses or ())
                            if kind == "Pod"
                            else 0
                        )
                        key = f"{kind} {space}/{each.metadata.name}"
                        found[key] = (f"{each.metadata.uid}, {restarts} restarts", owner)
        return found


def chart() -> dict[str, Any]:
    """One generic chart for all, with values that lie beside it and inline ones."""
    labels = {"app": "{{ .Release.Name }}"}
    pod = restricted_pod("x")
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    return {
        "charts/web/Chart.yaml": {"apiVersion": "v2", "name": "web", "version": "1.2.3"},
        "charts/web/values.yaml": {"replicas": 1, "greeting": "hello"},
        "charts/web/values-common.yaml": {"greeting": "good day"},
        "charts/web/templates/settings.yaml": config_map(
            "{{ .Release.Name }}", greeting="{{ .Values.greeting }}", colour="{{ .Values.colour }}"
        ),
        "charts/web/templates/service.yaml": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "{{ .Release.Name }}"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
        "charts/web/templates/web.yaml": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "{{ .Release.Name }}"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
    }


def child(name: str, number: int, url: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "finalizers": [FINALIZER]},
        "spec": spec(
            url,
            SPACES[number % len(SPACES)],
            "charts/web",
            helm={
                "valueFiles": ["values-common.yaml"],
                "parameters": [{"name": "colour", "value": f"colour-{number}"}],
            },
        ),
    }


def spec(url: str, namespace: str, path: str, **source: Any) -> dict[str, Any]:
    return {
        "project": "default",
        "source": {"repoURL": url, "targetRevision": "legacy", "path": path, **source},
        "destination": {"server": SERVER, "namespace": namespace},
        "syncPolicy": AUTOMATED,
    }


def generator(url: str) -> dict[str, Any]:
    elements = [
        {"name": name, "space": SPACES[number % len(SPACES)]} for number, name in enumerate(GENERATED)
    ]
    inline = {"valuesObject": {"colour": "of {{.name}}", "greeting": "hi"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "generated", "namespace": "argocd"},
        "spec": {
            "goTemplate": True,
            "generators": [{"list": {"elements": elements}}],
            "template": {
                "metadata": {"name": "{{.name}}"},
                "spec": spec(url, "{{.space}}", "charts/web", helm=inline),
            },
        },
    }


@pytest.fixture(scope="module")
def originals(k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Originals]:
    folder = tmp_path_factory.mktemp("originals")
    with installed(k8s, forge, folder / "installation", []) as installation:
        url = installation.url
        files = {
            **chart(),
            **{f"apps/{name}.yaml": child(name, number, url) for number, name in enumerate(CHILDREN)},
        }
        writes = {path: yaml.safe_dump(body).encode() for path, body in files.items()}
        installation.deployments.write("legacy", lambda _: Changes("x", writes))
        checkout = folder / "checkout"
        subprocess.run(
            ["git", "clone", "--quiet", "--branch=legacy", installation.remote, checkout], check=True
        )
        k8s.apply(
            *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in SPACES),
            {**child("parent", 0, url), "spec": spec(url, "argocd", "apps")},
            generator(url),
        )
        made = Originals(installation, checkout, k8s)
        until_nothing(lambda: unsettled(made.applications()))
        yield made
        with k8s.client() as client:
            custom = CustomObjectsApi(client)
            for name in {*made.applications()} & {*CHILDREN, *GENERATED, "parent"}:
                custom.patch_namespaced_custom_object(
                    **PLURAL, name=name, body={"metadata": {"finalizers": None}}
                )
                custom.delete_namespaced_custom_object(**PLURAL, name=name, propagation_policy="Orphan")
            for space in SPACES:
                CoreV1Api(client).delete_namespace(space)


def unsettled(applications: dict[str, Any]) -> dict[str, Any]:
    """What is not yet there, synced and healthy."""
    found: dict[str, Any] = dict.fromkeys(["parent", *CHILDREN, *GENERATED], "missing")
    for name, each in applications.items():
        status = each.get("status", {})
        settled = (status.get("sync", {}).get("status"), status.get("health", {}).get("status"))
        if settled == ("Synced", "Healthy"):
            found.pop(name, None)
        elif name in found:
            found[name] = (*settled, status.get("conditions"))
    return found


def until_nothing(left: Callable[[], Collection[Any]], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while waiting := left():
        assert time.monotonic() < end, waiting
        time.sleep(0.5)


@pytest.fixture(scope="module")
def settings(originals: Originals) -> Settings:
    """Of an orchestrator whose fleet is what is adopted: empty yet."""
    fleet = originals.checkout.parent / "fleet.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", fleet], check=True)
    return originals.installation.settings.model_copy(
        update={"fleet": str(fleet), "home": originals.checkout.parent / "state"}
    )


def adopt(originals: Originals, settings: Settings) -> Any:
    """What `adopt` tells as JSON, once its branch is merged."""
    told = settings.model_dump(exclude={"contexts"}, exclude_none=True)
    environment = {f"DEPLOY_ORCHESTRATOR_{name.upper()}": str(value) for name, value in told.items()}
    environment["PATH"] = f"{binaries.helm() / 'bin'}:{os.environ['PATH']}"
    context = yaml.safe_load(originals.k8s.kubeconfig.read_text())["current-context"]
    arguments = [
        *("adopt", "--owner", "ops@example.com", "--cluster", f"production={context}"),
        *(
            "--kubernetes",
            "production=1.34",
            "--source",
            f"{originals.installation.url}={originals.checkout}",
        ),
        *("--write", "--format", "json"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        have_kubeconfig(patch, originals.k8s.kubeconfig)
        result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 1, (result.output, result.exception)
    git = ["git", "-C", settings.fleet]
    subprocess.run([*git, "update-ref", "refs/heads/main", "refs/heads/adopt"], check=True)
    return yaml.safe_load(result.stdout)


def test_forty_applications_are_taken_over_in_place(originals: Originals, settings: Settings) -> None:
    before = originals.live()
    assert {owner for _, owner in before.values() if owner} == {*CHILDREN, *GENERATED}
    told = adopt(originals, settings)
    states = {each["release"]: each["state"] for each in told["releases"]}
    assert {name for name, state in states.items() if state != "equal"} == {
        "production: Application argocd/parent"
    }
    assert len(states) == 1 + len(CHILDREN + GENERATED)

    with Orchestrator.open(settings) as orchestrator:
        fleet = orchestrator.fleet()
        assert not fleet.broken
        bootstrapped(originals, fleet)
        orchestrator.settle_rules()
        previews = [raised(each) for _, each in orchestrator.previews(fleet.deployments(), fleet)]
        plans = [raised(each) for each in orchestrator.propose(previews)]
        rules = [{reason.rule for reason in plan.reasons} for plan in plans if plan]
        assert all("takeover-proved" in each and "takeover" not in each for each in rules)

        with pytest.raises(NotHandedOver, match="the ApplicationSet generated would make it again"):
            let_go(originals, orchestrator, GENERATED[0])
        orphan(originals, "generated")
        for number, name in enumerate([*CHILDREN, *GENERATED]):
            crash = number % STEPS  # Killed after so many steps, and run again.
            let_go(originals, orchestrator, name, crash)
            if number < STEPS:
                list(take_back(originals.old(name)))
                until_nothing(lambda name=name: {name} & {*unsettled(originals.applications())})
                let_go(originals, orchestrator, name, crash)
        assert unmarked(originals.live()) == unmarked(before)
        assert {owner for _, owner in originals.live().values()} == {""}
        assert {*originals.applications()} & {*CHILDREN, *GENERATED} == set()

        releases = [raised(each) for each in orchestrator.release_all([plan for plan in plans if plan])]
        outcomes = dict(orchestrator.deliver_all(releases))
        assert all(isinstance(each, Status) and each.done(release) for release, each in outcomes.items())
    after = originals.live()
    assert unmarked(after) == unmarked(before)
    assert {owner for _, owner in after.values() if owner} == {
        f"production.{name}" for name in (*CHILDREN, *GENERATED)
    }


def unmarked(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {key: identity for key, (identity, _) in found.items()}


def bootstrapped(originals: Originals, fleet: Fleet) -> None:
    (argocd,) = fleet.argocd
    originals.k8s.apply(*bootstrap(fleet, argocd, originals.installation.url, datetime.now(UTC)))


def orphan(originals: Originals, name: str) -> None:
    with originals.k8s.client() as client:
        custom = CustomObjectsApi(client)
        place = {**ARGO, "plural": "applicationsets", "name": name}
        custom.delete_namespaced_custom_object(**place, propagation_policy="Orphan")
    until_nothing(
        lambda: [
            name
            for name, each in originals.applications().items()
            if each["metadata"].get("ownerReferences") and name in GENERATED
        ]
    )


def let_go(originals: Originals, orchestrator: Orchestrator, name: str, crash: int = 0) -> None:
    candidate = orchestrator.deployments.manifests("production", name)
    plan = orchestrator.deployments.plan("production", name)
    assert candidate
    assert plan
    old = originals.old(name)
    list(itertools.islice(hand_over(old, candidate, plan.namespace), crash))
    list(hand_over(old, candidate, plan.namespace))
    assert old.live() is None

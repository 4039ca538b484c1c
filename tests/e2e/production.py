"""The orchestrator on Kubernetes: its chart and image where pods run, with Argo CD, forge and database.

`make e2e` runs these tests in namespaces of their own: see rig/node.py.
"""

import base64
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from installation import kubeconfig
from kubernetes.client import ApiException, AppsV1Api, BatchV1Api, CoreV1Api
from rig import ArgoCD, ControlPlane, Gitea, User, binaries, edge, repository
from rig.certificates import certify
from rig.images import EDGE, ORCHESTRATOR
from rig.ingress import ingress
from rig.node import ADDRESS, Node, isolate
from rig.postgres import DATABASE, USER, PostgreSQL

from deploy_orchestrator.delivery import bootstrap
from deploy_orchestrator.fleet import load
from deploy_orchestrator.git import Repository
from tests.collector import Collector, collecting

FLEET = Path(__file__).parent / "node" / "fleet"
EDGE_VERSIONS = {"0.1.0": "edge.tar", "0.2.0": "newer.tar"}
"""The second one has a newer version of the model."""
CHARTS = Path(__file__).parents[2] / "charts"
NAMESPACE = "deploy-orchestrator"
VERSION = "0.1.0"
APPROVERS = ("alice", "bob")
PATIENCE = 300
"""Seconds after which what did not come is a failure."""


@dataclass(frozen=True)
class Production:
    """`urls` are those of fleet and deployments, with the credentials of somebody who approves in them,
    `door` is the address that browsers know, `people` are those of the forge by name, `token` is Prometheus',
    `collector` gets the traces.
    """

    k8s: ControlPlane
    folder: Path
    urls: dict[str, str]
    door: str
    people: dict[str, User]
    database: PostgreSQL
    forge: Gitea
    token: str
    collector: Collector

    @property
    def platform(self) -> User:
        """Who owns the repositories on the forge."""
        return self.people["platform"]

    @property
    def context(self) -> str:
        """Of an administrator's kubeconfig."""
        return yaml.safe_load(self.k8s.kubeconfig.read_text())["current-context"]

    def commit(self, message: str, edits: dict[str, str], path: str) -> None:
        """Replace what one file of the fleet says, as the author would, and push it."""
        file = self.folder / "fleet" / path
        text = file.read_text()
        for old, new in edits.items():
            assert old in text, f"{path} does not say {old!r}"
            text = text.replace(old, new)
        file.write_text(text)
        self._git(
            ["commit", "--quiet", "--all", f"--message={message}"], ["push", "--quiet", "origin", "main"]
        )

    def merge(self, branch: str) -> None:
        """Merge a branch of the fleet into its main one, and push it."""
        self._git(
            ["fetch", "--quiet", "origin", branch],
            ["merge", "--quiet", "--ff-only", "FETCH_HEAD"],
            ["push", "--quiet", "origin", "main"],
        )

    def _git(self, *commands: list[str]) -> None:
        for command in commands:
            subprocess.run(["git", *command], cwd=self.folder / "fleet", check=True)

    def upgrade(self, values: dict[str, Any]) -> None:
        """Give the orchestrator's chart these values beside those that it has, and wait until it is ready."""
        further = self.folder / "further-values.yaml"
        further.write_text(yaml.safe_dump(values))
        _helm(self.k8s, self.folder, f"--values={further}", "--reuse-values")
        self.until(lambda: _ready(self.k8s), "every process of the chart is ready")

    def bootstrap(self) -> None:
        """Give Argo CD what follows the fleet as it is now."""
        fleet = load(Repository.clone(self.urls["fleet"], self.folder / "administrator").branch("main"))
        (argocd,) = fleet.argocd
        url = f"{self.forge.url}/{self.platform.name}/deployments.git"
        self.k8s.apply(*bootstrap(fleet, argocd, url, _now()))

    def approve(self, environment: str, tenant: str, person: str) -> str:
        """What the command says to a person who approves with a key of their own."""
        signer = ("--as", f"{person}@example.com", "--key", str(self.folder / "keys" / person))
        return self.orchestrator("approve", environment, tenant, *signer, "--yes")

    def orchestrator(self, *arguments: str) -> str:
        """What a person with a shell of their own types after `deploy-orchestrator`, and what it says."""
        environment = {
            "DEPLOY_ORCHESTRATOR_FLEET": self.urls["fleet"],
            "DEPLOY_ORCHESTRATOR_DEPLOYMENTS": self.urls["deployments"],
            "DEPLOY_ORCHESTRATOR_HOME": str(self.folder / "alice"),
            "DEPLOY_ORCHESTRATOR_ENGINE": "argocd",
            "DEPLOY_ORCHESTRATOR_KUBECONFIG": str(self.folder / "argocds.kubeconfig"),
            "KUBECONFIG": str(self.k8s.kubeconfig),
            "PATH": f"{binaries.helm() / 'bin'}:{os.environ['PATH']}",
        }
        ran = subprocess.run(
            [str(Path(sys.executable).with_name("deploy-orchestrator")), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
        return ran.stdout + ran.stderr

    def page(self, environment: str, tenant: str = "shop") -> str:
        """What the tenant's Service answers; empty where none does."""
        with self.k8s.client() as connection:
            try:
                service = CoreV1Api(connection).read_namespaced_service("shop", f"{tenant}-{environment}")
                return httpx.get(f"http://{service.spec.cluster_ip}/", timeout=5, trust_env=False).text
            except (ApiException, httpx.TransportError):
                return ""

    def until(self, holds: Callable[[], bool], what: str) -> float:
        """Wait for it; the seconds that it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > PATIENCE:
                pytest.fail(f"not after {PATIENCE} s: {what}\n{self.story()}")
            time.sleep(0.5)
        return time.monotonic() - began

    def jobs(self, namespace: str) -> list[Any]:
        with self.k8s.client() as connection:
            return BatchV1Api(connection).list_namespaced_job(namespace).items

    def log(self, namespace: str, selector: str) -> str:
        """The last lines of the pods that `selector` chooses."""
        with self.k8s.client() as connection:
            core = CoreV1Api(connection)
            pods = core.list_namespaced_pod(namespace, label_selector=selector).items
            return "".join(_log(core, pod) for pod in pods)

    def run(self, namespace: str, code: str, labels: dict[str, str] | None = None) -> str:
        """What Python code prints in a pod of its own there, under the rules of every tenant's pods."""
        name = f"probe-{secrets.token_hex(4)}"
        container = {
            "name": "probe",
            "image": f"{ORCHESTRATOR}:{VERSION}",
            "imagePullPolicy": "Never",
            "command": ["python", "-c", code],
            "resources": {"limits": {"memory": "128Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        secured = {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        spec = {"restartPolicy": "Never", "securityContext": secured, "containers": [container]}
        metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
        self.k8s.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        with self.k8s.client() as connection:
            core = CoreV1Api(connection)

            def ended() -> bool:
                return core.read_namespaced_pod(name, namespace).status.phase in ("Succeeded", "Failed")

            self.until(ended, f"{name} ends in {namespace}")
            said = _log(core, core.read_namespaced_pod(name, namespace))
            core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
            return said

    def metrics(self) -> str:
        """What Prometheus reads."""
        with self.k8s.client() as connection:
            selector = "app.kubernetes.io/component=door"
            (pod,) = CoreV1Api(connection).list_namespaced_pod(NAMESPACE, label_selector=selector).items
        shown = {"Authorization": f"Bearer {self.token}"}
        url = f"http://{pod.status.pod_ip}:9464/metrics"
        return httpx.get(url, headers=shown, timeout=30, trust_env=False).raise_for_status().text

    def copies(self, folder: Path) -> tuple[Path, Path]:
        """The two repositories, the fleet first, as they are on the forge now."""
        for name, url in self.urls.items():
            subprocess.run(["git", "clone", "--quiet", "--mirror", url, folder / name], check=True)
        return folder / "fleet", folder / "deployments"

    def story(self) -> str:
        """What pods are there, and the last words of the orchestrator's own."""
        told: list[str] = []
        with self.k8s.client() as connection:
            core = CoreV1Api(connection)
            for pod in core.list_pod_for_all_namespaces().items:
                waits = [
                    f"{each.name}: not ready, {each.restart_count} restarts, {each.state.waiting or ''}"
                    for each in pod.status.container_statuses or []
                    if not each.ready
                ]
                told.append(
                    f"{pod.metadata.namespace}/{pod.metadata.name} {pod.status.phase} {' '.join(waits)}"
                )
                if pod.metadata.namespace == NAMESPACE and pod.status.phase == "Running":
                    told.append(_log(core, pod, lines=15))
        return "\n".join(told)


@contextmanager
def production(folder: Path) -> Iterator[Production]:
    """The docs' way from an empty cluster to an orchestrator that runs."""
    isolate()
    served = edge.built("amd64")
    built = {
        f"{ORCHESTRATOR}:{VERSION}": binaries.orchestrator(),
        **{f"{EDGE}:{version}": served / archive for version, archive in EDGE_VERSIONS.items()},
    }
    certified = certify(folder, "site", f"subjectAltName=IP:{ADDRESS}")
    with ExitStack() as stack:
        trusting = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO"):
            trusting.setenv(name, str(certified.certificate))
        k8s = stack.enter_context(ControlPlane(folder, ADDRESS, nodes=0))
        database = stack.enter_context(PostgreSQL(folder, ADDRESS))
        forge = stack.enter_context(Gitea(folder, ADDRESS, certified))
        stack.enter_context(Node(k8s, built))
        stack.enter_context(ArgoCD(k8s, trusted={ADDRESS: certified.certificate}))
        door = stack.enter_context(ingress(ADDRESS, certified, lambda: _door(k8s)))
        people = {
            name: forge.user(name) for name in ("platform", "orchestrator", "alice", "author", "stranger")
        }
        platform, machine, alice = (people[name] for name in ("platform", "orchestrator", "alice"))
        urls = {name: forge.repository(platform, name) for name in ("fleet", "deployments")}
        for name in urls:
            forge.collaborate(platform, name, machine)
            forge.collaborate(platform, name, alice)
        forge.protect(platform, "deployments", "main", machine)
        clients = {
            name: forge.client(platform, name, f"{door}/{path}/gitea/back")
            for name, path in (("gitea", "sign-in"), ("gitea.decisions", "decide"))
        }
        issuer = {
            "name": "gitea",
            "url": forge.url,
            "client": clients["gitea.decisions"][0],
            "domains": ["example.com"],
        }
        _lay_out_fleet(folder, forge.signed_in(urls["fleet"], platform), issuer)
        fleet = load(Repository.clone(forge.signed_in(urls["fleet"], platform), folder / "clone").at("main"))
        (argocd,) = fleet.argocd
        k8s.apply(repository("deployments", urls["deployments"], machine.name, machine.password))
        k8s.apply(*bootstrap(fleet, argocd, urls["deployments"], _now()))
        signing_in = {name: secret for name, (_, secret) in clients.items()}
        token = secrets.token_hex(32)
        _secrets(
            k8s,
            {
                "database": {"password": database.password},
                "argocd": {"kubeconfig": _inside(kubeconfig(k8s, fleet, folder))},
                "git": {"credentials": f"{forge.signed_in(forge.url, machine)}\n"},
                "signing-key": {"signing_key": (folder / "keys" / "orchestrator").read_text()},
                "sign-in": {**signing_in, "key": secrets.token_hex(32)},
                "metrics": {"token": token},
            },
        )
        k8s.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "authorities", "namespace": NAMESPACE},
                "data": {"ca.crt": certified.certificate.read_text()},
            }
        )
        _volume(k8s, folder)
        sign_in = {
            "url": door,
            "issuers": [
                {
                    "name": "gitea",
                    "issuer": forge.url,
                    "client": clients["gitea"][0],
                    "decisions": clients["gitea.decisions"][0],
                    "scopes": ["openid", "email", "profile", "groups"],
                }
            ],
            "roles": {"sees": [alice.email]},
        }
        collector = stack.enter_context(collecting(ADDRESS))
        _install(k8s, database, forge, urls, sign_in, collector, folder)
        urls = {name: forge.signed_in(url, alice) for name, url in urls.items()}
        shop = Production(k8s, folder, urls, door, people, database, forge, token, collector)
        shop.until(lambda: _ready(k8s), "every process of the chart is ready")
        yield shop


def _log(core: CoreV1Api, pod: Any, lines: int = 40) -> str:
    """The client makes Python's words for bytes of what it decodes by itself."""
    try:
        answer = core.read_namespaced_pod_log(
            pod.metadata.name, pod.metadata.namespace, tail_lines=lines, _preload_content=False
        )
    except ApiException as error:
        return f"no log: {error.reason}\n"
    return answer.data.decode(errors="replace")


def _lay_out_fleet(folder: Path, remote: str, issuer: dict[str, Any]) -> None:
    fleet = folder / "fleet"
    shutil.copytree(FLEET, fleet)
    with (fleet / "fleet.yaml").open("a") as file:
        yaml.safe_dump({"issuers": [issuer]}, file)
    for chart in ("tenant-platform", "edge-inference", "platform-library"):
        shutil.copytree(CHARTS / chart, fleet / "charts" / chart)
    keys = folder / "keys"
    keys.mkdir()
    signers = ""
    for person in (*APPROVERS, "orchestrator"):
        key = keys / person
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", key], check=True)
        kind, public, _ = (keys / f"{person}.pub").read_text().split()
        signers += f"{person}@example.com {kind} {public}\n" if person in APPROVERS else ""
    (fleet / "allowed_signers").write_text(signers)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", fleet], check=True)
    for command in (
        ["config", "user.name", "author"],
        ["config", "user.email", "author@example.com"],
        ["remote", "add", "origin", remote],
        ["add", "."],
        ["commit", "--quiet", "--message=Begin"],
        ["push", "--quiet", "origin", "main"],
    ):
        subprocess.run(["git", *command], cwd=fleet, check=True)


def _secrets(k8s: ControlPlane, held: dict[str, dict[str, str]]) -> None:
    k8s.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )
    for name, content in held.items():
        metadata = {"name": f"deploy-orchestrator-{name}", "namespace": NAMESPACE}
        k8s.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content})


def _inside(path: Path) -> str:
    """A kubeconfig that holds its certificate, as it is read in a pod."""
    config = yaml.safe_load(path.read_text())
    for cluster in config["clusters"]:
        certificate = Path(cluster["cluster"].pop("certificate-authority")).read_bytes()
        cluster["cluster"]["certificate-authority-data"] = base64.b64encode(certificate).decode()
    config["current-context"] = config["contexts"][0]["name"]
    return yaml.safe_dump(config)


def _volume(k8s: ControlPlane, folder: Path) -> None:
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    k8s.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "state"},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "shared",
                "hostPath": {"path": str(shared)},
                "claimRef": {"namespace": NAMESPACE, "name": "deploy-orchestrator-state"},
            },
        }
    )


def _install(
    k8s: ControlPlane,
    database: PostgreSQL,
    forge: Gitea,
    urls: dict[str, str],
    sign_in: dict[str, Any],
    collector: Collector,
    folder: Path,
) -> None:
    api, git = (int(url.rpartition(":")[2]) for url in (k8s.server, forge.url))
    here = [f"{ADDRESS}/32"]
    values = {
        "image": {"repository": ORCHESTRATOR, "tag": VERSION, "pullPolicy": "Never"},
        "global": {
            "database": {
                "host": database.address,
                "port": database.port,
                "name": DATABASE,
                "user": USER,
                "sslMode": "disable",
                "existingSecret": "deploy-orchestrator-database",
            }
        },
        "postgresql": {"enabled": False},
        "state": {"className": "shared"},
        "repositories": {
            **urls,
            "credentials": {"existingSecret": "deploy-orchestrator-git"},
            "signingKey": {"existingSecret": "deploy-orchestrator-signing-key"},
        },
        "argocd": {"contexts": {"argocd": "argocd"}},
        "runs": {"resources": {"requests": {"cpu": "100m"}}},
        "trust": {"existingConfigMap": "authorities"},
        "door": {"signIn": {"config": sign_in, "existingSecret": "deploy-orchestrator-sign-in"}},
        "metrics": {"enabled": True},
        "traces": {"endpoint": collector.url, "collectorNamespace": ""},
        "networkPolicy": {
            "kubernetesApi": {"cidrs": here, "ports": [api]},
            "externalDatabase": {"cidrs": here},
            "outside": {"cidrs": here, "except": [], "ports": [api, git, collector.port]},
        },
    }
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    chart = folder / "chart"
    shutil.copytree(CHARTS, chart)
    helm = binaries.helm() / "bin" / "helm"
    subprocess.run([helm, "dependency", "build", "--skip-refresh", chart / "deploy-orchestrator"], check=True)
    _helm(k8s, folder, f"--values={folder / 'values.yaml'}")


def _helm(k8s: ControlPlane, folder: Path, *options: str) -> None:
    """Install or upgrade the orchestrator's chart."""
    program = [binaries.helm() / "bin" / "helm", f"--kubeconfig={k8s.kubeconfig}", "upgrade", "--install"]
    chart = folder / "chart" / "deploy-orchestrator"
    subprocess.run([*program, chart.name, chart, f"--namespace={NAMESPACE}", *options], check=True)


def _door(k8s: ControlPlane) -> tuple[str, int]:
    with k8s.client() as connection:
        service = CoreV1Api(connection).read_namespaced_service("deploy-orchestrator-door", NAMESPACE)
    return service.spec.cluster_ip, service.spec.ports[0].port


def _ready(k8s: ControlPlane) -> bool:
    with k8s.client() as connection:
        found = AppsV1Api(connection).list_namespaced_deployment(NAMESPACE).items
    return len(found) == 3 and all(
        each.status.observed_generation == each.metadata.generation
        and each.spec.replicas == each.status.ready_replicas == each.status.updated_replicas
        for each in found
    )


def _now() -> datetime:
    return datetime.now(UTC)

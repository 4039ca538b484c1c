"""What the other tests stand on: the cluster, its Argo CD and the forge behave as real ones do."""

import hashlib
import hmac
import http.server
import os
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, watch
from rig import FAILING_POD, Cluster, ControlPlane, Gitea, repository

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: pushed
"""


@dataclass(frozen=True, slots=True)
class Receiver:
    url: str
    requests: queue.Queue[tuple[Message, bytes]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    requests: queue.Queue[tuple[Message, bytes]] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.put((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Receiver(f"http://127.0.0.1:{server.server_port}", requests)
        server.shutdown()


def test_a_deployment_with_a_claim_becomes_available(k8s: Cluster, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    k8s.apply(claim, _deployment(namespace, volumes=volumes))
    with k8s.client() as connection:
        apps = client.AppsV1Api(connection)
        events = watch.Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=300)
        assert any(event["object"].status.available_replicas == 1 for event in events)


def test_a_pod_labelled_to_fail_fails(k8s: Cluster, namespace: str) -> None:
    k8s.apply(_pod(namespace, labels=FAILING_POD))
    with k8s.client() as connection:
        core = client.CoreV1Api(connection)
        events = watch.Watch().stream(core.list_namespaced_pod, namespace, timeout_seconds=300)
        assert any(event["object"].status.phase == "Failed" for event in events)


def test_a_pod_that_ends_succeeds(k8s: Cluster, namespace: str) -> None:
    pod = _pod(namespace)
    pod["spec"]["restartPolicy"] = "Never"
    k8s.apply(pod)
    with k8s.client() as connection:
        core = client.CoreV1Api(connection)
        events = watch.Watch().stream(core.list_namespaced_pod, namespace, timeout_seconds=300)
        assert any(event["object"].status.phase == "Succeeded" for event in events)


def test_pod_security_refuses_what_the_namespace_forbids(k8s: Cluster, namespace: str) -> None:
    pod = _pod(namespace)
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(client.ApiException, match="violates PodSecurity"):
        k8s.apply(pod)


def test_a_quota_is_enforced(k8s: Cluster, namespace: str) -> None:
    quota = {"metadata": {"name": "none", "namespace": namespace}, "spec": {"hard": {"pods": "0"}}}
    k8s.apply({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    with pytest.raises(client.ApiException, match="exceeded quota"):
        k8s.apply(_pod(namespace))


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
def test_a_killed_control_plane_comes_back_with_its_objects(
    control_plane: ControlPlane, namespace: str, name: str
) -> None:
    control_plane.processes[name].restart()
    control_plane.processes["kube-apiserver"].wait()
    with control_plane.client() as connection:
        assert client.CoreV1Api(connection).read_namespace(namespace).status.phase == "Active"


def test_argo_cd_brings_what_was_pushed_into_the_cluster(
    k8s: Cluster, forge: Gitea, namespace: str, tmp_path: Path
) -> None:
    owner = forge.user(namespace)
    url = forge.repository(owner, "manifests")
    _push(forge.signed_in(url, owner), tmp_path, "pushed.yaml", CONFIG_MAP)
    k8s.apply(
        repository(namespace, url, owner.name, owner.password),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": namespace, "namespace": "argocd"},
            "spec": {
                "project": "default",
                "source": {"repoURL": url, "targetRevision": "main", "path": "."},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
                "syncPolicy": {"automated": {}},
            },
        },
    )
    with k8s.client() as connection:
        core = client.CoreV1Api(connection)
        events = watch.Watch().stream(core.list_namespaced_config_map, namespace, timeout_seconds=300)
        assert any(event["object"].metadata.name == "pushed" for event in events)
        client.CustomObjectsApi(connection).delete_namespaced_custom_object(
            "argoproj.io", "v1alpha1", "argocd", "applications", namespace
        )


def test_only_the_named_user_pushes_to_a_protected_branch(forge: Gitea, tmp_path: Path) -> None:
    owner, orchestrator, person = (forge.user(name) for name in ("platform", "orchestrator", "person"))
    url = forge.repository(owner, "deployments")
    for collaborator in (orchestrator, person):
        forge.collaborate(owner, "deployments", collaborator)
    forge.protect(owner, "deployments", "main", orchestrator)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        _push(forge.signed_in(url, person), tmp_path / "person", "release.yaml", "mine")
    assert "protected branch" in refused.value.stderr
    _push(forge.signed_in(url, orchestrator), tmp_path / "orchestrator", "release.yaml", "released")
    _push(forge.signed_in(url, person), tmp_path / "approval", "approval.yaml", "yes", branch="approvals")


def test_a_push_is_told_to_the_webhook_and_signed(forge: Gitea, tmp_path: Path, receiver: Receiver) -> None:
    owner = forge.user("hooked")
    url = forge.repository(owner, "fleet")
    forge.webhook(owner, "fleet", receiver.url, "shared secret")
    _push(forge.signed_in(url, owner), tmp_path, "fleet.yaml", "environments: []")
    headers, body = receiver.requests.get(timeout=300)
    expected = hmac.new(b"shared secret", body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["X-Gitea-Signature"], expected)
    assert headers["X-Gitea-Event"] == "push"


def test_nothing_outlives_a_killed_test_run(tmp_path: Path) -> None:
    script = f"""
import os, pathlib, sys
from rig import Process
log = pathlib.Path({str(tmp_path / "log")!r})
sleeper = Process("sleeper", ["sleep", "1000"], log, {{"PATH": os.environ["PATH"]}}, ready=lambda: True)
print(sleeper.start().pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout
        pid = int(run.stdout.readline())
        os.kill(pid, 0)
        run.kill()
    ended, _, _ = select.select([os.pidfd_open(pid)], [], [], 60)
    assert ended


def _deployment(namespace: str, volumes: list[dict[str, Any]]) -> dict[str, Any]:
    pod = _pod(namespace, labels={"app": "web"})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": pod["metadata"]["labels"]},
                "spec": {**pod["spec"], "volumes": volumes},
            },
        },
    }


def _pod(namespace: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    container = {"name": "web", "image": "registry.example/web:1", "securityContext": RESTRICTED}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": namespace, "labels": labels or {}},
        "spec": {"containers": [container]},
    }


def _push(url: str, folder: Path, file: str, content: str, branch: str = "main") -> None:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(content)
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    _git(folder, "init", "--quiet", f"--initial-branch={branch}")
    _git(folder, "add", file)
    _git(folder, *author, "commit", "--quiet", "--message=Test")
    _git(folder, "push", "--quiet", url, branch)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True)

"""Argo CD: its application controller, repo server and ApplicationSet controller, and their redis."""

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from rig import binaries
from rig.control_plane import ControlPlane
from rig.processes import Booted, Process, Ready, answers, free_port, listens, program

VERIFY_WRAPPER = """#!/bin/sh
git verify-commit "$1" 2>&1 || true
"""


class ArgoCD(Booted):
    """Argo CD with its stock settings in a `namespace`; a context manager that ends what it started.

    `trusted` has certificates that it trusts Git servers by, by their hosts.
    """

    def __init__(
        self, cluster: ControlPlane, namespace: str = "argocd", trusted: Mapping[str, Path] | None = None
    ) -> None:
        self.cluster = cluster
        self._trusted = trusted or {}
        self.namespace = namespace
        self.folder = cluster.folder / namespace

    def _boot(self, stack: ExitStack) -> None:
        for folder in ("bin", "tls", "ssh", "gnupg", "gpg"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "gnupg").chmod(0o700)
        for host, certificate in self._trusted.items():
            shutil.copy(certificate, self.folder / "tls" / host)
        wrapper = self.folder / "bin" / "git-verify-wrapper.sh"
        wrapper.write_text(VERIFY_WRAPPER)
        wrapper.chmod(0o755)
        (self.folder / "bin" / "helm").symlink_to(binaries.helm() / "bin" / "helm")
        self.cluster.define(*map(_read, sorted(self.cluster.built.glob("crds/*.yaml"))))
        self.cluster.apply(*_settings(self.namespace))
        self._redis(stack).wait()
        started = [
            self._repo_server(stack),
            self._application_controller(stack),
            self._application_sets(stack),
        ]
        for process in started:
            process.wait()

    def _redis(self, stack: ExitStack) -> Process:
        self._redis_port = free_port()
        server = program(
            "redis-server", install="`apt-get install redis-server`, or your system's redis package"
        )
        command = [
            server,
            "--bind",
            "127.0.0.1",
            "--port",
            str(self._redis_port),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        return self.cluster.launch(stack, f"{self.namespace}-redis", command, listens(self._redis_port))

    def _repo_server(self, stack: ExitStack) -> Process:
        self._repo_address = f"127.0.0.1:{free_port()}"
        metrics = free_port()
        return self._role(
            "repo-server",
            [
                "--address=127.0.0.1",
                f"--port={self._repo_address.rsplit(':', 1)[1]}",
                "--metrics-address=127.0.0.1",
                f"--metrics-port={metrics}",
                f"--redis=127.0.0.1:{self._redis_port}",
            ],
            answers(f"http://127.0.0.1:{metrics}/healthz?full=true"),
            stack,
        )

    def _application_controller(self, stack: ExitStack) -> Process:
        metrics = free_port()
        return self._role(
            "application-controller",
            [
                f"--namespace={self.namespace}",
                f"--metrics-port={metrics}",
                f"--repo-server={self._repo_address}",
                f"--redis=127.0.0.1:{self._redis_port}",
            ],
            answers(f"http://127.0.0.1:{metrics}/healthz"),
            stack,
        )

    def _application_sets(self, stack: ExitStack) -> Process:
        probe, metrics, webhook = free_port(), free_port(), free_port()
        return self._role(
            "applicationset-controller",
            [
                f"--namespace={self.namespace}",
                f"--metrics-addr=127.0.0.1:{metrics}",
                f"--probe-addr=127.0.0.1:{probe}",
                f"--webhook-addr=127.0.0.1:{webhook}",
                f"--argocd-repo-server={self._repo_address}",
            ],
            answers(f"http://127.0.0.1:{metrics}/metrics"),
            stack,
        )

    def _role(self, role: str, flags: list[str], ready: Ready, stack: ExitStack) -> Process:
        command = [str(self.cluster.built / "bin" / f"argocd-{role}"), *flags]
        environment = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{self.cluster.path}",
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_K8S_CLIENT_QPS": "500",
            "ARGOCD_K8S_CLIENT_BURST": "1000",
            "ARGOCD_TLS_DATA_PATH": str(self.folder / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(self.folder / "ssh"),
            "ARGOCD_GNUPGHOME": str(self.folder / "gnupg"),
            "ARGOCD_GPG_DATA_PATH": str(self.folder / "gpg"),
            "HOSTNAME": "rig-1",
        }
        return self.cluster.launch(stack, f"{self.namespace}-{role}", command, ready, environment)


def _read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def _settings(namespace: str) -> list[dict[str, Any]]:
    part_of = {"app.kubernetes.io/part-of": "argocd"}

    def core(kind: str, name: str, **content: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace, "labels": part_of}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}

    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        core("ConfigMap", "argocd-cm"),
        core("ConfigMap", "argocd-rbac-cm"),
        core("ConfigMap", "argocd-cmd-params-cm"),
        core("ConfigMap", "argocd-tls-certs-cm"),
        core("ConfigMap", "argocd-ssh-known-hosts-cm"),
        core("ConfigMap", "argocd-gpg-keys-cm"),
        core("Secret", "argocd-secret", stringData={"server.secretkey": secrets.token_hex(32)}),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": namespace},
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"namespace": "*", "server": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            },
        },
    ]


def repository(
    name: str, url: str, username: str, password: str, namespace: str = "argocd"
) -> dict[str, Any]:
    """The Secret that lets the Argo CD in `namespace` read a Git repository."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"repository-{name}",
            "namespace": namespace,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": {"type": "git", "url": url, "username": username, "password": password},
    }

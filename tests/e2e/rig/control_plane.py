"""A Kubernetes control plane whose nodes and pods kwok plays; all else is real."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from rig import binaries
from rig.certificates import certify
from rig.cluster import Cluster, kubeconfig
from rig.processes import Booted, Process, Ready, answers, free_port, program

LOOPBACK = "127.0.0.1"
NODES = 3
FAILING_TEST = Path(__file__).parent / "failing-test.yaml"


class ControlPlane(Cluster, Booted):
    """Boots in `folder`, where the logs stay; a context manager that ends what it started.

    `address` is where the API server listens, `nodes` how many nodes kwok plays. `processes` has each program
    by name, those of Argo CD too, to kill and restart; `kubelet_client` is the certificate that the API
    server shows to kubelets.
    """

    def __init__(self, folder: Path, address: str = LOOPBACK, nodes: int = NODES) -> None:
        super().__init__(folder / "kubeconfig")
        self.folder = folder
        self.address = address
        self._nodes = nodes
        self.built = binaries.cluster()
        self.processes: dict[str, Process] = {}
        self._server = f"https://{address}:{free_port()}"
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self._ca = folder / "certificates" / "apiserver.crt"
        self._account_key = folder / "service-account.key"
        self._token = secrets.token_hex(16)

    @property
    def server(self) -> str:
        """The URL of its API server."""
        return self._server

    @property
    def credentials(self) -> tuple[str, Path]:
        """The administrator's token, and the certificate that the API server shows."""
        return self._token, self._ca

    @property
    def path(self) -> str:
        """PATH with the rig's programs first."""
        return f"{self.built / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def launch(
        self,
        stack: ExitStack,
        name: str,
        command: list[str],
        ready: Ready,
        environment: dict[str, str] | None = None,
    ) -> Process:
        """Start a program, to be ended with `stack`, and do not wait for it."""
        process = Process(
            name,
            command,
            log=self.folder / f"{name}.log",
            environment={
                "PATH": self.path,
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                **(environment or {}),
            },
            ready=ready,
        )
        self.processes[name] = process
        stack.callback(process.stop)
        process.launch()
        return process

    def _boot(self, stack: ExitStack) -> None:
        self._etcd(stack).wait()
        self._api_server(stack).wait()
        started = [self._controllers(stack), self._scheduler(stack), self._kwok(stack)]
        self.apply(*(_node(f"node-{number}") for number in range(self._nodes)), self._storage_class())
        for process in started:
            process.wait()

    def _etcd(self, stack: ExitStack) -> Process:
        peer = f"http://127.0.0.1:{free_port()}"
        command = [
            self._program("etcd"),
            "--unsafe-no-fsync",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]
        return self.launch(stack, "etcd", command, answers(f"{self._etcd_url}/health"))

    def _api_server(self, stack: ExitStack) -> Process:
        openssl = program("openssl", install="`apt-get install openssl`, or your system's openssl package")
        subprocess.run(
            [openssl, "genrsa", "-out", self._account_key, "2048"], check=True, capture_output=True
        )
        client = certify(
            self.folder, "kubelet-client", "extendedKeyUsage=clientAuth", subject="/O=system:masters/CN=rig"
        )
        self.kubelet_client = client.certificate
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f"{self._token},admin,admin,system:masters\n")
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig(self._server, self._ca, self._token)))
        self.kubeconfig.chmod(0o600)
        command = [
            self._program("kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            f"--secure-port={self._server.rsplit(':', 1)[1]}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={client.certificate}",
            f"--kubelet-client-key={client.key}",
            f"--cert-dir={self._ca.parent}",
            f"--service-account-key-file={self._account_key}",
            f"--service-account-signing-key-file={self._account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--endpoint-reconciler-type={'none' if self.address == LOOPBACK else 'lease'}",
        ]
        return self.launch(stack, "kube-apiserver", command, answers(f"{self._server}/readyz", ca=self._ca))

    def _controllers(self, stack: ExitStack) -> Process:
        port = free_port()
        command = [
            self._program("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._account_key}",
            f"--root-ca-file={self._ca}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
        ]
        return self.launch(
            stack, "kube-controller-manager", command, answers(f"https://127.0.0.1:{port}/healthz")
        )

    def _scheduler(self, stack: ExitStack) -> Process:
        port = free_port()
        command = [
            self._program("kube-scheduler"),
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
        ]
        return self.launch(stack, "kube-scheduler", command, answers(f"https://127.0.0.1:{port}/healthz"))

    def _kwok(self, stack: ExitStack) -> Process:
        config = self.folder / "stages.yaml"
        config.write_text(yaml.safe_dump_all(self._stages()))
        port = free_port()
        command = [
            self._program("kwok"),
            f"--kubeconfig={self.kubeconfig}",
            f"--config={config}",
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{port}",
        ]
        return self.launch(stack, "kwok", command, answers(f"http://127.0.0.1:{port}/healthz"))

    def _stages(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self.built.glob("stages/*/*.yaml")):
            stage = yaml.safe_load(file.read_text())
            if stage["metadata"]["name"] == "pod-complete":
                # kwok's own completes the pods of Jobs only.
                ends = {"key": ".spec.restartPolicy", "operator": "In", "values": ["Never", "OnFailure"]}
                stage["spec"]["selector"]["matchExpressions"][-1] = ends
            if stage["kind"] == "Stage":
                yield stage
        yield yaml.safe_load(FAILING_TEST.read_text())

    def _program(self, name: str) -> str:
        return str(self.built / "bin" / name)

    def _storage_class(self) -> dict[str, Any]:
        return yaml.safe_load((self.built / "stages" / "volume-fast" / "storage-class.yaml").read_text())


def _node(name: str) -> dict[str, Any]:
    room = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
            },
        },
        "status": {"allocatable": room, "capacity": room},
    }

"""A node whose pods run and whose network policies hold: kubelet, containerd, kube-proxy, CoreDNS.

It changes network, mounts and cgroups, and so runs in namespaces of its own alone, as `node/isolated` makes
them; they end with their first process. What it makes of cgroups is taken back.
"""

import errno
import json
import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import AppsV1Api, CoreV1Api

from rig import binaries
from rig.control_plane import ControlPlane
from rig.processes import Booted, Process, free_port, listens, program

ADDRESS = "10.88.0.1"
"""Of the node, on the bridge of its pods: what listens here is reached by them."""

NAME = "real"
PODS = "10.88.0.0/16"
PAUSE = "localhost/pause:1"
NAMES = "10.0.0.10"
"""The Service of the cluster's DNS."""

_COREDNS = "localhost/coredns:1"
_BRIDGE = "rig0"
_CGROUPS = ("k8s.io", "kubepods")
_HERE = Path(__file__).parent / "node"
_QUEUE = 100
_DEBIAN = "on Debian: `apt-get install runc iptables iproute2 conntrack`"


def isolate() -> None:
    """Make the node's address in this network namespace.

    Raises:
        RuntimeError: this network namespace is in use: it has more than a loopback.
    """
    ip = program("ip", install=_DEBIAN)
    if any(name != "lo" for _, name in socket.if_nameindex()):
        raise RuntimeError("a real node runs in namespaces of its own alone: tests/e2e/node/isolated …")
    for arguments in (
        f"link add {_BRIDGE} type bridge",
        f"address add {ADDRESS}/16 dev {_BRIDGE}",
        f"link set {_BRIDGE} up",
        "link set lo up",
        f"route add default dev {_BRIDGE}",
    ):
        subprocess.run([ip, *arguments.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Node(Booted):
    """The one node of a `cluster` that listens on `ADDRESS`; a context manager that ends what it started.

    `images` are OCI archives, by the name that pods call them by.
    """

    def __init__(self, cluster: ControlPlane, images: dict[str, Path]) -> None:
        self.cluster = cluster
        self.folder = cluster.folder / "node"
        self._built = binaries.node()
        own = {PAUSE: self._built / "pause.tar", _COREDNS: self._built / "coredns.tar"}
        self._images = {**own, **images}
        self._socket = self.folder / "containerd.sock"

    def _boot(self, stack: ExitStack) -> None:
        self.folder.mkdir()
        # Images are thousands of files: in memory they are there, and gone, at once.
        subprocess.run(["mount", "-t", "tmpfs", "rig", self.folder], check=True)
        stack.callback(_take_cgroups_back)
        self._containerd(stack).wait()
        for name, archive in self._images.items():
            self._import(name, archive)
        started = [self._proxy(stack), self._policies(stack), self._kubelet(stack)]
        self.cluster.apply(*yaml.safe_load_all((_HERE / "coredns.yaml").read_text()))
        for process in started:
            process.wait()
        while not self._names_are_known():
            time.sleep(0.1)

    def _containerd(self, stack: ExitStack) -> Process:
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": _BRIDGE,
                    "isDefaultGateway": True,
                    "ipMasq": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self.folder / "addresses"),
                        "ranges": [[{"subnet": PODS, "gateway": ADDRESS}]],
                    },
                }
            ],
        }
        self._write("cni/pods.conflist", network)
        config = self.folder / "containerd.toml"
        config.write_text(
            f"""\
version = 3
root = "{self.folder}/containers"
state = "{self.folder}/running"
[grpc]
address = "{self._socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{self._built}/bin"]
conf_dir = "{self.folder}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{program("runc", install=_DEBIAN)}"
SystemdCgroup = false
"""
        )
        command = [self._program("containerd"), f"--config={config}"]
        return self._launch(stack, "containerd", command, self._serves)

    def _serves(self) -> bool:
        return self._ctr("version").returncode == 0

    def _import(self, name: str, archive: Path) -> None:
        imported = self._ctr("images", "import", "--local", "--index-name", name, str(archive))
        if imported.returncode:
            raise RuntimeError(f"{archive} is no image that containerd reads: {imported.stderr.strip()}")

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._program("ctr"), f"--address={self._socket}", "--namespace=k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def _proxy(self, stack: ExitStack) -> Process:
        for needed in ("iptables", "conntrack"):
            program(needed, install=_DEBIAN)
        port = free_port()
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self.cluster.kubeconfig)},
            "mode": "iptables",
            "clusterCIDR": PODS,
            "hostnameOverride": NAME,
            "healthzBindAddress": f"127.0.0.1:{port}",
            "metricsBindAddress": f"127.0.0.1:{free_port()}",
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        command = [self._program("kube-proxy"), f"--config={self._write('kube-proxy.yaml', config)}"]
        return self._launch(stack, "kube-proxy", command, listens(port))

    def _policies(self, stack: ExitStack) -> Process:
        """What pods begin to say goes through it, on its way to other pods and to what listens on this node.

        Its own rules need what this kernel may lack. What the node itself says, as the kubelet does with
        probes, is let through: https://kubernetes.io/docs/concepts/services-networking/network-policies/.
        """
        queue = f"-m conntrack --ctstate NEW -j NFQUEUE --queue-num {_QUEUE}"
        for rule in (
            "POSTROUTING -m addrtype --src-type LOCAL -j RETURN",
            f"POSTROUTING -d {PODS} {queue}",
            f"POSTROUTING -s {PODS} {queue}",
            f"INPUT -i {_BRIDGE} {queue}",
        ):
            iptables = [program("iptables", install=_DEBIAN), "-w", "-t", "mangle", "-A", *rule.split()]
            subprocess.run(iptables, check=True)
        token, certificate = self.cluster.credentials
        account = self.folder / "account"
        account.mkdir()
        (account / "token").write_text(token)
        (account / "ca.crt").write_bytes(certificate.read_bytes())
        port = free_port()
        # It knows its cluster as a pod does.
        inside = 'mkdir -p "$0" && mount --bind "$1" "$0" && shift && exec "$@"'
        command = [
            *("unshare", "--mount", "sh", "-c", f"mount -t tmpfs run /run && {inside}"),
            *("/run/secrets/kubernetes.io/serviceaccount", str(account)),
            *(self._program("kube-network-policies"), f"-hostname-override={NAME}"),
            *(f"-nfqueue-id={_QUEUE}", f"-metrics-bind-address=127.0.0.1:{port}"),
        ]
        host, _, api = self.cluster.server.removeprefix("https://").rpartition(":")
        environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": api}
        return self._launch(stack, "kube-network-policies", command, listens(port), environment)

    def _kubelet(self, stack: ExitStack) -> Process:
        port = free_port()
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "port": 10250,
            "readOnlyPort": 0,
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": port,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.cluster.kubelet_client)},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [NAMES],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "podLogsDir": str(self.cluster.folder / "pods"),
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "2s",
        }
        command = [
            self._program("kubelet"),
            f"--config={self._write('kubelet.yaml', config)}",
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--node-ip={ADDRESS}",
            f"--hostname-override={NAME}",
        ]
        return self._launch(stack, "kubelet", command, self._is_ready)

    def _is_ready(self) -> bool:
        with self.cluster.client() as connection:
            nodes = CoreV1Api(connection).list_node().items
        return any(
            condition.type == "Ready" and condition.status == "True"
            for node in nodes
            for condition in node.status.conditions or []
        )

    def _names_are_known(self) -> bool:
        with self.cluster.client() as connection:
            found = AppsV1Api(connection).read_namespaced_deployment_status("coredns", "kube-system")
        return bool(found.status.ready_replicas)

    def _launch(
        self,
        stack: ExitStack,
        name: str,
        command: list[str],
        ready: Any,
        environment: dict[str, str] | None = None,
    ) -> Process:
        path = f"{self._built / 'bin'}{os.pathsep}/usr/sbin{os.pathsep}/sbin{os.pathsep}{os.environ['PATH']}"
        return self.cluster.launch(stack, name, command, ready, {"PATH": path, **(environment or {})})

    def _write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    def _program(self, name: str) -> str:
        return str(self._built / "bin" / name)


def _take_cgroups_back() -> None:
    """Ends what still runs in them: its containers are nobody's any more."""
    for folder in (each for name in _CGROUPS for each in Path("/sys/fs/cgroup").glob(f"*/{name}")):
        for inner, _, _ in os.walk(folder, topdown=False):
            _remove(Path(inner), time.monotonic() + 20)


def _remove(cgroup: Path, deadline: float) -> None:
    while True:
        for process in (cgroup / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        try:
            cgroup.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return

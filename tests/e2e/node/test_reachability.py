"""Whom NetworkPolicies let through as we work it out, held against packets between pods that run."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from kubernetes.client import CoreV1Api, NetworkingV1Api
from production import VERSION, Production
from rig.images import ORCHESTRATOR

from deploy_orchestrator.manifests import Object
from deploy_orchestrator.risk.reachability import Direction, Isolation, PodPeer

SPACES = {"asked": {"team": "a"}, "asking": {"team": "b"}}
PORTS = {"http": 8080, "admin": 8082, "metrics": 9090}
ASKED_FROM_OUTSIDE = 8000
ROUNDS = 24
PATIENCE = 20
"""Seconds until a policy is enforced."""
CODE = """
import json, socket, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

def reached(host, port):
    try:
        socket.create_connection((host, int(port)), timeout=0.7).close()
        return True
    except OSError:
        return False

class Asked(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = parse_qsl(urlsplit(self.path).query)
        body = json.dumps([reached(*each) for each in asked]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

for port in PORTS:
    threading.Thread(target=ThreadingHTTPServer(("", port), Asked).serve_forever).start()
"""


@dataclass(frozen=True)
class Pod:
    """One that runs, with its address."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    address: str = ""

    def reaches(self, other: "Pod") -> dict[int, bool]:
        """By port, in what is seen: the node may ask any pod whatever policies say."""
        url = f"http://{self.address}:{ASKED_FROM_OUTSIDE}/"
        asked = tuple((other.address, port) for port in PORTS.values())
        answer = httpx.get(url, params=asked, timeout=30, trust_env=False).raise_for_status().json()
        return dict(zip(PORTS.values(), answer, strict=True))

    def lets(self, direction: Direction, peer: "Pod", policies: list[Object]) -> dict[int, bool]:
        """By port of whoever is asked, in what is worked out."""
        named = {f"TCP {name}": port for name, port in PORTS.items()}
        own = Isolation(self.namespace, SPACES[self.namespace], self.labels, named, policies)
        openings = own.openings(direction)
        space = {**SPACES[peer.namespace], "kubernetes.io/metadata.name": peer.namespace}
        there = PodPeer(space, peer.labels)
        return {
            port: openings is None
            or any(each.lets(there) and each.lets_port(("TCP", port)) for each in openings)
            for port in PORTS.values()
        }

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


ASKED = Pod("asked", "x", {"app": "x"})
ASKING = (
    Pod("asked", "y", {"app": "y", "tier": "front"}),
    Pod("asked", "plain", {}),
    Pod("asking", "y", {"app": "y"}),
    Pod("asking", "z", {"app": "z", "tier": "front"}),
)


@pytest.fixture(scope="module")
def pods(production: Production) -> Iterator[tuple[Pod, tuple[Pod, ...]]]:
    for space, labels in SPACES.items():
        metadata = {"name": space, "labels": labels}
        production.k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    for pod in (ASKED, *ASKING):
        production.k8s.apply(_manifest(pod))
    with production.k8s.client() as connection:
        core = CoreV1Api(connection)
        found = tuple(_running(production, core, pod) for pod in (ASKED, *ASKING))
        yield found[0], found[1:]
        for space in SPACES:
            core.delete_namespace(space)


def test_packets_go_where_policies_let_them_and_nowhere_else(
    production: Production, pods: tuple[Pod, tuple[Pod, ...]]
) -> None:
    asked, asking = pods
    chance = random.Random(20)
    let: set[bool] = set()
    with production.k8s.client() as connection:
        networking = NetworkingV1Api(connection)
        for _ in range(ROUNDS):
            bodies = [_policy(chance, number) for number in range(chance.choice((1, 2, 3)))]
            for space in SPACES:
                networking.delete_collection_namespaced_network_policy(space)
            production.k8s.apply(*bodies)
            policies = [Object(each) for each in bodies]
            expected = {
                str(each): {
                    port: inward and each.lets("egress", asked, policies)[port]
                    for port, inward in asked.lets("ingress", each, policies).items()
                }
                for each in asking
            }
            let |= {port for told in expected.values() for port in told.values()}
            end = time.monotonic() + PATIENCE
            while (seen := {str(each): each.reaches(asked) for each in asking}) != expected:
                assert time.monotonic() < end, (json.dumps(bodies), seen, expected)
    assert let == {True, False}


def _policy(chance: random.Random, number: int) -> dict[str, Any]:
    """About the pod that is asked, or about those that ask."""
    inward = chance.random() < 0.7
    space = "asked" if inward else chance.choice([*SPACES])
    direction, whom = ("ingress", "from") if inward else ("egress", "to")
    selector = chance.choice([{}, {"matchLabels": {"app": "x" if inward else "y"}}, _selector(chance)])
    rules: list[dict[str, Any]] = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        rule: dict[str, Any] = {}
        if chance.random() < 0.85:
            rule[whom] = [_peer(chance, inward) for _ in range(chance.choice((1, 2)))]
        if chance.random() < 0.6:
            rule["ports"] = [_port(chance, inward) for _ in range(chance.choice((1, 2)))]
        rules.append(rule)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"policy-{number}", "namespace": space},
        "spec": {"podSelector": selector, "policyTypes": [direction.title()], direction: rules},
    }


def _peer(chance: random.Random, inward: bool) -> dict[str, Any]:
    spaces = [
        {},
        {"matchLabels": {"team": chance.choice("ab")}},
        {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": [chance.choice("ab")]}]},
        {"matchLabels": {"kubernetes.io/metadata.name": chance.choice([*SPACES])}},
    ]
    pods = _selector(chance) if inward else chance.choice([{}, {"matchLabels": {"app": chance.choice("xy")}}])
    return chance.choice(
        [
            {"podSelector": pods},
            {"namespaceSelector": chance.choice(spaces)},
            {"podSelector": pods, "namespaceSelector": chance.choice(spaces)},
        ]
    )


def _selector(chance: random.Random) -> dict[str, Any]:
    key, values = chance.choice([("app", ["y"]), ("app", ["y", "z"]), ("tier", ["front"])])
    operator = chance.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    told = {"values": values} if operator in ("In", "NotIn") else {}
    return {"matchExpressions": [{"key": key, "operator": operator, **told}]}


def _port(chance: random.Random, inward: bool) -> dict[str, Any]:
    ports: list[dict[str, Any]] = [
        {"port": 8080},
        {"port": 8080, "endPort": 8082},
        {"port": 8081, "endPort": 9090},
        {"protocol": "TCP"},
        {"protocol": "UDP"},
        {"protocol": "UDP", "port": 8080},
    ]
    return chance.choice([*ports, {"port": "http"}, {"port": "metrics"}] if inward else ports)


def _manifest(pod: Pod) -> dict[str, Any]:
    ports = [{"name": name, "containerPort": port} for name, port in PORTS.items()]
    container = {
        "name": "probe",
        "image": f"{ORCHESTRATOR}:{VERSION}",
        "imagePullPolicy": "Never",
        "command": ["python", "-c", f"PORTS = {[ASKED_FROM_OUTSIDE, *PORTS.values()]}\n{CODE}"],
        "ports": ports,
        "readinessProbe": {"tcpSocket": {"port": ASKED_FROM_OUTSIDE}, "periodSeconds": 1},
    }
    metadata = {"name": pod.name, "namespace": pod.namespace, "labels": {**pod.labels}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _running(production: Production, core: CoreV1Api, pod: Pod) -> Pod:
    def ready() -> bool:
        status = core.read_namespaced_pod_status(pod.name, pod.namespace).status
        return any(each.type == "Ready" and each.status == "True" for each in status.conditions or [])

    production.until(ready, f"{pod.namespace}/{pod.name} is ready")
    address = core.read_namespaced_pod_status(pod.name, pod.namespace).status.pod_ip
    return Pod(pod.namespace, pod.name, pod.labels, address)

"""What the checks refuse is what a real API server refuses: each field of each kind, made wrong by itself."""

import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from mutations import Mutation, mutations
from rig import Cluster
from test_risk_rules import KINDS, Server, name_of
from urllib3.exceptions import HTTPError
from variations import Body

from deploy_orchestrator.fleet import ChartReference, Deployment, Environment, Quota, Tenant
from deploy_orchestrator.manifests import MANIFEST_CHECKS, InvalidObject, Manifests, Object

TRIED = 6_000
AGREEING = 0.99
REFUSING = [
    rule for rule in MANIFEST_CHECKS if rule.id in {"schema", "refused", "unknown-api", "object-size"}
]

INVALID = frozenset({400, 422, 500})
"""The answers to what is no object. What is not found or not allowed says nothing of the object."""

BECOMES_ANOTHER = str(2**31)
"""A number that server-side apply may take, and store as another: it is refused here, as by a create."""


@dataclass(frozen=True)
class Tried:
    """A mutation of an object, and the API server's answer."""

    of: str
    mutation: Mutation
    status: int
    said: str

    def __str__(self) -> str:
        return f"{self.of}: {self.mutation}: {self.said[:300]}"


class Asked(Server):
    """The API server, asked whether it would take an object."""

    def answer(self, body: Body) -> tuple[int, str]:
        """The status of a server-side apply that changes nothing, and what was said."""
        resource = self.kinds.get(api_version=body["apiVersion"], kind=body["kind"])
        metadata = body["metadata"]
        try:
            resource.server_side_apply(
                body=body,
                name=metadata.get("name"),
                namespace=metadata.get("namespace"),
                field_manager="refusals",
                force_conflicts=True,
                dry_run="All",
            )
        except DynamicApiError as error:
            return error.status or 0, json.loads(error.body or "{}").get("message", "")
        except HTTPError as error:
            # A success policy without a count makes kube-apiserver 1.37.2 panic and hang up.
            return 0, str(error)
        return 200, ""


@pytest.fixture(scope="module")
def tried(k8s: Cluster) -> Iterator[list[Tried]]:
    """Mutations of all kinds, as many as `TRIED`, and what the API server said to each."""
    name = f"refusals-{secrets.token_hex(4)}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": name},
    }
    with k8s.client() as connection:
        server = Asked(connection)
        for body in (namespace, account):
            assert server.apply(body, dry_run=False)
        yield answers(server, name)
        server.delete(namespace)


def answers(server: Asked, namespace: str) -> list[Tried]:
    found: list[tuple[str, Mutation]] = []
    for body in KINDS:
        written = {name: value for name, value in body.items() if name != "status"}
        if "namespace" in body["metadata"]:
            written["metadata"] = {**body["metadata"], "namespace": namespace}
        wrong = mutations(written, server.schema(body))
        found += [(name_of(body), each) for each in wrong if each.body["metadata"].get("name")]
    chosen = random.Random(1).sample(found, min(TRIED, len(found)))
    with ThreadPoolExecutor(4) as asking:
        said = list(asking.map(lambda each: server.answer(each[1].body), chosen))
    return [Tried(of, mutation, *answer) for (of, mutation), answer in zip(chosen, said, strict=True)]


def is_refused(body: Body) -> bool:
    return is_refused_beside(body)


def is_refused_beside(body: Body, *others: Body) -> bool:
    tenant = Tenant(
        name="risk",
        chart=ChartReference(name="any", version="1.0.0"),
        environments=("e2e",),
        quota=Quota(cpu="1", memory="1Gi", storage="1Gi", pods=1),
        owners=("owner@example.com",),
    )
    environment = Environment(name="e2e", cluster="main", kubernetes="1.37")
    deployment = Deployment(environment, tenant, "risk", "https://main")
    try:
        manifests = Manifests(map(Object, (body, *others)))
    except InvalidObject:
        return True
    key = Object(body).key
    found = (each for rule in REFUSING for each in rule.findings(manifests, deployment))
    return any(each.object == key for each in found)


def test_nothing_is_refused_that_the_api_server_takes(tried: list[Tried]) -> None:
    taken = [each for each in tried if each.status == 200]
    stricter = [
        str(each)
        for each in taken
        if is_refused(each.mutation.body) and BECOMES_ANOTHER not in each.mutation.what
    ]
    assert len(taken) > TRIED / 4
    assert stricter == []


def test_what_the_api_server_refuses_is_refused(tried: list[Tried]) -> None:
    judged = [each for each in tried if each.status == 200 or each.status in INVALID]
    missed = [each for each in judged if each.status in INVALID and not is_refused(each.mutation.body)]
    agreement = 1 - len(missed) / len(judged)
    kinds = Counter(each.of.partition("/")[0] for each in missed)
    print(f"{len(judged):,} objects, {agreement:.2%} judged as the API server does; missed of {dict(kinds)}")
    assert len(judged) > 0.95 * TRIED
    assert agreement >= AGREEING, "\n".join(map(str, missed[:40]))


ASKED: Final[list[Body]] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "expressions.yaml").read_text()
)
GROUP: Final = "refusals.example"


def definition() -> Body:
    """A kind with a field for each of the rules that are `ASKED`."""
    held = {
        f"field{number}": {**each["field"], "x-kubernetes-validations": [{"rule": each["rule"]}]}
        for number, each in enumerate(ASKED)
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": held}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Asked", "plural": "askeds", "singular": "asked", "listKind": "AskedList"}
    spec = {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]}
    metadata = {"name": f"askeds.{GROUP}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def test_rules_of_a_definition_are_worked_out_as_the_api_server_does(k8s: Cluster) -> None:
    made = definition()
    api = {"apiVersion": f"{GROUP}/v1", "kind": "Asked", "metadata": {"name": "asked"}}
    with k8s.client() as connection:
        server = Asked(connection)
        assert server.apply(made, dry_run=False)
        try:
            wait_until(lambda: server.answer(api)[0] == 200)
            for number, each in enumerate(ASKED):
                for value in (*each["holds"], *each["fails"]):
                    body = {**api, "spec": {f"field{number}": value}}
                    status, said = server.answer(body)
                    refused = is_refused_beside(body, made)
                    assert (status in INVALID) == refused == (value in each["fails"]), (each, value, said)
        finally:
            server.delete(made)


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(120):
        try:
            if holds():
                return
        except ResourceNotFoundError:
            pass
        time.sleep(0.25)
    raise TimeoutError("the API server does not serve the kind")

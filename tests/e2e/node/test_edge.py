"""Models served by the image and the chart of the edge, a tenant like any other, where pods run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from conformance import assert_conforms
from kubernetes.client import ApiException, CoreV1Api
from production import Production

PICTURE = {
    "inputs": [
        {"name": "pictures", "shape": [1, 3, 64, 64], "datatype": "FP32", "data": [0.5] * (3 * 64 * 64)}
    ]
}


@dataclass
class Load:
    """What came of requests that were sent without pause: the versions of the model that answered, and what
    failed.
    """

    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def service(production: Production) -> str | None:
    """The address of the tenant's Service; None where there is none."""
    with production.k8s.client() as connection:
        try:
            found = CoreV1Api(connection).read_namespaced_service("vision-server", "vision-dev")
        except ApiException:
            return None
    return found.spec.cluster_ip


def version(production: Production) -> str:
    """The version of the model that answers; empty where none does."""
    address = service(production)
    try:
        return httpx.get(f"http://{address}:8000/v2/models/shapes", trust_env=False).json()["versions"][-1]
    except (httpx.TransportError, httpx.InvalidURL):
        return ""


@contextmanager
def load(address: str) -> Iterator[Load]:
    """One that asks anew each time, and one that keeps its connection, as long as the block runs."""
    told, ended = Load(), threading.Event()

    def ask(client: httpx.Client) -> None:
        try:
            answer = client.post("/v2/models/shapes/infer", json=PICTURE)
        except httpx.TransportError as error:
            told.failed.append(repr(error))
            return
        if answer.status_code == 200:
            told.answered.append(answer.json()["model_version"])
        else:
            told.failed.append(answer.text)

    def connect() -> httpx.Client:
        return httpx.Client(base_url=f"http://{address}:8000", timeout=60, trust_env=False)

    def keep() -> None:
        with connect() as client:
            while not ended.is_set():
                ask(client)

    def renew() -> None:
        while not ended.is_set():
            with connect() as client:
                ask(client)

    threads = [threading.Thread(target=each) for each in (keep, renew)]
    for each in threads:
        each.start()
    try:
        yield told
    finally:
        ended.set()
        for each in threads:
            each.join()


def test_models_are_served_behind_their_service_as_the_protocol_says(production: Production) -> None:
    production.until(lambda: version(production) == "1", "the first version answers")
    address = service(production)
    assert_conforms(f"http://{address}:8000", f"{address}:8001")


def test_a_new_version_takes_over_without_one_failed_request(production: Production) -> None:
    production.until(lambda: version(production) == "1", "the first version answers")
    address = service(production)
    assert address
    with load(address) as told:
        production.commit(
            "Serve a newer model", {'tag: "0.1.0"': 'tag: "0.2.0"'}, "tenants/vision/values.yaml"
        )
        production.until(lambda: told.answered[-20:] == ["2"] * 20, "the newer one alone answers")
        production.until(lambda: pods(production) == 1, "the old one is gone")
    assert told.failed == []
    assert "1" in told.answered
    print(f"{len(told.answered):,} requests were answered meanwhile")


def pods(production: Production) -> int:
    with production.k8s.client() as connection:
        listed = CoreV1Api(connection).list_namespaced_pod(
            "vision-dev", label_selector="app.kubernetes.io/component=server"
        )
    return len(listed.items)

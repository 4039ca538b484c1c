"""Pods are judged as Kubernetes' own Pod Security admission judges them, in every version of a fleet."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.fleet import (
    ChartReference,
    Deployment,
    Environment,
    Quota,
    Tenant,
    kubernetes_versions,
)
from deploy_orchestrator.manifests import Manifests, Object, check

FILE = Path(__file__).parents[1] / "data/pod-security.jsonl.gz"
CORPUS: list[dict[str, Any]] = [*map(json.loads, gzip.decompress(FILE.read_bytes()).splitlines())]
VERSIONS = pytest.mark.parametrize("kubernetes", kubernetes_versions())
REFUSING = frozenset({"refused", "schema"})
TENANT = Tenant(
    name="ml",
    chart=ChartReference(name="any", version="1.0.0"),
    environments=("dev",),
    quota=Quota(cpu="1", memory="1Gi", storage="1Gi", pods=1),
    owners=("owner@example.com",),
)


def cases(kubernetes: str, verdict: str, *levels: str) -> list[dict[str, Any]]:
    """The pods of the corpus for a version on which admission has this verdict at one of the levels."""
    minor = int(kubernetes.partition(".")[2])
    found = [each for each in CORPUS if (each["verdict"], minor in each["minors"]) == (verdict, True)]
    assert len(found) > 20
    return [each for each in found if each["level"] in levels]


def broken(case: dict[str, Any], kubernetes: str) -> set[str]:
    """The checks that a pod breaks. Its name in the corpus is none: it is made with one of the cluster's."""
    environment = Environment(name="dev", cluster="here", kubernetes=kubernetes)
    pod = Object({**case["pod"], "metadata": {**case["pod"]["metadata"], "name": "pod"}})
    return {
        each.rule for each in check(Manifests((pod,)), Deployment(environment, TENANT, "ml", "https://here"))
    }


def of_admission(rules: set[str]) -> set[str]:
    return {each for each in rules if each.startswith("pod-")}


@VERSIONS
def test_what_admission_takes_breaks_no_rule(kubernetes: str) -> None:
    taken = cases(kubernetes, "pass", "restricted")
    accused = {each["name"]: of_admission(broken(each, kubernetes)) for each in taken}
    assert {name: rules for name, rules in accused.items() if rules} == {}


@VERSIONS
def test_what_admission_refuses_breaks_a_rule(kubernetes: str) -> None:
    refused = cases(kubernetes, "fail", "baseline", "restricted")
    assert [each["name"] for each in refused if not of_admission(broken(each, kubernetes))] == []


@VERSIONS
def test_the_api_server_takes_what_its_admission_does(kubernetes: str) -> None:
    taken = cases(kubernetes, "pass", "baseline", "restricted")
    assert [each["name"] for each in taken if broken(each, kubernetes) & REFUSING] == []

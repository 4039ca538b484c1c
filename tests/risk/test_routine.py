"""What charts change from one patch to the next goes out alone, whatever versions and numbers there are."""

import copy
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.risk import Verdict

BASE = list(yaml.load_all((Path(__file__).parent / "base.yaml").read_text(), yaml.CSafeLoader))
versions = st.tuples(st.integers(1, 1), st.integers(4, 9), st.integers(2, 99)).filter(
    lambda each: each > (1, 4, 2)
)


def web(objects):
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == ("Deployment", "web"))


def labels(objects, version):
    for each in objects:
        if each["metadata"].get("labels", {}).get("helm.sh/chart", "").startswith("dagster-tenant"):
            each["metadata"]["labels"]["helm.sh/chart"] = f"dagster-tenant-{version}"
    web(objects)["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] = version


def image(objects, version):
    container = web(objects)["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"ghcr.io/acme/web:{version}"


def check_sum(objects, version):
    web(objects)["spec"]["template"]["metadata"]["annotations"]["checksum/config"] = version.replace(".", "")


def log_level(objects, _):
    web(objects)["spec"]["template"]["spec"]["containers"][0]["env"].append(
        {"name": "LOG_LEVEL", "value": "warn"}
    )


def replicas(objects, _):
    web(objects)["spec"]["replicas"] += 1


def processor(objects, _):
    web(objects)["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "750m"


def memory(objects, _):
    web(objects)["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2Gi"


def patience(objects, _):
    web(objects)["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["failureThreshold"] = 5


def history(objects, _):
    web(objects)["spec"]["revisionHistoryLimit"] = 3


def dashboard(objects, version):
    metadata = {"name": "board", "namespace": "analytics-production", "labels": {"grafana_dashboard": "1"}}
    data = {"board.json": f'{{"schemaVersion": 30, "panels": [], "version": "{version}"}}'}
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def database_patch(objects, _):
    (database,) = (each for each in objects if each["kind"] == "StatefulSet")
    (container,) = database["spec"]["template"]["spec"]["containers"]
    container["image"] = "docker.io/bitnami/postgresql:15.5.0-debian-11-r2"


ROUTINE = [
    labels,
    image,
    check_sum,
    log_level,
    replicas,
    processor,
    memory,
    patience,
    history,
    dashboard,
    database_patch,
]


@settings(max_examples=60, deadline=None)
@given(version=versions, edits=st.lists(st.sampled_from(ROUTINE), unique=True, min_size=1))
def test_any_routine_changes_together_are_safe(plan_of, version, edits):
    after = copy.deepcopy(BASE)
    for edit in edits:
        edit(after, ".".join(map(str, version)))
    plan = plan_of(BASE, after, {})
    assert plan.verdict is Verdict.SAFE, [reason.saw for reason in plan.reasons]

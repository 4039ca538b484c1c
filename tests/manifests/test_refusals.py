"""What the API server would refuse is told before it is asked, and nothing that it would take."""

import base64
import copy
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.fleet import ChartReference, Deployment, Environment, Quota, Tenant
from deploy_orchestrator.manifests import Finding, InvalidObject, Manifests, Object, check

Body = dict[str, Any]

TENANT = Tenant(
    name="ml",
    chart=ChartReference(name="any", version="1.0.0"),
    environments=("dev",),
    quota=Quota(cpu="1", memory="1Gi", storage="1Gi", pods=1),
    owners=("owner@example.com",),
)
KINDS: list[Body] = list(
    yaml.load_all((Path(__file__).parents[1] / "e2e/kinds.yaml").read_text(), yaml.CSafeLoader)
)
REFUSING = frozenset({"schema", "refused", "unknown-api", "object-size"})


def refused(body: Body, kubernetes: str = "1.37") -> list[Finding]:
    deployment = Deployment(
        Environment(name="dev", cluster="here", kubernetes=kubernetes), TENANT, "ml", "https://here"
    )
    return [each for each in check(Manifests((Object(body),)), deployment) if each.rule in REFUSING]


def told(body: Body) -> list[str]:
    return [each.message for each in refused(body)]


def an_object(api_version: str, kind: str, name: str = "one", **parts: Any) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts}


def deployment(pod: Body | None = None, container: Body | None = None, **spec: Any) -> Body:
    labels = {"app": "x"}
    containers = [{"name": "c", "image": "a/b:1", **(container or {})}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **(pod or {})}}
    return an_object(
        "apps/v1", "Deployment", spec={"selector": {"matchLabels": labels}, "template": template, **spec}
    )


def cron_job(schedule: str, **spec: Any) -> Body:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "a/b:1"}]}
    return an_object(
        "batch/v1",
        "CronJob",
        spec={"schedule": schedule, "jobTemplate": {"spec": {"template": {"spec": pod}}}, **spec},
    )


def service(*ports: Body, name: str = "s", **spec: Any) -> Body:
    return an_object("v1", "Service", name, spec={"ports": list(ports), **spec})


def ingress(path: str = "/", host: str = "a.example", path_type: str = "Prefix") -> Body:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    paths = [{"path": path, "pathType": path_type, "backend": backend}]
    return an_object(
        "networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": host, "http": {"paths": paths}}]}
    )


def mounting(*mounts: str) -> Body:
    return deployment(
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"volumeMounts": [{"name": name, "mountPath": f"/{index}"} for index, name in enumerate(mounts)]},
    )


def autoscaler(**spec: Any) -> Body:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "one"}
    return an_object(
        "autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": target, "maxReplicas": 3, **spec}
    )


HTTP = {"httpGet": {"port": 80, "path": "/"}}
VOLUME = {"name": "v", "emptyDir": {}}

REFUSED: dict[str, tuple[Body, str]] = {
    "a name with capitals": (an_object("v1", "ConfigMap", "App_X"), "metadata.name: must be lower-case"),
    "a service's name of 64": (
        service({"port": 80}, name="a" * 64),
        "metadata.name: must be no more than 63",
    ),
    "a label of a custom kind": (
        {**an_object("x.io/v1", "Thing"), "metadata": {"name": "one", "labels": {"a b": "c"}}},
        "metadata.labels.a b: must be letters",
    ),
    "a label with a space": (
        {**deployment(), "metadata": {"name": "one", "labels": {"a": "a b"}}},
        "metadata.labels.a: must be letters",
    ),
    "a label of 64": (
        {**deployment(), "metadata": {"name": "one", "labels": {"a": "x" * 64}}},
        "metadata.labels.a: must be no more than 63",
    ),
    "fewer than no replicas": (deployment(replicas=-1), "spec.replicas: must be at least 0, found -1"),
    "a recreated rolling update": (
        deployment(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
        "spec.strategy.rollingUpdate: may not be set for Recreate",
    ),
    "pods that are not selected": (
        deployment(selector={"matchLabels": {"app": "y"}}),
        "spec.template.metadata.labels: are not what the selector wants",
    ),
    "a selector by expressions that misses": (
        deployment(selector={"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
        "are not what the selector wants",
    ),
    "a deployment that ends": (
        deployment({"restartPolicy": "Never"}),
        'spec.template.spec.restartPolicy: must be Always, found "Never"',
    ),
    "a job that does not": (
        an_object(
            "batch/v1", "Job", spec={"template": {"spec": {"containers": [{"name": "c", "image": "a:1"}]}}}
        ),
        "restartPolicy: must be Never or OnFailure",
    ),
    "a container's name": (deployment(container={"name": "C_x"}), "containers[C_x].name: must be lower-case"),
    "a container twice": (
        deployment({"containers": [{"name": "c", "image": "a:1"}] * 2}),
        'name: stands twice, found "c"',
    ),
    "a port of 70000": (
        deployment(container={"ports": [{"containerPort": 70000}]}),
        "containerPort: must be 1 to 65535, found 70000",
    ),
    "a port's name twice": (
        deployment(container={"ports": [{"containerPort": number, "name": "p"} for number in (1, 2)]}),
        "name: stands twice: p",
    ),
    "a variable's two values": (
        deployment(
            container={
                "env": [
                    {"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
                ]
            }
        ),
        "env[A].valueFrom: may not be set beside value",
    ),
    "a variable twice": (
        deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        "stands twice: A",
    ),
    "a path mounted twice": (
        deployment(
            {"volumes": [VOLUME]},
            {"volumeMounts": [{"name": "v", "mountPath": "/x"}, {"name": "v", "mountPath": "/x"}]},
        ),
        'mountPath: stands twice, found "/x"',
    ),
    "a mount of no volume": (mounting("v", "w"), 'name: is no volume of the pod, found "w"'),
    "a volume of two kinds": (
        deployment({"volumes": [{**VOLUME, "secret": {"secretName": "s"}}]}),
        "may not have more than one source: emptyDir and secret",
    ),
    "a probe of two kinds": (
        deployment(container={"livenessProbe": {**HTTP, "exec": {"command": ["a"]}}}),
        "livenessProbe.httpGet: may not have more than one handler: exec and httpGet",
    ),
    "a limit below the request": (
        deployment(container={"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}),
        "resources.requests.memory: must be at most the limit of 1Gi, found 2Gi",
    ),
    "a quantity that is none": (
        deployment(container={"resources": {"requests": {"memory": "1GB"}}}),
        'requests.memory: must be an amount such as 500m or 2Gi, found "1GB"',
    ),
    "two ports without names": (
        service({"port": 80}, {"port": 81}),
        "ports[80/TCP].name: required where",
    ),
    "a minute of 99": (cron_job("99 * * * *"), "spec.schedule: has no minute from 0 to 59 in '99'"),
    "a time zone in the schedule": (cron_job("TZ=UTC * * * * *"), "spec.schedule: must not name a time zone"),
    "a path that is not one": (ingress("nope"), 'path: must begin with /, found "nope"'),
    "a host with capitals": (ingress(host="Foo_bar"), "host: must be lower-case"),
    "more replicas at least than at most": (
        autoscaler(minReplicas=5),
        "spec.maxReplicas: must be at least minReplicas of 5, found 3",
    ),
    "a budget with both bounds": (
        an_object("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "maxUnavailable": 1}),
        "spec.maxUnavailable: may not stand beside minAvailable",
    ),
    "a key that is no file": (an_object("v1", "ConfigMap", data={"a b/c": "x"}), "must be letters, digits"),
    "a secret that is not base64": (
        an_object("v1", "Secret", data={"a": "no base64!"}),
        "data.a: must be base64",
    ),
    "a megabyte and a byte": (
        an_object("v1", "ConfigMap", data={"a": "x" * (2**20 + 1)}),
        "data: may hold 1,048,576 bytes, and holds 1,048,577",
    ),
    "a certificate without its key": (
        an_object("v1", "Secret", type="kubernetes.io/tls", data={"tls.crt": ""}),
        '["tls.key"]: required for the type kubernetes.io/tls, and absent',
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_api_server_refuses_is_told_with_its_field(body: Body, message: str) -> None:
    assert message in "\n".join(told(body))


TAKEN: dict[str, Body] = {
    "a megabyte of data": an_object("v1", "ConfigMap", data={"a": "x" * 2**20}),
    "binary data counted decoded": an_object(
        "v1", "ConfigMap", binaryData={"a": base64.b64encode(b"\xff" * 1_000_000).decode()}
    ),
    "a volume without a source, which is an empty directory": deployment({"volumes": [{"name": "v"}]}),
    "numbers as quantities": deployment(container={"resources": {"limits": {"cpu": 0.5, "memory": 1e9}}}),
    "names of months and days": cron_job("0 0 1 jan-dec/2 MON,tue"),
    "a question mark and a step": cron_job("*/5 ? 1-31/2 * 0-6"),
    "every so often": cron_job("@every 1h30m"),
    "one port without a name": service({"port": 80}),
    "no ports where there is no address": an_object("v1", "Service", spec={"clusterIP": "None"}),
    "a host for all below": ingress(host="*.a.example"),
    "any path that an implementation reads": ingress(path_type="ImplementationSpecific", path="/.*"),
    "requests that are the limits": deployment(
        container={"resources": {"limits": {"cpu": 1}, "requests": {"cpu": "1000m"}}}
    ),
    "both as percentages": deployment(strategy={"rollingUpdate": {"maxSurge": "200%", "maxUnavailable": 0}}),
    "a claim of the set's own": an_object(
        "apps/v1",
        "StatefulSet",
        spec={
            **deployment(container={"volumeMounts": [{"name": "data", "mountPath": "/d"}]})["spec"],
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }
            ],
        },
    ),
    "null as absent": deployment({"volumes": None, "nodeSelector": None}, {"env": None, "resources": None}),
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_what_the_api_server_takes_is_not_accused(body: Body) -> None:
    assert told(body) == []


@pytest.mark.parametrize("body", KINDS, ids=lambda body: f"{body['kind']}/{body['metadata']['name']}")
def test_an_object_of_every_kind_is_taken(body: Body) -> None:
    assert told(body) == []


def test_a_value_of_a_secret_is_not_said() -> None:
    body = an_object("v1", "Secret", type="kubernetes.io/dockerconfigjson", data={"a": "p455word!"})
    assert told(body)
    assert "p455word" not in str(told(body))


WEIRD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=6,
)


@given(body=st.sampled_from(KINDS), data=st.data())
def test_whatever_stands_in_a_field_is_judged(body: Body, data: st.DataObject) -> None:
    changed = copy.deepcopy(body)
    owner, step = data.draw(st.sampled_from(list(_places(changed))))
    owner[step] = data.draw(WEIRD)
    try:
        object_ = Object(changed)
    except InvalidObject:
        return
    assert isinstance(told(dict(object_.body)), list)


@pytest.mark.parametrize("body", KINDS, ids=lambda body: body["kind"])
def test_whatever_stands_in_a_list_is_judged(body: Body) -> None:
    for index, (owner, step) in enumerate(_places(body)):
        if isinstance(owner[step], list):
            for odd in (None, 7, "x", [], {}):
                changed = copy.deepcopy(body)
                owner, step = next(islice(_places(changed), index, None))
                owner[step] = [odd]
                assert isinstance(told(changed), list)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for step, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, step
        if isinstance(below, dict | list):
            yield from _places(below)


LOWER = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(name=LOWER, label=LOWER, port=st.integers(1, 65535))
def test_names_that_follow_the_grammar_are_taken(name: str, label: str, port: int) -> None:
    body = service({"port": port, "name": label}, name=name)
    body["metadata"]["labels"] = {f"{label}.example/{name}": label}
    assert told(body) == []


@given(name=st.text("abcXYZ_ .-/", min_size=1, max_size=70))
def test_a_config_map_is_told_exactly_where_its_name_is_no_domain(name: str) -> None:
    labels = name.split(".")
    is_domain = all(
        label and set(label) <= set("abc-") and label[0] != "-" and label[-1] != "-" for label in labels
    )
    assert bool(told(an_object("v1", "ConfigMap", name))) is not is_domain

"""Each rule knows kinds of changes, not names: it speaks of what a test invents, whatever that is called.

`SPEAKS` has for each rule a change of its kind with invented names and values, in which it must speak.
`BESIDE` has for each rule that calls something safe an invented change close by, which proves nothing and
must wait.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.fleet import IgnoredField
from deploy_orchestrator.risk import RULES, Verdict
from tests.risk.conftest import BASE, edited, planned
from tests.risk.test_invented import hosts, words

Body = dict[str, Any]
Sides = tuple[list[Any] | None, list[Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]
Invention = Callable[[Draw], "Sides | tuple[Sides, Body]"]

NAMESPACE: Final = "analytics-production"
WEB: Final = "Deployment/web"
STORE: Final = "StatefulSet/postgresql"
POD: Final = "spec.template.spec"
CONTAINER: Final = f"{POD}.containers[web]"
NUMBERS: Final = st.integers(1, 40)
SPEAKS: Final[dict[str, Invention]] = {}
BESIDE: Final[dict[str, Invention]] = {}


def speaks(rule: str) -> Callable[[Invention], Invention]:
    return lambda invention: SPEAKS.setdefault(rule, invention)


def beside(rule: str) -> Callable[[Invention], Invention]:
    return lambda invention: BESIDE.setdefault(rule, invention)


def pair(of: str, path: str, before: Any, after: Any, base: Sequence[Any] = BASE) -> Sides:
    """The objects with another value at a path of one of them; None: nothing stands there."""
    both = [
        edited([*base], {"set": {of: {path: each}}}) if each is not None else [*base]
        for each in (before, after)
    ]
    return both[0], both[1]


def new(*objects: Body) -> Sides:
    return BASE, [*BASE, *objects]


def gone(*objects: Body) -> Sides:
    return [*BASE, *objects], BASE


def made(kind: str, version: str, name: str, *, cluster: bool = False, **body: Any) -> Body:
    metadata = {"name": name, **({} if cluster else {"namespace": NAMESPACE}), **body.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def workload(name: str, image: str, kind: str = "Deployment", **pod: Any) -> Body:
    container = {"name": name, "image": image, **pod.pop("container", {})}
    spec = {"automountServiceAccountToken": False, "containers": [container], **pod}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return made(
        kind, "apps/v1", name, spec={"selector": {"matchLabels": {"app": name}}, "template": template}
    )


def job(name: str, image: str, command: Sequence[str] = (), **annotations: str) -> Body:
    container = {"name": name, "image": image, **({"command": [*command]} if command else {})}
    pod = {"automountServiceAccountToken": False, "restartPolicy": "Never", "containers": [container]}
    spec = {"template": {"spec": pod}}
    return made(
        "Job", "batch/v1", name, spec=spec, metadata={"annotations": annotations} if annotations else {}
    )


def hook(name: str, image: str, event: str = "pre-upgrade", **annotations: str) -> Body:
    return job(name, image, **{"helm.sh/hook": event, **annotations})


def image(draw: Draw, before: str, after: str, kind: str = "Deployment") -> Sides:
    name = draw(words)
    path = f"acme/{name}x"
    both = [[*BASE, workload(name, f"{path}:{each}", kind)] for each in (before, after)]
    return both[0], both[1]


def variable(name: str, before: Any, after: Any) -> Sides:
    old, late = ({"name": name, "value": each} if each is not None else None for each in (before, after))
    return pair(WEB, f"{CONTAINER}.env[{name}]", old, late)


def role(draw: Draw) -> tuple[Body, str]:
    name = draw(words)
    return {"apiGroups": [draw(hosts)], "resources": [name], "verbs": ["get"]}, name


def version(draw: Draw) -> tuple[int, int, int]:
    return draw(st.tuples(NUMBERS, NUMBERS, NUMBERS))


def text(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


@speaks("check-failed")
def _(draw: Draw) -> Any:
    found = {"rule": draw(words), "severity": "error", "message": draw(words), "fix": draw(words)}
    return (BASE, BASE), {"findings": [found]}


@speaks("dependency-conflict")
def _(draw: Draw) -> Any:
    found = {"rule": "dependency-conflict", "severity": "error", "message": draw(words), "fix": draw(words)}
    return (BASE, BASE), {"findings": [found]}


@speaks("check-excepted")
def _(draw: Draw) -> Any:
    found = {
        "rule": draw(words),
        "severity": "warning",
        "message": draw(words),
        "fix": draw(words),
        "excepted": True,
    }
    return (BASE, BASE), {"findings": [found]}


@speaks("hook-unknown")
def _(draw: Draw) -> Sides:
    return new(hook(draw(words), "acme/a:1.0.0", f"{draw(words)}-x"))


@speaks("selector-misses")
def _(draw: Draw) -> Sides:
    one = workload(draw(words), "acme/a:1.0.0")
    one["spec"]["selector"]["matchLabels"][f"{draw(words)}-x"] = draw(words)
    return new(one)


@speaks("immutable-field")
def _(draw: Draw) -> Sides:
    return pair(STORE, "spec.serviceName", draw(words), f"{draw(words)}-x")


@speaks("immutable-data")
def _(draw: Draw) -> Sides:
    return pair("ConfigMap/fixed-config", f"data.{draw(words)}", None, draw(words))


@speaks("volume-shrinks")
def _(draw: Draw) -> Sides:
    less = draw(NUMBERS)
    return pair(
        "PersistentVolumeClaim/shared", "spec.resources.requests.storage", f"{less + 1}Gi", f"{less}Gi"
    )


@speaks("volume-grows")
def _(draw: Draw) -> Sides:
    less = draw(NUMBERS)
    return pair(
        "PersistentVolumeClaim/shared", "spec.resources.requests.storage", f"{less}Gi", f"{less + 1}Gi"
    )


@speaks("object-recreated")
def _(draw: Draw) -> Sides:
    options = {"annotations": {"argocd.argoproj.io/sync-options": "Force=true,Replace=true"}}
    name, key = draw(words), draw(words)
    both = [made("ConfigMap", "v1", name, data={key: each}, metadata=options) for each in ("a", "b")]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("migration")
def _(draw: Draw) -> Sides:
    name, tool = draw(words), draw(st.sampled_from(["alembic", "flyway", "liquibase", "migrate"]))
    both = [
        {**hook(name, "acme/a:1.0.0"), "spec": job(name, "acme/a:1.0.0", [tool, each])["spec"]}
        for each in ("one", draw(words))
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("may-migrate")
def _(draw: Draw) -> Sides:
    """Told of a database by a variable, an argument, a port, a file, a Secret or what stands in that, or by
    what it waits for, however all that is called.
    """
    name, mark = draw(words), draw(st.sampled_from(["database", "db", "postgres", "mysql", "mongodb"]))
    setting = f"{draw(words)}_{mark}_{draw(words)}".upper()
    address = f"postgresql://{draw(hosts)}/{draw(words)}"
    way = draw(
        st.sampled_from(
            ["variable", "value", "argument", "port", "secret", "all of a secret", "keys", "file", "wait"]
        )
    )
    port = draw(st.sampled_from([3306, 5432, 27017]))
    waits = {"name": draw(words), "image": "busybox:1.36.0", "args": ["nc", "-z", f"{draw(words)}:{port}"]}
    container: Body = {
        "variable": {"env": [{"name": setting, "value": draw(words)}]},
        "value": {"env": [{"name": draw(words).upper(), "value": address}]},
        "argument": {"args": [f"--{draw(words)}={address}"]},
        "secret": {
            "env": [{"name": setting, "valueFrom": {"secretKeyRef": {"name": draw(words), "key": "a"}}}]
        },
        "port": {"args": [f"--{draw(words)}={draw(hosts)}:{port}"]},
        "all of a secret": {"envFrom": [{"secretRef": {"name": f"{draw(words)}-{mark}"}}]},
        "keys": {"envFrom": [{"secretRef": {"name": f"{name}-keys"}}]},
        "wait": {},
        "file": {"volumeMounts": [{"name": "c", "mountPath": "/c"}]},
    }[way]
    file = made(
        "ConfigMap", "v1", f"{name}-file", data={"a.yaml": f"{draw(words)}: {{{draw(words)}: '{address}'}}"}
    )
    keys = made("Secret", "v1", f"{name}-keys", data={setting: "eA=="})
    volumes: Body = {
        "file": {"volumes": [{"name": "c", "configMap": {"name": f"{name}-file"}}]},
        "wait": {"initContainers": [waits]},
    }.get(way, {})
    both = [
        workload(name, f"acme/{name}x:1.{minor}.0", container=container, **volumes)
        for minor in (0, draw(NUMBERS))
    ]
    return [*BASE, file, keys, both[0]], [*BASE, file, keys, both[1]]


@speaks("init-changed")
def _(draw: Draw) -> Sides:
    name, path = draw(words), draw(words)
    both = [
        workload(name, "acme/a:1.0.0", initContainers=[{"name": "x", "image": f"acme/{path}x:1.0.{each}"}])
        for each in (0, draw(NUMBERS))
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("hook-changed")
def _(draw: Draw) -> Sides:
    name, path = draw(words), draw(words)
    both = [hook(f"x{name}", f"acme/{path}:1.0.{each}") for each in (0, draw(NUMBERS))]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("job-runs")
def _(draw: Draw) -> Sides:
    return new(job(f"x{draw(words)}", "acme/a:1.0.0"))


@speaks("hook-order")
def _(draw: Draw) -> Sides:
    one, other = (
        hook(f"{draw(words)}-{each}", "acme/a:1.0.0", **{"helm.sh/hook-weight": each}) for each in "12"
    )
    late = hook(
        one["metadata"]["name"], "acme/a:1.0.0", **{"helm.sh/hook-weight": str(draw(st.integers(3, 99)))}
    )
    return [*BASE, one, other], [*BASE, late, other]


def waved(draw: Draw, before: int, after: int) -> Sides:
    name = draw(words)
    return (
        [*BASE, hook(name, "acme/a:1.0.0", **{"helm.sh/hook-weight": str(before)})],
        [*BASE, hook(name, "acme/a:1.0.0", **{"helm.sh/hook-weight": str(after)})],
    )


@speaks("hook-order-kept")
def _(draw: Draw) -> Sides:
    return waved(draw, 10, 10 + draw(NUMBERS))


@beside("hook-order-kept")
def _(draw: Draw) -> Sides:
    return waved(draw, 10, -10 - draw(NUMBERS))


@speaks("hook-renamed")
def _(draw: Draw) -> Sides:
    name, number = draw(words), draw(NUMBERS)
    return [*BASE, hook(f"{name}-{number}", "acme/a:1.0.0")], [
        *BASE,
        hook(f"{name}-{number + 1}", "acme/a:1.0.0"),
    ]


@beside("hook-renamed")
def _(draw: Draw) -> Sides:
    name = draw(words)
    return [*BASE, hook(f"{name}-1", "acme/a:1.0.0")], [
        *BASE,
        hook(f"{name}-2", f"acme/a:1.0.{draw(NUMBERS)}"),
    ]


@speaks("test-changed")
def _(draw: Draw) -> Sides:
    name = draw(words)
    both = [hook(f"x{name}", f"acme/{each}:1.0.0", "test") for each in ("a", f"{draw(words)}x")]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("data-deleted")
def _(draw: Draw) -> Sides:
    return gone(made("Secret", "v1", f"x{draw(words)}"))


@speaks("object-deleted")
def _(draw: Draw) -> Sides:
    return gone(made(draw(words).title(), f"{draw(hosts)}/v1", draw(words)))


@speaks("statefulset-recreated")
def _(draw: Draw) -> Sides:
    path = draw(words)
    old, other = (workload(f"{draw(words)}-{each}", f"acme/{path}:1.0.0", "StatefulSet") for each in "ab")
    return [*BASE, old], [*BASE, other]


@speaks("claims-not-kept")
def _(draw: Draw) -> Sides:
    when = draw(st.sampled_from(["whenDeleted", "whenScaled"]))
    return pair(STORE, f"spec.persistentVolumeClaimRetentionPolicy.{when}", "Retain", "Delete")


@speaks("image-updated")
def _(draw: Draw) -> Sides:
    numbers = version(draw)
    return image(draw, text(numbers), text((*numbers[:2], numbers[2] + draw(NUMBERS))))


@beside("image-updated")
def _(draw: Draw) -> Sides:
    numbers = version(draw)
    return image(draw, text(numbers), f"{text((*numbers[:2], numbers[2] + 1))}-{draw(words)}")


@speaks("image-pinned")
def _(draw: Draw) -> Sides:
    digest = draw(st.text("0123456789abcdef", min_size=64, max_size=64))
    return image(draw, "1.0.0", f"1.0.{draw(NUMBERS)}@sha256:{digest}")


@speaks("image-major")
def _(draw: Draw) -> Sides:
    """By the first number that is not zero."""
    numbers, first = version(draw), draw(st.integers(0, 2))
    before = [0 if index < first else number for index, number in enumerate(numbers)]
    after = [*before[:first], before[first] + draw(NUMBERS), *before[first + 1 :]]
    return image(draw, text(before), text(after))


@speaks("image-downgraded")
def _(draw: Draw) -> Sides:
    numbers = version(draw)
    return image(draw, text((*numbers[:2], numbers[2] + 1)), text(numbers))


@speaks("image-replaced")
def _(draw: Draw) -> Sides:
    name = draw(words)
    both = [workload(name, f"{each}/x:1.0.0") for each in ("acme", f"{draw(hosts)}")]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("image-unclear")
def _(draw: Draw) -> Sides:
    """By words, or from one version that is none yet to another."""
    if draw(st.booleans()):
        return image(draw, f"a{draw(words)}", f"b{draw(words)}")
    numbers, unfinished = version(draw), draw(st.sampled_from(["alpha", "beta", "rc", "nightly"]))
    after = (*numbers[:2], numbers[2] + draw(NUMBERS))
    return image(draw, f"{text(numbers)}-{unfinished}", f"{text(after)}-{unfinished}")


@speaks("image-unwatched")
def _(draw: Draw) -> Sides:
    path, numbers = draw(words), version(draw)
    after = (numbers[0], numbers[1] + draw(NUMBERS), draw(NUMBERS))
    container = "spec.jobTemplate.spec.template.spec.containers[report]"
    both = (f"acme/{path}x:{text(each)}" for each in (numbers, after))
    return pair("CronJob/report", f"{container}.image", *both)


@speaks("database-image")
def _(draw: Draw) -> Sides:
    """By a claim, by a port, by the names of its pods, or by how it is called."""
    way = draw(st.sampled_from(["claim", "port", "set", "name"]))
    name = draw(words)
    path = f"acme/{draw(words)}{'db' if way == 'name' else 'x'}"
    mounted = (
        {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": draw(words)}}]}
        if way == "claim"
        else {}
    )
    container: Body = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]} if way == "claim" else {}
    if way == "port":
        container = {
            "ports": [{"containerPort": draw(st.sampled_from([3306, 5432, 6379, 9042, 9092, 27017]))}]
        }
    kind = "StatefulSet" if way == "set" else "Deployment"
    both = [
        workload(name, f"{path}:1.{minor}.0", kind, container=container, **mounted)
        for minor in (0, draw(NUMBERS))
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


def charts(before: str, after: str) -> Any:
    return (BASE, BASE), {"chart": [before, after]}


@speaks("chart-replaced")
def _(draw: Draw) -> Any:
    return charts(f"a{draw(words)} 1.0.0", f"b{draw(words)} 1.0.0")


@speaks("chart-major")
def _(draw: Draw) -> Any:
    name, numbers = draw(words), version(draw)
    return charts(f"{name} {text(numbers)}", f"{name} {text((numbers[0] + 1, 0, 0))}")


@speaks("chart-downgraded")
def _(draw: Draw) -> Any:
    name, numbers = draw(words), version(draw)
    return charts(f"{name} {text((*numbers[:2], numbers[2] + 1))}", f"{name} {text(numbers)}")


@speaks("chart-updated")
def _(draw: Draw) -> Any:
    name, numbers = draw(words), version(draw)
    return charts(f"{name} {text(numbers)}", f"{name} {text((*numbers[:2], numbers[2] + 1))}")


@beside("chart-updated")
def _(draw: Draw) -> Any:
    name, other = draw(words), draw(words)
    return charts(f"{name} 1.0.0", f"{other}-x 1.0.1")


def definition(draw: Draw) -> tuple[str, str]:
    return (
        "CustomResourceDefinition/widgets.acme.example",
        f"spec.versions[v1].schema.openAPIV3Schema.properties.spec.properties.x{draw(words)}",
    )


@speaks("crd-stored-version")
def _(draw: Draw) -> Sides:
    schema = {"schema": {"openAPIV3Schema": {"type": "object"}}, "served": True}
    old = {"name": f"v1{draw(words)}", "storage": True, **schema}
    other = {"name": f"v2{draw(words)}", "storage": True, **schema}
    name = f"{draw(words)}.acme.example"
    both = [
        made(
            "CustomResourceDefinition",
            "apiextensions.k8s.io/v1",
            name,
            cluster=True,
            spec={"versions": [each]},
        )
        for each in (old, other)
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("crd-narrowed")
def _(draw: Draw) -> Sides:
    of, path = definition(draw)
    return pair(of, path, {"type": "string"}, {"type": "string", "maxLength": draw(NUMBERS)})


@speaks("crd-widened")
def _(draw: Draw) -> Sides:
    of, path = definition(draw)
    return pair(of, path, None, {"type": draw(st.sampled_from(["string", "integer", "object"]))})


@beside("crd-widened")
def _(draw: Draw) -> Sides:
    of, path = definition(draw)
    return pair(of, path, None, {"type": "string", "default": draw(words)})


@speaks("crd-added")
def _(draw: Draw) -> Sides:
    name = f"{draw(words)}.{draw(hosts)}"
    return new(
        made("CustomResourceDefinition", "apiextensions.k8s.io/v1", name, cluster=True, spec={"versions": []})
    )


def roles(before: Any, after: Any) -> Sides:
    return pair("Role/web", "rules", before, after)


@speaks("rights-widened")
def _(draw: Draw) -> Sides:
    rule, name = role(draw)
    return roles([rule], [{**rule, "resources": [name, f"{name}/{draw(words)}"]}])


@speaks("rights-narrowed")
def _(draw: Draw) -> Sides:
    rule, name = role(draw)
    return roles([{**rule, "resources": [name, f"{name}/{draw(words)}"]}], [rule])


@speaks("rights-rewritten")
def _(draw: Draw) -> Sides:
    rule, name = role(draw)
    other = f"{name}/{draw(words)}"
    return roles([{**rule, "resources": [name, other]}], [rule, {**rule, "resources": [other]}])


@beside("rights-rewritten")
def _(draw: Draw) -> Sides:
    """A user whose name is put together as kind, namespace and name of another are."""
    space, name, binding = draw(words), draw(words), draw(words)
    group = {"apiGroup": "rbac.authorization.k8s.io"}
    subjects = ({"name": f"{space}/{name}"}, {"namespace": space, "name": name})
    both = [
        made(
            "RoleBinding",
            "rbac.authorization.k8s.io/v1",
            binding,
            roleRef={**group, "kind": "Role", "name": "web"},
            subjects=[{"kind": "User", **group, **each}],
        )
        for each in subjects
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("privilege-added")
def _(draw: Draw) -> Sides:
    more = {"drop": ["ALL"], "add": [f"X_{draw(words)}".upper()]}
    return pair(WEB, f"{CONTAINER}.securityContext.capabilities", {"drop": ["ALL"]}, more)


def context(draw: Draw, path: str, before: Any, after: Any) -> Sides:
    name = draw(words)
    both = [
        workload(
            name, "acme/a:1.0.0", container={"securityContext": {path: each}} if each is not None else {}
        )
        for each in (before, after)
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("confined")
def _(draw: Draw) -> Sides:
    return context(draw, "allowPrivilegeEscalation", draw(st.sampled_from([None, True])), False)


@beside("confined")
def _(draw: Draw) -> Sides:
    return context(draw, f"x{draw(words)}", None, draw(st.booleans() | NUMBERS))


@speaks("pod-security-lowered")
def _(draw: Draw) -> Sides:
    label = 'metadata.labels."pod-security.kubernetes.io/enforce"'
    levels = draw(
        st.sampled_from([("restricted", "baseline"), ("baseline", "privileged"), ("restricted", "x")])
    )
    return pair(f"Namespace/{NAMESPACE}", label, *levels)


@speaks("identity-changed")
def _(draw: Draw) -> Sides:
    return pair(WEB, f"{POD}.serviceAccountName", "web", f"x{draw(words)}")


@speaks("network-loosened")
def _(draw: Draw) -> Sides:
    peer = {"podSelector": {"matchLabels": {draw(words): draw(words)}}}
    return pair("NetworkPolicy/web", "spec.egress[0].to", [peer], [peer, {"ipBlock": {"cidr": "0.0.0.0/0"}}])


@speaks("reachability-widened")
def _(draw: Draw) -> Sides:
    peer = {"podSelector": {"matchLabels": {draw(words): draw(words)}}}
    return pair("NetworkPolicy/web", "spec.egress[0].to", [peer], [{**peer, "namespaceSelector": {}}])


@speaks("network-tightened")
def _(draw: Draw) -> Sides:
    peers = [{"podSelector": {"matchLabels": {draw(words): f"{each}{draw(words)}"}}} for each in "ab"]
    return pair("NetworkPolicy/web", "spec.egress[0].to", peers, peers[:1])


@speaks("address-changed")
def _(draw: Draw) -> Sides:
    return pair("Ingress/web", "spec.rules[analytics.example.com].host", "analytics.example.com", draw(hosts))


@speaks("exposed")
def _(draw: Draw) -> Sides:
    kind = draw(st.sampled_from(["LoadBalancer", "NodePort"]))
    spec = {"type": kind, "selector": {"app": draw(words)}, "ports": [{"port": draw(NUMBERS)}]}
    return new(made("Service", "v1", f"x{draw(words)}", spec=spec))


def replicas(draw: Draw, before: int, after: int, **pod: Any) -> Sides:
    name = draw(words)
    both = [workload(name, "acme/x:1.0.0", **pod) for _ in range(2)]
    for each, count in zip(both, (before, after), strict=True):
        each["spec"]["replicas"] = count
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("replicas-zero")
def _(draw: Draw) -> Sides:
    return replicas(draw, draw(NUMBERS), 0)


@speaks("replicas-down")
def _(draw: Draw) -> Sides:
    left = draw(NUMBERS)
    return replicas(draw, left + draw(NUMBERS), left)


@speaks("replicas-up")
def _(draw: Draw) -> Sides:
    count = draw(st.integers(2, 40))
    return replicas(draw, count, count + draw(st.integers(1, count)))


@beside("replicas-up")
def _(draw: Draw) -> Sides:
    count = draw(st.integers(2, 40))
    return replicas(draw, count, count * 2 + draw(NUMBERS))


@speaks("replicas-fixed")
def _(draw: Draw) -> Sides:
    there = edited(BASE, {"unset": {WEB: ["spec.replicas"]}})
    return pair(WEB, "spec.replicas", None, draw(NUMBERS), there)


@speaks("hold-lifted")
def _(draw: Draw) -> Sides:
    name, said = draw(words), {"schedule": "@daily", "jobTemplate": {"spec": job(draw(words), "x:1")["spec"]}}
    both = [
        made("CronJob", "batch/v1", name, spec={**said, **suspended})
        for suspended in ({}, {"suspend": False})
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("members-join")
def _(draw: Draw) -> Sides:
    count = draw(st.integers(2, 40))
    volume = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": draw(words)}}]}
    return replicas(draw, count, count + 1, **volume)


def limit(before: int, after: int) -> Sides:
    return pair("HorizontalPodAutoscaler/web", "spec.maxReplicas", before, after)


@speaks("scaling-limit")
def _(draw: Draw) -> Sides:
    most = draw(st.integers(4, 40))
    return limit(most + draw(NUMBERS), most)


@speaks("scaling-limit-up")
def _(draw: Draw) -> Sides:
    most = draw(st.integers(4, 40))
    return limit(most, most + draw(st.integers(1, most)))


@beside("scaling-limit-up")
def _(draw: Draw) -> Sides:
    most = draw(st.integers(4, 40))
    return limit(most, most * 2 + draw(NUMBERS))


@speaks("not-rolled")
def _(draw: Draw) -> Sides:
    kind, group, name = draw(words).title(), draw(hosts), draw(words)
    both = [
        {**workload(name, f"acme/x:1.0.{each}"), "kind": kind, "apiVersion": f"{group}/v1"} for each in (0, 1)
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("probe-removed")
def _(draw: Draw) -> Sides:
    probe, name = draw(st.sampled_from(["livenessProbe", "readinessProbe", "startupProbe"])), draw(words)
    there = workload(name, "acme/x:1.0.0", container={probe: {"tcpSocket": {"port": draw(NUMBERS)}}})
    return [*BASE, there], [*BASE, workload(name, "acme/x:1.0.0")]


def probed(draw: Draw, probe: Body) -> Sides:
    name = draw(words)
    return [*BASE, workload(name, "acme/x:1.0.0")], [
        *BASE,
        workload(name, "acme/x:1.0.0", container={"livenessProbe": probe}),
    ]


@speaks("probe-eased")
def _(draw: Draw) -> Sides:
    return probed(draw, {"httpGet": {"path": f"/{draw(words)}/healthz", "port": draw(NUMBERS)}})


@beside("probe-eased")
def _(draw: Draw) -> Sides:
    return probed(draw, {"httpGet": {"path": f"/healthz/x{draw(words)}", "port": draw(NUMBERS)}})


@speaks("history-limit")
def _(draw: Draw) -> Sides:
    kept = draw(NUMBERS)
    return pair(WEB, "spec.revisionHistoryLimit", kept, kept + draw(NUMBERS))


@beside("history-limit")
def _(draw: Draw) -> Sides:
    return pair(WEB, "spec.revisionHistoryLimit", draw(NUMBERS), 0)


@speaks("more-time")
def _(draw: Draw) -> Sides:
    return pair(WEB, f"{POD}.terminationGracePeriodSeconds", None, 30 + draw(NUMBERS))


@beside("more-time")
def _(draw: Draw) -> Sides:
    """As much to a kind that nobody knows."""
    kind, name = draw(words).title(), draw(words)
    both = [
        made(kind, "argoproj.io/v1", name, spec={"minReadySeconds": each}) for each in (1, 1 + draw(NUMBERS))
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


def autoscaler(name: str, api: str, share: int, said: Body) -> Body:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return made(
        "HorizontalPodAutoscaler", api, name, spec={"maxReplicas": share, "scaleTargetRef": target, **said}
    )


def rescaled(draw: Draw, measured: str, after: int) -> Sides:
    name = draw(words)
    target = {"type": "Utilization", "averageUtilization": after}
    metrics = [{"type": "Resource", "resource": {"name": measured, "target": target}}]
    old = autoscaler(name, "autoscaling/v1", 9, {"targetCPUUtilizationPercentage": 50})
    return [*BASE, old], [*BASE, autoscaler(name, "autoscaling/v2", 9, {"metrics": metrics})]


@speaks("autoscaler-rewritten")
def _(draw: Draw) -> Sides:
    return rescaled(draw, "cpu", 50)


@beside("autoscaler-rewritten")
def _(draw: Draw) -> Sides:
    return rescaled(draw, draw(words), 50)


def apart(draw: Draw) -> tuple[str, Body]:
    term = {"topologyKey": draw(hosts), "labelSelector": {"matchLabels": {draw(words): draw(words)}}}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}
    return f"{POD}.affinity", preferred


@speaks("preference-changed")
def _(draw: Draw) -> Sides:
    path, preferred = apart(draw)
    return pair(WEB, path, None, {"podAntiAffinity": preferred})


@beside("preference-changed")
def _(draw: Draw) -> Sides:
    path, preferred = apart(draw)
    return draw(
        st.sampled_from(
            [
                pair(WEB, path, None, {"podAffinity": preferred}),
                pair(WEB, path, {"podAntiAffinity": preferred}, None),
            ]
        )
    )


def budget(name: str, **spec: Any) -> Body:
    selector = {"matchLabels": {"app": name}}
    return made("PodDisruptionBudget", "policy/v1", name, spec={"selector": selector, **spec})


def kept(draw: Draw, pods: int, before: Body | None, after: Body | None) -> Sides:
    name = draw(words)
    one = workload(name, "acme/x:1.0.0")
    one["spec"]["replicas"] = pods
    both = [[*BASE, one, *([budget(name, **each)] if each else [])] for each in (before, after)]
    return both[0], both[1]


@speaks("budget-stops")
def _(draw: Draw) -> Sides:
    pods = draw(NUMBERS)
    return kept(draw, pods, None, {"minAvailable": pods})


@speaks("budget-loosened")
def _(draw: Draw) -> Sides:
    least = draw(NUMBERS)
    return kept(draw, least + 3, {"minAvailable": least + 1}, {"minAvailable": least})


@speaks("budget-tightened")
def _(draw: Draw) -> Sides:
    least = draw(NUMBERS)
    return kept(draw, least + 3, {"minAvailable": least}, {"minAvailable": least + 1})


@beside("budget-tightened")
def _(draw: Draw) -> Sides:
    """A budget for pods of a Job, of which nobody can say how many there should be."""
    name = f"x{draw(words)}"
    work = job(name, "acme/x:1.0.0")
    work["spec"]["template"]["metadata"] = {"labels": {"app": name}}
    return [*BASE, work], [*BASE, work, budget(name, maxUnavailable=draw(NUMBERS))]


def amounts(draw: Draw, kind: str, what: str, before: str | None, after: str | None) -> Sides:
    name = draw(words)
    both = [
        workload(name, "acme/x:1.0.0", container={"resources": {kind: {what: each}}} if each else {})
        for each in (before, after)
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("resources-cut")
def _(draw: Draw) -> Sides:
    left = draw(NUMBERS)
    what = draw(st.sampled_from(["memory", "ephemeral-storage"]) | words.map("acme.example/{}".format))
    return amounts(draw, "requests", what, str(left + draw(NUMBERS)), str(left))


@speaks("limit-dropped")
def _(draw: Draw) -> Sides:
    return amounts(draw, "limits", draw(words), str(draw(NUMBERS)), None)


@speaks("resources-trimmed")
def _(draw: Draw) -> Sides:
    left = draw(NUMBERS)
    return amounts(draw, "requests", "cpu", f"{left + draw(st.integers(1, left))}m", f"{left}m")


@beside("resources-trimmed")
def _(draw: Draw) -> Sides:
    left = draw(NUMBERS)
    return amounts(draw, "requests", "cpu", f"{left * 2 + draw(NUMBERS)}m", f"{left}m")


@speaks("resources-up")
def _(draw: Draw) -> Sides:
    least = draw(NUMBERS)
    return amounts(draw, "requests", "memory", f"{least}Mi", f"{draw(st.integers(least + 1, least * 4))}Mi")


@beside("resources-up")
def _(draw: Draw) -> Sides:
    least = draw(NUMBERS)
    return amounts(draw, "limits", f"{draw(hosts)}/{draw(words)}", str(least), str(least + draw(NUMBERS)))


@speaks("resources-multiplied")
def _(draw: Draw) -> Sides:
    kind, least = draw(st.sampled_from(["limits", "requests"])), draw(NUMBERS)
    return amounts(draw, kind, "memory", f"{least}Mi", f"{least * 4 + draw(NUMBERS)}Mi")


@speaks("guarantee-lost")
def _(draw: Draw) -> Sides:
    name, had = draw(words), {"cpu": str(draw(NUMBERS)), "memory": f"{draw(NUMBERS)}Gi"}
    what = draw(st.sampled_from(["cpu", "memory"]))
    both = [
        workload(name, "acme/x:1.0.0", container={"resources": {"requests": had, "limits": {**had, **more}}})
        for more in ({}, {what: "99Gi"})
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


def quota(draw: Draw, before: int, after: int) -> Sides:
    what = f"count/{draw(words)}"
    return pair("ResourceQuota/quota", f'spec.hard."{what}"', str(before), str(after))


@speaks("quota-lowered")
def _(draw: Draw) -> Sides:
    left = draw(NUMBERS)
    return quota(draw, left + draw(NUMBERS), left)


@speaks("quota-widened")
def _(draw: Draw) -> Sides:
    was = draw(st.integers(0, 40))
    return quota(draw, was, was * 2 + draw(NUMBERS))


@speaks("quota-raised")
def _(draw: Draw) -> Sides:
    was = draw(NUMBERS)
    return quota(draw, was, was + draw(st.integers(1, was)))


@beside("quota-raised")
def _(draw: Draw) -> Sides:
    return quota(draw, 0, draw(NUMBERS))


@speaks("containers-changed")
def _(draw: Draw) -> Sides:
    name, other = draw(words), f"{draw(words)}-x"
    one, both = workload(name, "acme/x:1.0.0"), workload(name, "acme/x:1.0.0")
    both["spec"]["template"]["spec"]["containers"].append(
        {"name": other, "image": f"acme/{draw(words)}:1.0.0"}
    )
    return [*BASE, one], [*BASE, both]


def mounted(draw: Draw, entries: Sequence[Body], sums: Sequence[str]) -> Sides:
    """Pods that read a ConfigMap, and what they and it say before and after."""
    name = draw(words)
    sides = [
        (
            made("ConfigMap", "v1", name, data=entry),
            workload(name, "acme/x:1.0.0", volumes=[{"name": "c", "configMap": {"name": name}}]),
        )
        for entry in entries
    ]
    for (_, pods), each in zip(sides, sums, strict=True):
        pods["spec"]["template"]["metadata"]["annotations"] = {"checksum/config": each}
    return [*BASE, *sides[0]], [*BASE, *sides[1]]


@speaks("configuration-rolled")
def _(draw: Draw) -> Sides:
    key = draw(words)
    return mounted(draw, [{key: "a"}, {key: draw(words)}], ["1", "2"])


@beside("configuration-rolled")
def _(draw: Draw) -> Sides:
    """A file that one reader takes for the same, and the next does not."""
    key, value = draw(words), draw(words)
    form, before, after = draw(
        st.sampled_from(
            [
                ("properties", f"{key}={value}", f"{key}={value} "),
                ("ini", f"a = b\n{key} = {value}", f"a = b\n  {key} = {value}"),
                ("ini", f"{key} = {value}", f"{key}: {value}"),
                ("env", f"{key}={value}", f"{key}= {value}"),
                ("yaml", f"#{key}\na: 1", f"# {key}\na: 1"),
                ("yaml", "a: 1", f"a: 1\n# {{{{ {key} }}}}"),
            ]
        )
    )
    return mounted(draw, [{f"a.{form}": before}, {f"a.{form}": after}], ["1", "2"])


@speaks("configuration-not-rolled")
def _(draw: Draw) -> Sides:
    key = draw(words)
    return mounted(draw, [{key: "a"}, {key: draw(words)}], ["1", "1"])


@speaks("secret-changed")
def _(draw: Draw) -> Sides:
    return variable(
        f"{draw(words)}_{draw(st.sampled_from(['PASSWORD', 'TOKEN', 'SECRET']))}", "a", draw(words)
    )


@speaks("store-changed")
def _(draw: Draw) -> Sides:
    mark = draw(st.sampled_from(["BUCKET", "DATABASE", "REDIS", "KAFKA", "MYSQL"]))
    return variable(f"{draw(words)}_{mark}_{draw(words)}".upper(), "a", draw(words))


@speaks("setting-unclear")
def _(draw: Draw) -> Sides:
    return variable(f"X_{draw(words)}".upper(), "a", draw(words))


def drawn(draw: Draw, *inner: Body) -> Sides:
    name, file = draw(words), f"{draw(words)}.json"
    both = [
        made("ConfigMap", "v1", name, data={file: json.dumps({"schemaVersion": 30, "panels": [each]})})
        for each in inner
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("dashboard-changed")
def _(draw: Draw) -> Sides:
    return drawn(draw, {}, {draw(words): draw(words)})


@beside("dashboard-changed")
def _(draw: Draw) -> Sides:
    return drawn(draw, {draw(words): {"alert": {"name": draw(words)}}}, {})


@speaks("environment-changed")
def _(draw: Draw) -> Sides:
    return variable(f"{draw(words)}_LOG_LEVEL".upper(), "info", draw(st.sampled_from(["debug", "warn"])))


@beside("environment-changed")
def _(draw: Draw) -> Sides:
    """A version that is the image's by chance."""
    name, what = draw(words), f"x{draw(words)}_VERSION"
    both = [
        workload(name, f"acme/x:1.0.{each}", container={"env": [{"name": what, "value": f"1.0.{each}"}]})
        for each in (0, draw(NUMBERS))
    ]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("labels-changed")
def _(draw: Draw) -> Sides:
    return pair(WEB, 'metadata.labels."helm.sh/chart"', None, f"{draw(words)}-{text(version(draw))}x")


@beside("labels-changed")
def _(draw: Draw) -> Sides:
    return pair(WEB, f'metadata.labels."{draw(hosts)}/{draw(words)}"', None, draw(words))


@speaks("selected-label")
def _(draw: Draw) -> Sides:
    name, label = draw(words), draw(words)
    both = [workload(name, "acme/x:1.0.0") for _ in range(2)]
    both[1]["spec"]["template"]["metadata"]["labels"][f"x{label}"] = draw(words)
    service = made(
        "Service", "v1", name, spec={"selector": {f"x{label}": draw(words)}, "ports": [{"port": 80}]}
    )
    return [*BASE, service, both[0]], [*BASE, service, both[1]]


@speaks("annotations-changed")
def _(draw: Draw) -> Sides:
    value = draw(st.text("0123456789abcdef", min_size=40, max_size=64)) + "0"
    return pair(WEB, f'spec.template.metadata.annotations."{draw(words)}/config-hash"', None, value)


@beside("annotations-changed")
def _(draw: Draw) -> Sides:
    """Named like a check sum, and none: an injector takes it for what to fetch."""
    name = f"{draw(hosts)}/agent-inject-secret-hash"
    return pair(WEB, f'spec.template.metadata.annotations."{name}"', None, draw(words))


def listed(draw: Draw, field: str) -> Sides:
    items = [f"{each}{draw(words)}" for each in "ab"]
    rule = {"apiGroups": [draw(hosts)], "resources": ["x"], "verbs": ["get"]}
    return roles([{**rule, field: items}], [{**rule, field: items[::-1]}])


@speaks("order-only")
def _(draw: Draw) -> Sides:
    return listed(draw, draw(st.sampled_from(["resources", "verbs", "resourceNames"])))


@beside("order-only")
def _(draw: Draw) -> Sides:
    names = [f"{each}{draw(words)}" for each in "ab"]
    kind, group, name = draw(words).title(), draw(hosts), draw(words)
    both = [made(kind, f"{group}/v1", name, spec={"verbs": each}) for each in (names, names[::-1])]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("default-written")
def _(draw: Draw) -> Sides:
    name = draw(words)
    told = draw(
        st.sampled_from([{"dnsPolicy": "ClusterFirst"}, {"restartPolicy": "Always"}, {"tolerations": []}])
    )
    return [*BASE, workload(name, "acme/x:1.0.0")], [*BASE, workload(name, "acme/x:1.0.0", **told)]


@beside("default-written")
def _(draw: Draw) -> Sides:
    """In a kind of which Kubernetes does not say what holds by default."""
    kind, group, name = draw(words).title(), draw(hosts), draw(words)
    both = [made(kind, f"{group}/v1", name, spec=each) for each in ({}, {"type": "ClusterIP"})]
    return [*BASE, both[0]], [*BASE, both[1]]


@speaks("same-amount")
def _(draw: Draw) -> Sides:
    amount = draw(NUMBERS)
    return amounts(draw, "requests", "memory", f"{amount}Gi", f"{amount * 1024}Mi")


@beside("same-amount")
def _(draw: Draw) -> Sides:
    amount = draw(NUMBERS)
    return amounts(draw, "requests", "memory", f"{amount}G", f"{amount * 953}Mi")


@speaks("namespace-written")
def _(draw: Draw) -> Sides:
    kind, group, name = draw(words).title(), draw(hosts), draw(words)
    both = [made(kind, f"{group}/v1", name, cluster=each, spec={}) for each in (True, False)]
    return [*BASE, both[0]], [*BASE, both[1]]


@beside("namespace-written")
def _(draw: Draw) -> Sides:
    kind, group, name = draw(words).title(), draw(hosts), draw(words)
    old = made(kind, f"{group}/v1", name, cluster=True, spec={})
    other = made(kind, f"{group}/v1", name, spec={}, metadata={"namespace": f"x{draw(words)}"})
    return [*BASE, old], [*BASE, other]


@speaks("object-added")
def _(draw: Draw) -> Sides:
    return new(made("ConfigMap", "v1", f"x{draw(words)}", data={draw(words): draw(words)}))


@beside("object-added")
def _(draw: Draw) -> Sides:
    """New pods that are told of a store, or a Service that something calls already."""
    name, host = f"x{draw(words)}", draw(hosts)
    told = {
        "env": [
            {"name": f"{draw(words)}_{draw(st.sampled_from(['DB', 'REDIS', 'KAFKA']))}_URL", "value": host}
        ]
    }
    called = workload("caller", "acme/x:1.0.0", container={"args": [f"--{draw(words)}=http://{name}:80/"]})
    service = made("Service", "v1", name, spec={"selector": {"app": draw(words)}, "ports": [{"port": 80}]})
    return draw(
        st.sampled_from(
            [new(workload(name, "acme/x:1.0.0", container=told)), ([*BASE, called], [*BASE, called, service])]
        )
    )


@speaks("joins-existing")
def _(draw: Draw) -> Sides:
    name, key, value = f"x{draw(words)}", draw(words), draw(words)
    service = made("Service", "v1", name, spec={"selector": {key: value}, "ports": [{"port": 80}]})
    pods = workload(name, "acme/x:1.0.0")
    pods["spec"]["template"]["metadata"]["labels"][key] = value
    return [*BASE, service], [*BASE, service, pods]


@speaks("reaches-others")
def _(draw: Draw) -> Sides:
    return new(made(draw(words).title(), f"{draw(hosts)}/v1", draw(words), cluster=True, spec={}))


@speaks("first-release")
def _(draw: Draw) -> Sides:
    return None, [made("ConfigMap", "v1", draw(words), data={draw(words): draw(words)})]


@beside("first-release")
@speaks("first-release-shared")
def _(draw: Draw) -> Sides:
    return None, [made(draw(words).title(), f"{draw(hosts)}/v1", draw(words), cluster=True, spec={})]


@speaks("takeover")
def _(draw: Draw) -> Any:
    sides = (None, [made("ConfigMap", "v1", draw(words))])
    return sides, {"goes": {"namespace": f"x{draw(words)}"}}


@speaks("takeover-proved")
def _(draw: Draw) -> Any:
    sides = (None, [made("ConfigMap", "v1", draw(words))])
    return sides, {"goes": {"namespace": f"x{draw(words)}"}, "takeover": {"kept": draw(NUMBERS)}}


@speaks("sync-changed")
def _(draw: Draw) -> Any:
    how = draw(st.sampled_from(["jsonPointers", "jqPathExpressions", "managedFieldsManagers"]))
    ignored = {"kind": draw(words).title(), how: [f"/{draw(words)}"]}
    options = ["RespectIgnoreDifferences=true"] * draw(st.integers(0, 1))
    return (BASE, BASE), {"sync": {"options": options, "ignoreDifferences": [ignored]}}


@speaks("destination-changed")
def _(draw: Draw) -> Any:
    return (BASE, BASE), {"goes": {draw(st.sampled_from(["cluster", "namespace"])): f"x{draw(words)}"}}


def unknown(draw: Draw) -> tuple[str, Sides]:
    field = f"x{draw(words)}"
    return field, pair(WEB, f"spec.{field}", None, draw(words))


@speaks("unknown-change")
def _(draw: Draw) -> Sides:
    return unknown(draw)[1]


@speaks("null-written")
def _(draw: Draw) -> Sides:
    name, told = draw(words), {"told": draw(words)}
    said = {**told, f"x{draw(words)}": None}
    return [*BASE, made("ConfigMap", "v1", name, data=told)], [
        *BASE,
        made("ConfigMap", "v1", name, data=said),
    ]


@speaks("field-ignored")
def _(draw: Draw) -> Any:
    field, sides = unknown(draw)
    return sides, {"ignored": f"spec.{field}"}


@beside("field-ignored")
def _(draw: Draw) -> Any:
    field, sides = unknown(draw)
    return sides, {"ignored": f"spec.{field}y"}


def judged(invention: Invention, draw: Draw) -> Any:
    told: Any = invention(draw)
    (before, after), case = told if isinstance(told[1], dict) else (told, {})
    ignored = [
        IgnoredField(
            kind="apps/Deployment", path=field, reason="x", expires=datetime.now(UTC) + timedelta(days=1)
        )
        for field in [case.get("ignored")]
        if field
    ]
    return planned(before, after, case, ignore=ignored)


inventing = settings(max_examples=12, deadline=None)


@pytest.mark.parametrize("rule", sorted(SPEAKS))
@inventing
@given(data=st.data())
def test_each_rule_speaks_of_what_is_of_its_kind_whatever_it_is_called(
    rule: str, data: st.DataObject
) -> None:
    plan = judged(SPEAKS[rule], data.draw)
    assert rule in {each.rule for each in plan.reasons}, [(each.rule, each.saw) for each in plan.reasons]


@pytest.mark.parametrize("rule", sorted(BESIDE))
@inventing
@given(data=st.data())
def test_what_is_close_to_a_safe_kind_and_proves_nothing_waits(rule: str, data: st.DataObject) -> None:
    plan = judged(BESIDE[rule], data.draw)
    assert plan.verdict is not Verdict.SAFE, [(each.rule, each.saw) for each in plan.reasons]


def test_no_rule_is_without_inventions() -> None:
    safe: Mapping[str, Verdict] = {rule.id: rule.severity for rule in RULES}
    assert SPEAKS.keys() == safe.keys()
    assert BESIDE.keys() == {rule for rule, severity in safe.items() if severity is Verdict.SAFE}

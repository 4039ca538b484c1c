"""Single changes as hostile and experienced reviewers would try them: none of the risky ones is safe, and the
harmless ones are.

`corpora/*.yaml` hold them by topic. A change is told by what differs, `[before, after]` (null: not there):
`env` variables, `args`, the `files` of a mounted ConfigMap that rolls its pods, `image`s of a workload of its
own, `pod` parts of it, the `spec` around it, whole `objects`, or as `cases/` tell it.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy_orchestrator.risk import Verdict
from tests.risk.conftest import BASE, edited, planned

NAMESPACE: Final = "analytics-production"
WEB: Final = "Deployment/web"
CONTAINER: Final = "spec.template.spec.containers[web]"
Body = dict[str, Any]


def corpus(name: str) -> list[Any]:
    topics = yaml.load((Path(__file__).parent / "corpora" / f"{name}.yaml").read_text(), yaml.CSafeLoader)
    return [
        pytest.param(change, id=f"{topic}: {change['says']}")
        for topic, changes in topics.items()
        for change in changes
    ]


def sides(change: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """All objects before and after a change."""
    told = {name: value for name, value in change.items() if name not in {"says", "base"}}
    base = [] if change.get("base") == "none" else BASE
    if told.keys() & {"image", "pod", "spec"}:
        before, after = (workload(told, side) for side in (0, 1))
        beside = [[placed(each) for each in told.get("beside", ())]] * 2
        return [*base, *beside[0], before], [*base, *beside[1], after]
    if "objects" in told:
        old, new = ([placed(each) for each in side or ()] for side in told["objects"])
        return [*base, *old], [*base, *new]
    if told.keys() & {"env", "args", "files"}:
        return edited(BASE, settings(told, 0)), edited(BASE, settings(told, 1))
    old = edited(BASE, change.get("before", {}))
    return old, edited(old, dict(change))


def settings(told: Mapping[str, Any], side: int) -> dict[str, Any]:
    fields: Body = {}
    for name, pair in told.get("env", {}).items():
        if pair[side] is not None:
            value = pair[side] if isinstance(pair[side], dict) else {"value": str(pair[side])}
            fields[f"{CONTAINER}.env[{name}]"] = {"name": name, **value}
    if "args" in told:
        fields[f"{CONTAINER}.args"] = told["args"][side]
    files = {
        f'data."{name}"': pair[side] for name, pair in told.get("files", {}).items() if pair[side] is not None
    }
    if files:
        fields['spec.template.metadata.annotations."checksum/config"'] = f"{side}" * 8
    return {"set": {WEB: fields, **({"ConfigMap/web-config": files} if files else {})}}


def workload(told: Mapping[str, Any], side: int) -> Body:
    """A workload of its own: one container, hardened, with the parts that a change gives it."""
    pod: Body = {
        "automountServiceAccountToken": False,
        "containers": [
            {"name": "app", "image": "ghcr.io/acme/app:1.0.0", **copy.deepcopy(told.get("container", {}))}
        ],
        **copy.deepcopy(told.get("with", {})),
    }
    if "image" in told:
        pod["containers"][0]["image"] = told["image"][side]
    merge(pod, (told.get("pod") or [{}, {}])[side] or {})
    labels = told.get("labels", {"app": "app"})
    spec: Body = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "app"}},
        "template": {"metadata": {"labels": {**labels}}, "spec": pod},
    }
    merge(spec, told.get("set", {}))
    merge(spec, (told.get("spec") or [{}, {}])[side] or {})
    kind = told.get("kind", "Deployment")
    return placed({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "app"}, "spec": spec})


def merge(into: Body, more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if name == "containers" and isinstance(value, dict):
            merge(into["containers"][0], value)
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = copy.deepcopy(value)


def placed(each: Mapping[str, Any]) -> Body:
    """An object in the tenant's namespace, but for one that says that it is of the `cluster`."""
    body = {name: copy.deepcopy(value) for name, value in each.items() if name != "cluster"}
    if not each.get("cluster"):
        body["metadata"].setdefault("namespace", NAMESPACE)
    return body


@pytest.mark.parametrize("change", corpus("risky"))
def test_no_risky_change_is_safe(change: Mapping[str, Any]) -> None:
    before, after = sides(change)
    assert planned(before, after, {}).verdict is not Verdict.SAFE


@pytest.mark.parametrize("change", corpus("harmless"))
def test_harmless_changes_go_out_alone(change: Mapping[str, Any]) -> None:
    before, after = sides(change)
    plan = planned(before, after, {})
    assert plan.verdict is Verdict.SAFE, [(each.rule, each.saw) for each in plan.reasons]


@pytest.mark.parametrize("change", [*corpus("risky"), *corpus("harmless")])
def test_each_change_of_the_corpora_changes_something(change: Mapping[str, Any]) -> None:
    before, after = sides(change)
    assert before != after

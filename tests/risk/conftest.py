import copy
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.fleet import (
    ChartReference,
    Deployment,
    Destination,
    Environment,
    IgnoredField,
    Policy,
    Quota,
    RuleOverride,
    Syncing,
    TakeoverEvidence,
    Tenant,
    TenantNamespace,
)
from deploy_orchestrator.manifests import ChartUsed, Finding, Manifests, Object, ReleaseUsed
from deploy_orchestrator.releases import Plan, Release, SourceChange, digest_of, make_plan

HERE = Path(__file__).parent
BASE = [body for body in yaml.load_all((HERE / "base.yaml").read_text(), yaml.CSafeLoader) if body]
COMMIT = "a" * 40


def edited(objects: list[Any], case: dict[str, Any]) -> list[Any]:
    """`objects` with what a case says: `set` and `unset` fields, `remove` and `add` objects."""
    result = {f"{each['kind']}/{each['metadata']['name']}": copy.deepcopy(each) for each in objects}
    for name, fields in case.get("set", {}).items():
        for path, value in fields.items():
            put(result[name], path, value)
    for name, paths in case.get("unset", {}).items():
        for path in paths:
            put(result[name], path, None)
    for name in case.get("remove", ()):
        del result[name]
    return [*result.values(), *case.get("add", ())]


def put(value: Any, path: str, new: Any) -> None:
    """Set what stands at a path such as `spec.containers[web].image`; None takes it away."""
    *steps, last = [step for step in re.findall(r"\[[^\]]+\]|\"[^\"]+\"|[^.\[\"]+", path) if step]
    for step in steps:
        value = below(value, step)
    if isinstance(value, list):
        index = next((number for number, item in enumerate(value) if named(item, last)), len(value))
        value[index : index + 1] = [] if new is None else [new]
    elif new is None:
        del value[last.strip('"')]
    else:
        value[last.strip('"')] = copy.deepcopy(new)


def below(value: Any, step: str) -> Any:
    if isinstance(value, list):
        found = [item for item in value if named(item, step)]
        return found[0] if found else value[int(step[1:-1])]
    return value.setdefault(step.strip('"'), {})


def named(item: Any, step: str) -> bool:
    return step[1:-1] in (item.get("name"), str(item.get("port")), item.get("host"))


@pytest.fixture(scope="session")
def judged() -> Callable[..., Plan]:
    """The plan for replacing the base, changed by `before`, with the base changed by a case."""

    def plan(
        case: dict[str, Any],
        overrides: dict[str, RuleOverride] | None = None,
        checks: dict[str, RuleOverride] | None = None,
        ignore: Sequence[IgnoredField] = (),
    ) -> Plan:
        old = edited(BASE, case.get("before", {}))
        return planned(old, edited(old, case), case, overrides, checks, ignore)

    return plan


def planned(
    old: list[Any] | None,
    new: list[Any],
    case: dict[str, Any],
    overrides: dict[str, RuleOverride] | None = None,
    checks: dict[str, RuleOverride] | None = None,
    ignore: Sequence[IgnoredField] = (),
) -> Plan:
    chart_before, chart_after = map(
        chart_used, case.get("chart", ["dagster-tenant 1.4.2", "dagster-tenant 1.4.2"])
    )
    candidate = Manifests(tuple(map(Object, new)), chart_after)
    before = None if old is None else Manifests(tuple(map(Object, old)))
    goes = {"cluster": "main", "server": "https://main.example.com", "namespace": "analytics-production"}
    goes |= case.get("goes", {})
    environment = Environment(
        name="production",
        cluster=goes["cluster"],
        kubernetes="1.34",
        policy=Policy(rules=overrides or {}, checks=checks or {}, ignore=tuple(ignore)),
    )
    tenant = Tenant(
        name="analytics",
        chart=ChartReference(name="dagster-tenant", version="1.x"),
        environments=("production",),
        quota=Quota(cpu="8", memory="16Gi", storage="40Gi", pods=40),
        owners=("owner@example.com",),
        namespace=TenantNamespace(existing=case.get("existing", False)),
        sync=Syncing.model_validate(case.get("sync", {})),
    )
    return make_plan(
        Deployment(environment, tenant, goes["namespace"], goes["server"]),
        source=SourceChange(commit=COMMIT, authors=("author@example.com",), signed=True),
        candidate=candidate,
        released=None if before is None else released(before, chart_before),
        released_manifests=before,
        findings=[Finding(object=None, **finding) for finding in case.get("findings", ())],
        after=(),
        takeover=TakeoverEvidence(
            **{"content": candidate.content, "live": candidate.content, **case["takeover"]}
        )
        if "takeover" in case
        else None,
    )


def chart_used(text: str) -> ChartUsed:
    """The chart `web 1.0.0`, or those of several releases: `front=web 1.0.0, store=redis 2.0.0`."""
    named = [each.rpartition("=") for each in text.split(", ")]
    releases = tuple(
        ReleaseUsed(release=release, name=name, version=version)
        for release, _, chart in named
        for name, version in [chart.split()]
    )
    last = releases[-1]
    return ChartUsed(name=last.name, version=last.version, releases=releases if "=" in text else None)


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """The plan for replacing any objects with others."""
    return planned


def released(manifests: Manifests, chart: ChartUsed) -> Release:
    return Release(
        format=2,
        environment="production",
        tenant="analytics",
        namespace="analytics-production",
        cluster="main",
        server="https://main.example.com",
        digest=digest_of(
            environment="production",
            tenant="analytics",
            destination=Destination("main", "https://main.example.com", "analytics-production"),
            content=manifests.content,
            base=None,
            replaces=None,
        ),
        content=manifests.content,
        chart=chart,
        source=SourceChange(commit=COMMIT, authors=("author@example.com",), signed=True),
        revision=COMMIT,
        path="manifests/production/analytics",
        released_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        commit=COMMIT,
    )

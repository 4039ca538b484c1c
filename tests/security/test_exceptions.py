"""A tenant's own exception lets nothing past a check before somebody else approved it."""

from typing import Any

from deploy_orchestrator.fleet import CheckException, Deployment, RuleOverride
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object, check
from deploy_orchestrator.risk import Judgement, Verdict, assess
from tests.manifests.test_check import deployment, sound

CHART = ChartUsed(name="app", version="0.1.0")


def excepting(rule: str, checks: dict[str, RuleOverride]) -> Deployment:
    ours = deployment()
    given = {"rule": rule, "reason": "so I say", "expires": "2999-01-01T00:00:00Z"}
    tenant = ours.tenant.model_copy(update={"exceptions": (CheckException.model_validate(given),)})
    policy = ours.environment.policy.model_copy(update={"checks": checks})
    environment = ours.environment.model_copy(update={"policy": policy})
    return Deployment(environment, tenant, ours.namespace, ours.server)


def manifests(greeting: str, **secret: Any) -> Manifests:
    bodies = sound()
    bodies["secret"].update(secret)
    bodies["secret"]["metadata"]["annotations"] = {"example.com/greeting": greeting}
    return Manifests(tuple(map(Object, bodies.values())), CHART)


PLAIN = {"data": {"password": "aHVudGVyMg=="}}


def judged(
    candidate: Manifests, before: Manifests | None, checks: dict[str, RuleOverride] | None = None
) -> Judgement:
    ours = excepting("plain-secret", checks or {})
    found = check(candidate, ours)
    return assess(
        ours, candidate=candidate, before=before, chart_before=CHART if before else None, findings=found
    )


def severities(judgement: Judgement) -> dict[str, Verdict]:
    return {each.rule: each.severity for each in judgement.reasons if each.check == "plain-secret"}


def test_a_tenants_own_exception_waits_for_a_person_once() -> None:
    """For what is not live, or is live without need of it; once it is live with it, it asks no more."""
    asked = {"check-excepted": Verdict.NEEDS_APPROVAL}
    assert severities(judged(manifests("hello", **PLAIN), None)) == asked
    assert severities(judged(manifests("hello", **PLAIN), manifests("hello"))) == asked
    assert severities(judged(manifests("hi", **PLAIN), manifests("hello", **PLAIN))) == {}


def test_no_exception_lifts_what_the_policy_says_is_blocked() -> None:
    blocked = {"plain-secret": RuleOverride(severity=Verdict.BLOCKED, reason="never")}
    live = manifests("hello", **PLAIN)
    assert severities(judged(manifests("hi", **PLAIN), live, blocked)) == {"check-failed": Verdict.BLOCKED}

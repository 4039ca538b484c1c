"""How what the rules see becomes a verdict: first releases, policies, wording, secrets, odd objects."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.fleet import RuleOverride
from deploy_orchestrator.risk import RULES, UnknownRule, Verdict

BASE = list(yaml.load_all((Path(__file__).parent / "base.yaml").read_text(), yaml.CSafeLoader))
BUMP = {"set": {"Deployment/web": {"spec.template.spec.containers[web].image": "ghcr.io/acme/web:2.0.0"}}}
SECRET = "c4n4ry-Hunter2"


def test_nothing_changed_is_safe_without_a_reason(judged):
    plan = judged({})
    assert (plan.verdict, plan.reasons) == (Verdict.SAFE, ())


OWN = [each for each in BASE if each["kind"] != "CustomResourceDefinition"]


def test_a_first_release_is_safe_whatever_hooks_and_roles_of_its_own_it_brings(plan_of):
    plan = plan_of(None, OWN, {})
    assert [reason.rule for reason in plan.reasons] == ["first-release"]
    assert plan.verdict is Verdict.SAFE
    assert plan.summary.added == len(OWN)


def test_a_first_release_into_a_namespace_that_somebody_else_made_needs_approval(plan_of):
    """A live object there may be another than what the chart prints."""
    plan = plan_of(None, OWN, {"existing": True})
    assert [reason.rule for reason in plan.reasons] == ["takeover"]
    assert plan.verdict is Verdict.NEEDS_APPROVAL


def test_a_first_release_into_another_namespace_than_the_environment_gives_needs_approval(plan_of):
    """Whatever its author says of who has made it."""
    plan = plan_of(None, OWN, {"goes": {"namespace": "cert-manager"}})
    assert "takeover" in {reason.rule for reason in plan.reasons}
    assert plan.verdict is Verdict.NEEDS_APPROVAL


def test_what_a_dry_run_says_of_a_takeover_is_a_reason(plan_of):
    case = {"existing": True, "takeover": {"kept": 3, "would": ["ConfigMap apps/web would change: data.a"]}}
    plan = plan_of(None, OWN, case)
    assert [reason.rule for reason in plan.reasons] == ["takeover"]
    assert plan.reasons[0].saw == "a dry run says: ConfigMap apps/web would change: data.a"


def test_a_takeover_is_safe_only_where_its_dry_run_is_empty_and_the_policy_trusts_its_record(plan_of):
    trusting = {
        "takeover-proved": RuleOverride(severity=Verdict.SAFE, reason="approvers alone write the fleet")
    }
    proved = {"existing": True, "takeover": {"kept": 3}}
    assert plan_of(None, OWN, proved).verdict is Verdict.NEEDS_APPROVAL
    assert plan_of(None, OWN, proved, trusting).verdict is Verdict.SAFE
    others = {"content": f"sha256:{'b' * 64}", "kept": 3}
    for unproved in ({"existing": True}, {"existing": True, "takeover": others}):
        plan = plan_of(None, OWN, unproved, trusting)
        assert (plan.verdict, plan.takeover) == (Verdict.NEEDS_APPROVAL, None)


def named(kind, api_version, *, cluster=False, labels=None, **body):
    metadata = {"name": "x", "labels": labels or {}} | (
        {} if cluster else {"namespace": "analytics-production"}
    )
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


@pytest.mark.parametrize(
    "shared",
    [
        named("Service", "v1", spec={"externalIPs": ["192.0.2.1"], "ports": [{"port": 80}]}),
        named("Ingress", "networking.k8s.io/v1", spec={"rules": [{"http": {"paths": []}}]}),
        named("Ingress", "networking.k8s.io/v1", spec={"rules": [{"host": "*.example.com"}]}),
        named("Ingress", "networking.k8s.io/v1", spec={"defaultBackend": {"service": {"name": "web"}}}),
        named("ClusterIssuer", "cert-manager.io/v1", cluster=True, spec={"selfSigned": {}}),
        named("PriorityClass", "scheduling.k8s.io/v1", cluster=True, value=1, globalDefault=True),
        named("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1", cluster=True, webhooks=[]),
        named(
            "ClusterRole",
            "rbac.authorization.k8s.io/v1",
            cluster=True,
            labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"},
            rules=[],
        ),
        *[each for each in BASE if each["kind"] == "CustomResourceDefinition"],
    ],
    ids=lambda each: each["kind"],
)
def test_a_first_release_that_reaches_others_needs_approval(plan_of, shared):
    plan = plan_of(None, [*OWN, shared], {})
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    assert plan.reasons[0].rule == "first-release-shared"


def test_a_first_release_is_blocked_where_it_would_not_apply(plan_of):
    broken = copy.deepcopy(OWN)
    broken[-1]["metadata"]["annotations"]["helm.sh/hook"] = "tset"
    plan = plan_of(None, broken, {})
    assert {reason.rule for reason in plan.reasons} == {"first-release", "hook-unknown"}
    assert plan.verdict is Verdict.BLOCKED


def test_a_policy_raises_a_rule_and_says_why(plan_of):
    raised = {"first-release": RuleOverride(severity=Verdict.NEEDS_APPROVAL, reason="sales signs first")}
    plan = plan_of(None, OWN, {}, raised)
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    assert plan.reasons[0].policy == "sales signs first (it is safe otherwise)"


def test_a_policy_lowers_a_rule_and_says_why(judged):
    lowered = {"image-major": RuleOverride(severity=Verdict.SAFE, reason="we test majors in staging")}
    plan = judged(BUMP, lowered)
    assert plan.verdict is Verdict.SAFE
    assert plan.reasons[0].policy == "we test majors in staging (it is needs-approval otherwise)"


def test_a_policy_on_a_rule_that_does_not_exist_is_refused_with_the_nearest_name(judged):
    with pytest.raises(UnknownRule, match="did you mean 'image-major'"):
        judged(BUMP, {"image-mayor": RuleOverride(severity=Verdict.SAFE, reason="x")})


FOUND = {
    "findings": [
        {"rule": "image-unpinned", "severity": "error", "message": "web has no tag.", "fix": "give one"},
        {"rule": "plain-secret", "severity": "error", "message": "web-secret is plain.", "fix": "seal it"},
    ]
}


def override(severity):
    return RuleOverride(severity=severity, reason="until summer")


def test_a_policy_gives_one_check_another_verdict_and_the_others_block(judged):
    plan = judged(FOUND, checks={"image-unpinned": override(Verdict.NEEDS_APPROVAL)})
    assert plan.verdict is Verdict.BLOCKED
    assert {reason.check: (reason.severity, reason.policy) for reason in plan.reasons} == {
        "plain-secret": (Verdict.BLOCKED, None),
        "image-unpinned": (Verdict.NEEDS_APPROVAL, "until summer (of the check image-unpinned)"),
    }


def test_what_a_policy_says_of_a_check_goes_before_what_it_says_of_the_rule(judged):
    lax = {"check-failed": override(Verdict.SAFE)}
    plan = judged(FOUND, lax, {"plain-secret": override(Verdict.BLOCKED)})
    assert {each.check: each.severity for each in plan.reasons} == {
        "plain-secret": Verdict.BLOCKED,
        "image-unpinned": Verdict.SAFE,
    }


def test_a_check_that_a_policy_lets_pass_is_told_all_the_same(judged):
    plan = judged(FOUND, checks={name: override(Verdict.SAFE) for name in ("image-unpinned", "plain-secret")})
    assert plan.verdict is Verdict.SAFE
    assert {each.check for each in plan.reasons} == {"image-unpinned", "plain-secret"}
    assert all(each.policy for each in plan.reasons)


def test_a_policy_on_a_check_that_does_not_exist_is_refused_with_the_nearest_name(judged):
    with pytest.raises(UnknownRule, match="did you mean 'plain-secret'") as raised:
        judged(BUMP, checks={"plain-secrets": override(Verdict.SAFE)})
    assert raised.value.place
    assert raised.value.place.field == "environments[].policy.checks.plain-secrets"


def test_the_gravest_reasons_come_first(judged):
    plan = judged(
        {
            "set": {
                "Deployment/web": {"spec.replicas": 5, "spec.selector.matchLabels.a": "b"},
                "CronJob/report": {"spec.schedule": "@daily"},
            }
        }
    )
    assert [reason.severity for reason in plan.reasons] == [
        Verdict.BLOCKED,
        Verdict.BLOCKED,
        Verdict.NEEDS_APPROVAL,
        Verdict.SAFE,
    ]


def test_what_safe_rules_saw_of_no_object_is_told_in_one_reason(judged):
    chart = {'metadata.labels."helm.sh/chart"': "postgresql-12.1.10"}
    plan = judged(
        {"chart": ["dagster-tenant 1.4.2", "dagster-tenant 1.4.3"], "set": {"StatefulSet/postgresql": chart}}
    )
    (updated,) = [reason for reason in plan.reasons if reason.rule == "chart-updated"]
    assert updated.saw == "chart dagster-tenant 1.4.2 → 1.4.3; chart postgresql 12.1.9 → 12.1.10"
    assert updated.object is None


def test_every_reason_says_what_it_saw_why_that_matters_and_what_to_do(judged):
    (reason,) = judged(BUMP).reasons
    assert reason.rule == "image-major"
    assert reason.object == "Deployment analytics-production/web"
    assert reason.saw == "web: ghcr.io/acme/web:1.4.2 → ghcr.io/acme/web:2.0.0"
    assert reason.why
    assert reason.do


def test_every_rule_has_an_id_of_its_own_and_all_its_words():
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert all((rule.id, rule.sees, rule.why, rule.do))
        assert rule.why.endswith(".")
        assert rule.do.endswith(".")


SECRETIVE = {
    "Secret/web-secret": {"data.password": SECRET, "data.token": SECRET, "stringData": {"key": SECRET}},
    "ConfigMap/web-config": {"data.password": SECRET, "data.DATABASE_URL": f"postgresql://u:{SECRET}@h/db"},
    "Deployment/web": {
        "spec.template.spec.containers[web].env[DATABASE_URL].value": f"postgresql://u:{SECRET}@h/db",
        "spec.template.spec.containers[web].env[NEW]": {"name": "NEW", "value": SECRET},
        "spec.template.spec.containers[web].args": ["--password", SECRET],
        'spec.template.metadata.annotations."checksum/config"': SECRET,
        "metadata.annotations": {"token": SECRET},
    },
    "Job/migrate-1.4.2": {
        "spec.template.spec.containers[migrate].command": ["migrate", f"--password={SECRET}"],
        "spec.template.spec.containers[migrate].env": [{"name": "PASSWORD", "value": SECRET}],
    },
    "Ingress/web": {'metadata.annotations."auth"': SECRET},
}


@pytest.mark.parametrize("hidden", ["before", "after"])
def test_no_secret_value_stands_in_a_plan(judged, hidden):
    case = (
        {"set": SECRETIVE} if hidden == "after" else {"before": {"set": SECRETIVE}, "set": other(SECRETIVE)}
    )
    plan = judged(case)
    assert len(plan.reasons) > 5
    assert SECRET not in plan.model_dump_json()


def other(fields):
    return {
        name: {
            path: yaml.safe_load(yaml.safe_dump(value).replace(SECRET, "x")) for path, value in each.items()
        }
        for name, each in fields.items()
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "50%", "1Gi", "*", "web"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "image", "spec", "rules", "env", "value", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def mangled(draw):
    """One of the base's objects with something in it replaced by anything."""
    body = copy.deepcopy(draw(st.sampled_from(BASE)))
    place = body
    for _ in range(draw(st.integers(1, 7))):
        keys = [key for key in place if place is not body or key not in {"apiVersion", "kind", "metadata"}]
        keys = keys if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(json_values)
            break
        place = place[key]
    return body


@settings(max_examples=150, deadline=None)
@given(mangled())
def test_objects_of_any_shape_are_judged_and_a_change_never_goes_without_a_reason(plan_of, body):
    same = [
        each
        for each in BASE
        if (each["kind"], each["metadata"]["name"]) != (body["kind"], body["metadata"]["name"])
    ]
    for old, new in ((BASE, [*same, body]), ([*same, body], BASE), (None, [*same, body])):
        plan = plan_of(old, new, {})
        changed = plan.summary.added + plan.summary.changed + plan.summary.removed
        assert bool(plan.reasons) or not changed

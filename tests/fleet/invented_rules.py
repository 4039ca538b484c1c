"""Rules as anybody might write them, and somebody who tries to get past them."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from deploy_orchestrator.fleet import (
    ApprovalRule,
    BreakGlass,
    IgnoredField,
    ImagePolicy,
    MachineToken,
    PauseRule,
    Policy,
    RuleOverride,
    Rules,
    Wave,
    Window,
)
from deploy_orchestrator.terms import Verdict


def key_of(number: int) -> str:
    """A public key, for lines that nothing is verified by."""
    kind = b"ssh-ed25519"
    return base64.b64encode(len(kind).to_bytes(4) + kind + (32).to_bytes(4) + bytes([number] * 32)).decode()


PEOPLE = ("ann@example.com", "bob@example.com", "cat@example.com")
LINES = tuple(f"{who} ssh-ed25519 {key_of(number)}" for who in PEOPLE for number in (1, 2))
REGISTRIES = ("ghcr.io", "ghcr.io/acme", "ghcr.io/acme/app", "quay.io")


WEEKEND = Window.model_validate(
    {
        "every": "FREQ=WEEKLY;BYDAY=FR",
        "start": "2026-01-02T18:00",
        "lasts": "62h",
        "timeZone": "Europe/Berlin",
        "reason": "weekends",
    }
)


IGNORED = tuple(
    IgnoredField(kind="apps/Deployment", path=path, reason="so", expires=datetime(2027, 1, day, tzinfo=UTC))
    for path in ("spec.replicas", "metadata.labels")
    for day in (1, 2)
)


TOKENS = tuple(
    MachineToken(name="probe", hash=f"sha256:{digit * 64}", may=may, expires=datetime(2027, 1, 1, tzinfo=UTC))
    for digit in "ab"
    for may in ("see", "operate")
)


def some(at_least: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the people."""
    return st.lists(st.sampled_from(PEOPLE), min_size=at_least, unique=True).map(tuple)


durations = st.integers(0, 3).map(lambda hours: timedelta(hours=hours))
approvals = st.none() | st.builds(
    ApprovalRule,
    approvers=st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True).map(tuple),
    required=st.integers(1, 3),
    self_approval=st.booleans(),
    expires=durations,
)
policies = st.builds(
    Policy,
    approval=approvals,
    pause=st.none() | st.builds(PauseRule, pausers=some(1), resumers=some(0)),
    break_glass=st.none() | st.builds(BreakGlass, people=some(2), expires=durations),
    soak=durations,
    rollback_after=durations,
    freeze_windows=st.sampled_from([(), (WEEKEND,)]),
    waves=st.sampled_from([(), (Wave(tenants=("blog",)),), (Wave(tenants=("shop",)),)]),
    rules=st.dictionaries(
        st.sampled_from(["image-changed", "scaled"]),
        st.builds(RuleOverride, severity=st.sampled_from(list(Verdict)), reason=st.just("so")),
    ),
    checks=st.dictionaries(
        st.sampled_from(["plain-secret", "unread-value"]),
        st.builds(RuleOverride, severity=st.sampled_from(list(Verdict)), reason=st.just("so")),
    ),
    ignore=st.lists(st.sampled_from(IGNORED), unique=True).map(tuple),
    registries=st.lists(st.sampled_from(REGISTRIES), unique=True).map(tuple),
    images=st.none()
    | st.builds(
        ImagePolicy,
        by_digest=st.booleans(),
        platforms=st.lists(st.sampled_from(["linux/amd64", "linux/arm64"]), unique=True).map(tuple),
        download=st.sampled_from([None, "1Gi", "1G", "1024Mi"]),
        max_age=st.none() | durations,
        signature=st.booleans(),
    ),
    cluster_scoped=st.lists(st.sampled_from(["Node", "Namespace"]), unique=True).map(tuple),
)
rules = st.builds(
    Rules,
    argocd=st.just("argocd in argocd"),
    cluster=st.sampled_from(["one", "two"]),
    server=st.just("https://one.example.com"),
    namespace=st.just("{tenant}"),
    before=st.lists(st.sampled_from(["dev", "staging"]), unique=True).map(tuple),
    beside=st.sampled_from([(), ("dev", "staging"), ("dev", "staging", "canada")]),
    healthy_in=st.sampled_from(["all", "any"]),
    policy=policies,
    signers=st.lists(st.sampled_from(LINES), unique=True).map(tuple),
    tokens=st.lists(st.sampled_from(TOKENS), unique=True).map(tuple),
)


@dataclass(frozen=True)
class Attempt:
    """Somebody signs with these keys, `age` ago, on a change that these people wrote."""

    signed: tuple[str, ...]
    authors: tuple[str, ...]
    age: timedelta

    def passes(self, rules: Rules) -> bool:
        rule = rules.policy.approval
        if rule is None:
            return True
        counting = {
            line.partition(" ")[0]
            for line in self.signed
            if line in rules.signers and line.partition(" ")[0] in rule.approvers
        }
        if not rule.self_approval:
            counting -= set(self.authors)
        return len(counting) >= rule.required and self.age <= rule.expires


attempts = st.builds(
    Attempt,
    signed=st.lists(st.sampled_from(LINES), unique=True).map(tuple),
    authors=st.lists(st.sampled_from(PEOPLE), unique=True).map(tuple),
    age=durations,
)

"""What of a change reaches others in its cluster, so that more than its own environment has a say in it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.risk.rule_ids import (
    CHECK_EXCEPTED,
    CHECK_FAILED,
    REACHES_OTHERS,
    SHARED_FROM_THE_FIRST,
    TAKEOVER,
    TAKEOVER_PROVED,
)
from deploy_orchestrator.risk.verdict import Reason, Verdict

HOST_TAKEN: Final = "host-taken"
"""The reason that a host name is another tenant's already."""

_IS_OF: Final = " is a host of "
_ALREADY: Final = " already"
_RULES: Final = frozenset({REACHES_OTHERS, SHARED_FROM_THE_FIRST, TAKEOVER, TAKEOVER_PROVED})
_BY_CHECKS: Final = frozenset({CHECK_EXCEPTED, CHECK_FAILED})
_OF_DEFINITIONS: Final = "crd-"
"""How the rules on kinds begin, which all in the cluster have in common."""

_FAMILIES: Final = ("pod-", "rbac-")
_CHECKS: Final = frozenset({"argocd-steered", "cluster-scoped", "foreign-namespace", "unknown-scope"})
"""The checks that keep a tenant from what is not its own: its node, its cluster, the namespaces of others."""


def host_of(host: str, others: Sequence[str]) -> str:
    """What is said of a host that `others` have, who go by `environment/tenant`."""
    return f"{host}{_IS_OF}{', '.join(others)}{_ALREADY}"


def beyond(reasons: Iterable[Reason], environment: str, policy: Policy, now: datetime) -> tuple[Reason, ...]:
    """Those of the `reasons` that tell of others in the cluster than the `environment` has, as far as they
    are not safe under its policy `now` (UTC).
    """
    found = [each for each in reasons if _is_beyond(each, environment)]
    if not found:
        return ()
    # Whoever finds none has no need of all the rules.
    from deploy_orchestrator.risk.judging import severity

    return tuple(each for each in found if severity(each, policy, now) is not Verdict.SAFE)


def lets_beyond(policy: Policy) -> tuple[Any, ...]:
    """What a policy says of what tenants may do to others in their cluster: another one may let them do
    more.
    """
    rules = {
        name: each for name, each in policy.rules.items() if name in _BY_CHECKS or _tells_of_others(name)
    }
    checks = {name: each for name, each in policy.checks.items() if _guards_others(name)}
    return rules, checks, policy.cluster_scoped, policy.shared_namespaces


def _is_beyond(reason: Reason, environment: str) -> bool:
    if reason.rule == HOST_TAKEN:
        holders = reason.saw.rpartition(_IS_OF)[2].removesuffix(_ALREADY).split(", ")
        return any(each.partition("/")[0] != environment for each in holders)
    if reason.rule in _BY_CHECKS:
        return reason.check is not None and _guards_others(reason.check)
    return _tells_of_others(reason.rule)


def _tells_of_others(rule: str) -> bool:
    return rule in _RULES or rule.startswith(_OF_DEFINITIONS)


def _guards_others(check: str) -> bool:
    return check in _CHECKS or check.startswith(_FAMILIES)

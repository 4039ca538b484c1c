"""What an environment holds against a tenant, and what the tenant need not keep to for a while."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from deploy_orchestrator.fleet import CheckException, Deployment, Policy, Tenant
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.terms import Verdict


def excepted(findings: Iterable[Finding], deployment: Deployment, now: datetime) -> list[Finding]:
    """The findings, those that an exception of the tenant covers `now` (UTC) as warnings that tell of it, and
    warnings of which the environment's policy says that they are not safe as errors. What that policy says is
    blocked has no exceptions.
    """
    policy = deployment.environment.policy
    return [
        finding if _is_blocked(finding, policy) else _excepted(finding, deployment.tenant, now)
        for finding in (_raised(each, policy) for each in findings)
    ]


def _raised(finding: Finding, policy: Policy) -> Finding:
    override = policy.checks.get(finding.rule)
    if override is None or override.severity is Verdict.SAFE:
        return finding
    return replace(finding, severity="error")


def _is_blocked(finding: Finding, policy: Policy) -> bool:
    override = policy.checks.get(finding.rule)
    return override is not None and override.severity is Verdict.BLOCKED


def _excepted(finding: Finding, tenant: Tenant, now: datetime) -> Finding:
    covering = [each for each in tenant.exceptions if _covers(each, finding)]
    if not covering or finding.severity == "warning":
        return finding
    longest = max(covering, key=lambda each: each.expires)
    until = f"{longest.expires:%Y-%m-%d %H:%M} UTC"
    if longest.expires <= now:
        return replace(finding, fix=f"{finding.fix}; the exception for it ran out on {until}")
    return replace(
        finding,
        severity="warning",
        message=f"{finding.message} Excepted until {until}: {longest.reason}",
        excepted=True,
    )


def _covers(exception: CheckException, finding: Finding) -> bool:
    named = f"{finding.object.kind}/{finding.object.name}" if finding.object else None
    return exception.rule == finding.rule and exception.object in (None, named)

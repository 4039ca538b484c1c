"""From a change to its reasons."""

import difflib
from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Policy, RuleOverride
from deploy_orchestrator.risk.catalogue import IGNORED, JUDGING, RULES, UNKNOWN
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.errors import UnknownRule
from deploy_orchestrator.risk.rule import Sighting, Stated
from deploy_orchestrator.risk.verdict import Reason, Verdict

_OWN = {rule.id: rule.severity for rule in RULES}


def judge(change: Change, policy: Policy) -> tuple[Reason, ...]:
    """Every reason that the rules have for or against a change under a policy, the gravest first.

    What safe rules saw in several objects is told as one reason, but for what the policy ignores.

    Raises:
        UnknownRule: the policy gives a severity to a rule or a check that does not exist.
    """
    _require_known(policy)
    seen: list[tuple[Stated, Sighting]] = [(rule, each) for rule in JUDGING for each in rule.judge(change)]
    seen += [(IGNORED, each) for each in IGNORED.judge(change, [each for _, each in seen])]
    seen += [(UNKNOWN, each) for each in UNKNOWN.judge(change, [each for _, each in seen])]
    reasons = [
        _reason(rule, sighting, policy)
        for rule, group in groupby(seen, key=lambda pair: pair[0])
        for sighting in _told(rule, [each for _, each in group])
    ]
    order = list(Verdict)
    return tuple(sorted(reasons, key=lambda reason: -order.index(reason.severity)))


def severity(reason: Reason, policy: Policy, now: datetime) -> Verdict:
    """How grave a reason is `now` (UTC) under a policy, whatever policy it was found under."""
    override = _override(reason.rule, reason.check, policy)
    found = Verdict(override.severity) if override else _OWN.get(reason.rule, reason.severity)
    return Verdict.worst([found, Verdict.NEEDS_APPROVAL]) if reason.until and reason.until <= now else found


def _override(rule: str, check: str | None, policy: Policy) -> RuleOverride | None:
    """What the policy says of the check, or else of the rule; nothing of what is none of the `RULES`."""
    by_rule = policy.rules.get(rule) if rule in _OWN else None
    return (policy.checks.get(check) if check else None) or by_rule


def _told(rule: Stated, sightings: list[Sighting]) -> Iterable[Sighting]:
    if rule.severity is not Verdict.SAFE or rule is IGNORED or len(sightings) < 2:
        return sightings
    objects = {str(sighting.object) for sighting in sightings if sighting.object}
    if len(objects) > 1:
        return [Sighting(f"{sightings[0].saw}, and the like in {len(objects)} objects")]
    said = "; ".join(dict.fromkeys(sighting.saw for sighting in sightings))
    return [Sighting(said, sightings[0].object)]


def _reason(rule: Stated, sighting: Sighting, policy: Policy) -> Reason:
    override = _override(rule.id, sighting.check, policy)
    return Reason(
        rule=rule.id,
        severity=Verdict(override.severity) if override else rule.severity,
        object=str(sighting.object) if sighting.object else None,
        check=sighting.check,
        until=sighting.until,
        saw=sighting.saw,
        why=rule.why,
        do=sighting.do or rule.do,
        policy=_said(rule, sighting, override, policy) if override else None,
    )


def _said(rule: Stated, sighting: Sighting, override: RuleOverride, policy: Policy) -> str:
    if sighting.check and sighting.check in policy.checks:
        return f"{override.reason} (of the check {sighting.check})"
    return f"{override.reason} (it is {rule.severity} otherwise)"


def _require_known(policy: Policy) -> None:
    if policy.rules:
        _require("risk rule", "rules", policy.rules, [rule.id for rule in RULES])
    if policy.checks:
        from deploy_orchestrator.manifests import CHECKS

        _require("check", "checks", policy.checks, [check.id for check in CHECKS])


def _require(what: str, field: str, named: Iterable[str], known: Collection[str]) -> None:
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            page = "risk-rules.md" if field == "rules" else "checks.md"
            raise UnknownRule(
                f"the policy is about a {what} that does not exist: {name!r}",
                place=Place("fleet.yaml", field=f"environments[].policy.{field}.{name}"),
                fix=f"did you mean {near[0]!r}?" if near else f"see docs/{page} for all of them",
            )

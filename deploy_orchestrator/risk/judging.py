"""From a change to its reasons."""

import difflib
from collections.abc import Iterable, Mapping
from itertools import groupby

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import RuleOverride
from deploy_orchestrator.risk.catalogue import JUDGING, RULES, UNKNOWN
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.errors import UnknownRule
from deploy_orchestrator.risk.rule import Sighting, Stated
from deploy_orchestrator.risk.verdict import Reason, Verdict

_OWN = {rule.id: rule.severity for rule in RULES}


def judge(change: Change, overrides: Mapping[str, RuleOverride]) -> tuple[Reason, ...]:
    """Every reason that the rules have for or against a change, the gravest first.

    `overrides` give rules another severity, by their id. What safe rules saw in several objects is told as
    one reason.

    Raises:
        UnknownRule: an override is for a rule that does not exist.
    """
    _check(overrides)
    seen: list[tuple[Stated, Sighting]] = [(rule, each) for rule in JUDGING for each in rule.judge(change)]
    seen += [(UNKNOWN, each) for each in UNKNOWN.judge(change, [each for _, each in seen])]
    reasons = [
        _reason(rule, sighting, overrides.get(rule.id))
        for rule, group in groupby(seen, key=lambda pair: pair[0])
        for sighting in _told(rule, [each for _, each in group])
    ]
    order = list(Verdict)
    return tuple(sorted(reasons, key=lambda reason: -order.index(reason.severity)))


def severity(reason: Reason, overrides: Mapping[str, RuleOverride]) -> Verdict:
    """How grave a reason is under a policy, whatever policy it was found under."""
    override = overrides.get(reason.rule)
    return Verdict(override.severity) if override else _OWN.get(reason.rule, reason.severity)


def _told(rule: Stated, sightings: list[Sighting]) -> Iterable[Sighting]:
    if rule.severity is not Verdict.SAFE or len(sightings) < 2:
        return sightings
    objects = {str(sighting.object) for sighting in sightings if sighting.object}
    if len(objects) > 1:
        return [Sighting(f"{sightings[0].saw}, and the like in {len(objects)} objects")]
    said = "; ".join(dict.fromkeys(sighting.saw for sighting in sightings))
    return [Sighting(said, sightings[0].object)]


def _reason(rule: Stated, sighting: Sighting, override: RuleOverride | None) -> Reason:
    severity = rule.severity if override is None else Verdict(override.severity)
    return Reason(
        rule=rule.id,
        severity=severity,
        object=str(sighting.object) if sighting.object else None,
        saw=sighting.saw,
        why=rule.why,
        do=sighting.do or rule.do,
        policy=f"{override.reason} (it is {rule.severity} otherwise)" if override else None,
    )


def _check(overrides: Mapping[str, RuleOverride]) -> None:
    known = [rule.id for rule in RULES]
    for name in overrides:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UnknownRule(
                f"the policy is about a risk rule that does not exist: {name!r}",
                place=Place("fleet.yaml", field=f"environments[].policy.rules.{name}"),
                fix=f"did you mean {near[0]!r}?" if near else "see docs/risk-rules.md for all rules",
            )

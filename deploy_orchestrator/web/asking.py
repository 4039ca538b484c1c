"""What the board's forms say of a decision, checked; and the ways in which people prove it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, Protocol
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deploy_orchestrator.fleet import Issuer, among
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Line, Plan, RulesStanding, judges_of
from deploy_orchestrator.terms import Text
from deploy_orchestrator.web.forms import read_form
from deploy_orchestrator.web.people import Person, person_of

MAX_REASON: Final = 500
MAX_AT_ONCE: Final = 20
"""What a cookie holds of those that are still to be decided on."""
Verb = Literal["approve", "reject"]
Stop = Literal["pause", "resume"]
Subjects = tuple[tuple[str, str, str], ...]
"""Tenants, each with the digest that is decided on, and what was `seen` of it."""


@dataclass(frozen=True, slots=True)
class WayToDecide:
    """How somebody decides here, as it `says` beside the buttons: as one of these `people`, where there are
    any, or as who they are signed in. `verbs` are what it proves and what counts, `refusals` say of
    others why not, those together for which that is the same.
    """

    says: str
    verbs: frozenset[str]
    people: tuple[str, ...] = ()
    refusals: tuple[tuple[tuple[str, ...], str], ...] = ()

    def without(self, who: str, refused: Mapping[str, str]) -> "WayToDecide":
        """What of it is left to `who` where these verbs are `refused`, each with why."""
        verbs: dict[str, list[str]] = {}
        for verb, why in refused.items():
            verbs.setdefault(why, []).append(verb)
        said = tuple(
            (tuple(each), f"{who} may not {' or '.join(each)}: {why}") for why, each in verbs.items()
        )
        return replace(self, verbs=self.verbs.difference(refused), refusals=self.refusals + said)


class Ways(Protocol):
    """Tells how people decide here."""

    def way(self, person: Person, trusted: Sequence[Issuer]) -> WayToDecide | None:
        """How `person` decides where the rules have `trusted` these providers; None: not here."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision on tenants of an `environment` with their digests; its author is shown the page `then`. `by`
    is whom they say to decide as.
    """

    environment: str
    subjects: Subjects
    decision: Verb
    reason: str
    then: str
    by: str

    def plans(self, orchestrator: Orchestrator) -> list[Plan]:
        """What is decided on. Raises HTTPException where something else waits by now."""
        return [pending(orchestrator, self.environment, *each) for each in self.subjects]


@dataclass(frozen=True, slots=True)
class AskedToStop:
    """A decision on a `line`; `then` and `by` as in `Asked`."""

    line: Line
    decision: Stop
    reason: str
    then: str
    by: str


async def asked(request: Request) -> Asked:
    """The form of one deployment's page. Raises HTTPException where it says no decision."""
    _require_person(request)
    said, path = await read_form(request), request.path_params
    subjects = ((path["tenant"], said.get("digest", ""), said.get("seen", "")),)
    then = f"/deployments/{quote(path['environment'])}/{quote(path['tenant'])}"
    return _asked(said, path["environment"], subjects, then)


async def asked_of_all(request: Request) -> Asked:
    """The form of a change's page. Raises HTTPException where it says no decision."""
    _require_person(request)
    said = await read_form(request)
    then = f"/changes/{quote(request.path_params['commit'])}"
    return _asked(said, said.get("environment", ""), _subjects(said.get("digests", "")), then)


async def asked_to_stop(request: Request) -> AskedToStop:
    """The form that stops a line or starts it again. Raises HTTPException where it says no such decision."""
    _require_person(request)
    said = await read_form(request)
    decision, reason = said.get("decision", ""), _reason(said.get("reason", ""))
    if decision != "pause" and decision != "resume":
        raise HTTPException(400, "pause or resume")
    if not reason:
        raise HTTPException(400, "say why")
    line = Line(said.get("environment", ""), said.get("tenant", "").strip() or None)
    return AskedToStop(line, decision, reason, "/", said.get("as", ""))


def pending(orchestrator: Orchestrator, environment: str, tenant: str, digest: str, seen: str) -> Plan:
    """The plan that waits, as it was `seen`. Raises HTTPException where another does by now, or more was
    found in it.
    """
    orchestrator.deployments.repository.fetch()
    plan = orchestrator.deployments.pending(environment, tenant)
    if plan is None or plan.digest != digest:
        raise HTTPException(409, "what waits is another by now: look at it, and decide again")
    if plan.seen != seen:
        raise HTTPException(409, "more is known of it by now: look at it, and decide again")
    return plan


def refused(plan: Plan, counting: Mapping[str, RulesStanding], who: str) -> Mapping[str, str]:
    """What `who` decides in vain on a plan, by the rules that are `counting`: each verb with why."""
    judges, found = judges_of(plan, counting, datetime.now(UTC)), dict[str, str]()
    verbs: tuple[Verb, ...] = ("approve", "reject")
    for verb in verbs:
        why = [against for each in judges if (against := each.against(who, verb, plan.source))]
        if why and len(why) == len(judges):
            found[verb] = why[0]
    return found


def refused_stops(counting: RulesStanding, who: str) -> Mapping[str, str]:
    """Which of both `who` does in vain, by the rules that are `counting`: each verb with why."""
    policy, holding = counting.in_force.policy, counting.holding
    pausers = dict.fromkeys((*policy.pausers, *(holding.policy.pausers if holding else ())))
    named = (("pause", pausers), ("resume", policy.resumers))
    return {verb: f"{', '.join(people) or 'nobody'} may" for verb, people in named if not among(who, people)}


def require_decider(orchestrator: Orchestrator, plans: Iterable[Plan], decision: Verb, who: str) -> None:
    """Refuses whose decision would not count. Raises HTTPException."""
    counting = orchestrator.rules()
    for plan in plans:
        if why := refused(plan, counting, who).get(decision):
            raise HTTPException(403, f"{who} may not {decision} {plan.key}: {why}")


def require_stopper(orchestrator: Orchestrator, asked: AskedToStop, who: str) -> None:
    """Refuses whom the policy does not name, and lines that there are not. Raises HTTPException."""
    fleet, line = orchestrator.fleet(), asked.line
    counting = orchestrator.rules().get(line.environment)
    if counting is None or (line.tenant and line.tenant not in {*fleet.tenants, *fleet.broken}):
        raise HTTPException(404, f"there is no {line.key}")
    if why := refused_stops(counting, who).get(asked.decision):
        raise HTTPException(403, f"{who} may not {asked.decision} {line.key}: {why}")


def _require_person(request: Request) -> None:
    if person_of(request.scope).is_machine:
        raise HTTPException(403, "a machine decides nothing")


def _asked(said: Mapping[str, str], environment: str, subjects: Subjects, then: str) -> Asked:
    decision, reason = _verb(said.get("decision", "")), _reason(said.get("reason", ""))
    if decision == "reject" and not reason:
        raise HTTPException(400, "say why it is rejected")
    return Asked(environment, subjects, decision, reason, then, said.get("as", ""))


def _subjects(said: str) -> Subjects:
    """Tenants with their digests and what was seen, as a page says them: `name:digits:seen name:…`."""
    parts = [(*each.split(":", 2), "", "")[:3] for each in said.split()]
    if not 0 < len(parts) <= MAX_AT_ONCE:
        raise HTTPException(400, f"decide on 1 to {MAX_AT_ONCE} at once; the rest after that")
    return tuple((tenant, f"sha256:{digits}", seen) for tenant, digits, seen in parts)


def _verb(said: str) -> Verb:
    if said == "approve":
        return "approve"
    if said == "reject":
        return "reject"
    raise HTTPException(400, "approve or reject")


def _reason(said: str) -> str:
    reason = said.strip()
    try:
        TypeAdapter[str](Text).validate_python(reason)
    except ValidationError as error:
        raise HTTPException(400, f"not a reason: {error.errors()[0]['msg']}") from error
    if len(reason) > MAX_REASON:
        raise HTTPException(400, f"say it in {MAX_REASON} characters")
    return reason

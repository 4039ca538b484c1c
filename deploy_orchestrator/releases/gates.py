"""What stands between a plan and its release. Every gate has one shape, and is a pure function of data and
a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from deploy_orchestrator.fleet import ApprovalRule, Policy
from deploy_orchestrator.releases.ballot import Ballot, Glass, break_glass, count, may_approve
from deploy_orchestrator.releases.digest import FORMAT
from deploy_orchestrator.releases.errors import EARLIER, ReleaseError
from deploy_orchestrator.releases.model import After, Approval, Plan, Removals, SourceChange
from deploy_orchestrator.releases.pauses import Pausing
from deploy_orchestrator.releases.returning import Returning
from deploy_orchestrator.terms import Verdict

IMAGES: Final = "images"
"""The gate that is asked for when all others are open: whether names of images lead to what was planned."""
FORMER = "it was signed for a digest that does not tell where the change goes"
"""Why a decision on the same change, as an earlier version planned it, is void."""


class GateState(StrEnum):
    """`waiting` opens by itself or by an approval; `closed` needs another change or another decision."""

    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a release: what it is called, whether it holds, and why, in words for people.

    Planning anew opens one that is `outdated`. By the rules of others in the cluster these `people` open it.
    """

    key: str
    state: GateState
    reason: str
    outdated: bool = False
    people: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.state is GateState.OPEN


class GatesClosed(ReleaseError):
    """Not every gate is open; `gates` holds those that are not."""

    def __init__(self, what: str, gates: tuple[Gate, ...]) -> None:
        super().__init__(
            f"{what}: {'; '.join(gate.reason for gate in gates)}",
            fix="see `deploy-orchestrator pending`; it goes out once nothing stands in its way",
        )
        self.gates = gates


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The same tenant in an environment before: the `content` that is released there, and since when
    exactly that has been live and Healthy without a break (None: it is not; `trouble` may tell why).
    """

    content: str | None
    healthy_since: datetime | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Canary:
    """A tenant of an earlier wave, and how a change that must be healthy there first stands with it.

    `wave` counts from 1, `soak` is that wave's. Where the change is `released`, `healthy` tells whether that
    is live and Healthy, and `since` from when on it has been so or not. Where it is not, `since` is when it
    was proposed there (None: it was not yet), and `held_by` are the gates that it waits for.
    """

    tenant: str
    wave: int
    soak: timedelta
    released: bool
    healthy: bool
    since: datetime | None
    held_by: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """What was decided by the rules of another environment in the cluster, and who may approve by them."""

    ballot: Ballot
    able: Sequence[str]

    def __str__(self) -> str:
        ballot = self.ballot
        void = [f"{each.approval.who}'s does not count: {each.reason}" for each in ballot.void]
        counted = f"{len(ballot.approvals)} of {ballot.required} approvals by its rules"
        return "; ".join([f"{counted}, by {' or '.join(self.able) or 'nobody'}", *void])


def gates(
    plan: Plan,
    *,
    policy: Policy,
    source: SourceChange,
    wanted: bool,
    rules: str | None = None,
    current: bool,
    intact: bool,
    approvals: Sequence[Approval],
    predecessors: Sequence[Predecessor],
    one_is_enough: bool = False,
    soaked: timedelta | None = None,
    void: Sequence[Approval] = (),
    holding: ApprovalRule | None = None,
    beside: Mapping[str, Beside] = MappingProxyType({}),
    returning: Sequence[Returning] = (),
    now: datetime,
    canaries: Sequence[Canary] = (),
    paused: Sequence[Pausing] = (),
    removals: Removals | None = None,
    unheard: str | None = None,
) -> tuple[Gate, ...]:
    """Every gate of `plan` under the `policy` of its environment, open or not.

    `source` is that of the plan, judged by the keys of now. `wanted` tells whether the newest fleet still
    asks for what was planned, `rules` why it takes rules that are not approved yet, `current` whether what is
    released there is still what the plan replaces, `intact` whether the manifests that stand there are still
    those that were planned. `approvals` is what was verified for the plan's digest, `void` what was for the
    digest that it would have had in format 1. By the rule that is `holding` people may reject as well.
    `beside` is what was decided by the rules of other environments in the cluster, where the plan reaches
    others there: nothing else opens the way past those.
    `unheard` says why nobody can tell who rejected it on the forge.
    `returning` is what it brings back of what was reverted, `paused` who has stopped the line. The verdict is
    taken under `policy`, which may be newer than the plan.
    A rejection closes the way whatever the verdict; a blocked plan passes nowhere; one that needs approval
    passes where the policy asks for none. A broken glass is an approval of this digest that opens promotion,
    wave and freeze too.
    """
    from deploy_orchestrator.risk import severity

    ballot = count(approvals, policy.approval, source, now, plan.widened, holding)
    glass = break_glass(approvals, policy.break_glass, source, now, plan.widened)
    severities = [severity(reason, policy, now) for reason in plan.reasons]
    judged = Verdict.worst(severities)
    approval = _approval(plan, policy, judged, ballot, void, source)
    return (
        _fleet(wanted),
        _rules(rules),
        _base(plan, current),
        _candidate(intact),
        _verdict(plan, severities),
        _heard(_with(approval if ballot.rejections else _past(approval, glass), beside), unheard),
        _past(_promotion(plan, policy, predecessors, one_is_enough, soaked, now), glass),
        _past(_wave(canaries, now), glass),
        _removals(policy, removals),
        _past(_freeze(policy, now), glass),
        _paused(policy, paused),
        _quarantine(policy, (*ballot.approvals, *glass.approvals), returning),
    )


def _heard(gate: Gate, unheard: str | None) -> Gate:
    """The gate of approval, which waits where somebody may have rejected and nobody can tell."""
    if unheard is None or gate.state is GateState.CLOSED:
        return gate
    why = f"the forge cannot tell what people said there: {unheard}"
    return replace(gate, state=GateState.WAITING, reason=why if gate.passed else f"{gate.reason}; {why}")


def _past(gate: Gate, glass: Glass) -> Gate:
    """The gate, open where the glass is broken; whoever breaks it alone is told of."""
    if gate.passed or not (glass.broken_by or glass.void):
        return gate
    if glass.approvals:
        return Gate(gate.key, GateState.OPEN, f"{glass}; otherwise: {gate.reason}")
    return Gate(gate.key, gate.state, f"{gate.reason}; {glass}")


def _fleet(wanted: bool) -> Gate:
    if wanted:
        return Gate("fleet", GateState.OPEN, "it is what the fleet asks for")
    return _outdated("fleet", "the fleet has changed since it was planned, for it or for who has its hosts")


def _rules(held: str | None) -> Gate:
    if held is None:
        return Gate("rules", GateState.OPEN, "nothing of it takes rules that are not approved")
    return Gate("rules", GateState.WAITING, held)


def _base(plan: Plan, current: bool) -> Gate:
    if current:
        return Gate("base", GateState.OPEN, "it was planned against what is released")
    if plan.format < FORMAT:
        return _outdated("base", EARLIER)
    return _outdated("base", "what is released has changed since it was planned")


def _outdated(key: str, why: str) -> Gate:
    return Gate(key, GateState.CLOSED, f"{why}: plan again", outdated=True)


def _candidate(intact: bool) -> Gate:
    if intact:
        return Gate("candidate", GateState.OPEN, "the manifests are those that were planned")
    return _outdated("candidate", "the manifests are not those that were planned")


def _verdict(plan: Plan, severities: Sequence[Verdict]) -> Gate:
    blocking = [
        reason.saw
        for reason, severity in zip(plan.reasons, severities, strict=True)
        if severity is Verdict.BLOCKED
    ]
    if not blocking:
        return Gate("verdict", GateState.OPEN, f"the change is judged: {Verdict.worst(severities)}")
    more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
    return Gate("verdict", GateState.CLOSED, f"blocked: {blocking[0]}{more}")


def _approval(
    plan: Plan,
    policy: Policy,
    judged: Verdict,
    ballot: Ballot,
    void: Sequence[Approval],
    source: SourceChange,
) -> Gate:
    if ballot.rejections:
        first = ballot.rejections[0]
        words = f": {first.reason}" if first.reason else ""
        return Gate("approval", GateState.CLOSED, f"rejected by {first.who}{words}")
    if policy.approval is None:
        return Gate("approval", GateState.OPEN, f"{plan.environment} asks for no approval")
    if judged is Verdict.SAFE:
        return Gate("approval", GateState.OPEN, "a safe change needs no approval")
    names = ", ".join(approval.who for approval in ballot.approvals)
    if len(ballot.approvals) >= ballot.required:
        return Gate("approval", GateState.OPEN, f"approved by {names}")
    needed = f"{len(ballot.approvals)} of {ballot.required} approvals"
    if ballot.required > policy.approval.required:
        needed += " (one more than usual, for the source change is not signed)"
    notes = [f"by {names}"] if names else []
    notes += [f"{each.approval.who}'s does not count: {each.reason}" for each in ballot.void]
    notes += [f"{each.who}'s does not count: {FORMER}" for each in void]
    able = may_approve(policy.approval, source)
    if len(able) < ballot.required:
        notes.append(
            f"{' and '.join(able) or 'nobody'} may approve, for the others wrote it: name more approvers in "
            "the policy" + ("" if source.signed else ", or have its authors sign their commits")
        )
    return Gate("approval", GateState.WAITING, "; ".join([needed, *notes]))


def _with(own: Gate, beside: Mapping[str, Beside]) -> Gate:
    """The gate of approval, where those beside have a say as well."""
    rejected = [(name, each.ballot.rejections[0]) for name, each in beside.items() if each.ballot.rejections]
    if rejected:
        name, first = rejected[0]
        return Gate("approval", GateState.CLOSED, f"rejected by {first.who}, by the rules of {name}")
    lacking = {
        name: each for name, each in beside.items() if len(each.ballot.approvals) < each.ballot.required
    }
    if not lacking or own.state is GateState.CLOSED:
        return own
    told = [f"it reaches others in the cluster of {name}: {each}" for name, each in lacking.items()]
    people = tuple(dict.fromkeys(who for each in lacking.values() for who in each.able))
    reason = "; ".join([*([] if own.passed else [own.reason]), *told])
    return Gate("approval", GateState.WAITING, reason, people=people)


def _promotion(
    plan: Plan,
    policy: Policy,
    predecessors: Sequence[Predecessor],
    one_is_enough: bool,
    soaked: timedelta | None,
    now: datetime,
) -> Gate:
    if soaked is not None and soaked >= policy.soak:
        reason = (
            f"it was healthy before for {_spoken(soaked)} when a newer change came, which waits behind it"
        )
        return Gate("promotion", GateState.OPEN, reason)
    return promotion(plan.after, policy, predecessors, one_is_enough, now)


def promotion(
    awaited: Sequence[After],
    policy: Policy,
    predecessors: Sequence[Predecessor],
    one_is_enough: bool,
    now: datetime,
) -> Gate:
    """Whether what is `awaited` in the environments before is healthy in these `predecessors`, in all or in
    one of them, for as long as the `policy` says.
    """
    if not awaited:
        return Gate("promotion", GateState.OPEN, "no environment comes before")
    found = [
        _promoted(after, predecessor, policy, now)
        for after, predecessor in zip(awaited, predecessors, strict=True)
    ]
    passed, held = [each for each in found if each.passed], [each for each in found if not each.passed]
    if not held or (passed and one_is_enough):
        return Gate("promotion", GateState.OPEN, "; ".join(each.reason for each in passed))
    return Gate(
        "promotion", GateState.WAITING, (" or " if one_is_enough else "; ").join(each.reason for each in held)
    )


def _promoted(after: After, predecessor: Predecessor, policy: Policy, now: datetime) -> Gate:
    before = after.environment
    if predecessor.content != after.content:
        return Gate("promotion", GateState.WAITING, f"{before} has not released the same change")
    if predecessor.healthy_since is None:
        why = f": {predecessor.trouble}" if predecessor.trouble else ""
        return Gate("promotion", GateState.WAITING, f"it is not live and healthy in {before}{why}")
    opens = predecessor.healthy_since + policy.soak
    if now < opens:
        reason = (
            f"healthy in {before} for {_spoken(now - predecessor.healthy_since)} of {_spoken(policy.soak)}"
        )
        return Gate("promotion", GateState.WAITING, f"{reason}; opens at {_clock(opens)}")
    return Gate("promotion", GateState.OPEN, f"healthy in {before} since {_clock(predecessor.healthy_since)}")


def _wave(canaries: Sequence[Canary], now: datetime) -> Gate:
    found = [_canary(each, now) for each in canaries]
    held = [each for each in found if not each.passed]
    if not held:
        names = ", ".join(each.tenant for each in canaries)
        return Gate("wave", GateState.OPEN, f"healthy in {names}" if names else "no earlier wave has it too")
    gravest = _gravest(held)
    more = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
    return Gate("wave", gravest.state, f"{gravest.reason}{more}")


def _gravest(held: Sequence[Gate]) -> Gate:
    return min(held, key=lambda gate: (gate.state is not GateState.CLOSED, gate.outdated))


def _canary(canary: Canary, now: datetime) -> Gate:
    who = f"wave {canary.wave} goes first: {canary.tenant}"
    if canary.since is None:
        reason = f"{who} has no plan for it yet; if none comes: deploy-orchestrator plan -t {canary.tenant}"
        return Gate("wave", GateState.WAITING, reason)
    since = f"since {_clock(canary.since)}"
    if not canary.released:
        return _unreleased(canary, f"{who} waits {since}")
    if not canary.healthy:
        return Gate("wave", GateState.WAITING, f"{who} has it, and is not live and healthy {since}")
    opens = canary.since + canary.soak
    if now < opens:
        spoken = f"{_spoken(now - canary.since)} of {_spoken(canary.soak)}"
        reason = f"{who} has it, healthy for {spoken}; opens at {_clock(opens)}"
        return Gate("wave", GateState.WAITING, reason)
    return Gate("wave", GateState.OPEN, f"{who} has it, healthy {since}")


def _unreleased(canary: Canary, waits: str) -> Gate:
    if not canary.held_by:
        return Gate("wave", GateState.WAITING, f"{waits} for its release")
    held = _gravest(canary.held_by)
    stuck = held.state is GateState.CLOSED and not held.outdated
    mend = "; mend the change in the fleet, or take it back" if stuck else ""
    return Gate("wave", held.state, f"{waits} ({held.key}: {held.reason}){mend}")


def _removals(policy: Policy, removals: Removals | None) -> Gate:
    if removals is None:
        return Gate("removals", GateState.OPEN, "it removes no tenant")
    share = policy.removals
    said = f"{removals.made} of {removals.of} tenants were removed within a day, {share} % may be"
    allowed = max(1, removals.of * share // 100) if share else 0
    if removals.made < allowed:
        return Gate("removals", GateState.OPEN, said)
    more = "raise `removals` in the policy where that is meant"
    return Gate("removals", GateState.WAITING if share else GateState.CLOSED, f"{said}: {more}")


def _freeze(policy: Policy, now: datetime) -> Gate:
    frozen = [
        *((each.end, each.reason) for each in policy.freezes if each.start <= now < each.end),
        *((end, each.reason) for each in policy.freeze_windows if (end := each.until(now))),
    ]
    if frozen:
        end, reason = max(frozen)
        return Gate("freeze", GateState.WAITING, f"frozen until {_clock(end)}: {reason}")
    if not policy.release_windows:
        return Gate("freeze", GateState.OPEN, "no freeze now")
    windows = [(end, each.reason) for each in policy.release_windows if (end := each.until(now))]
    if windows:
        end, reason = max(windows)
        return Gate("freeze", GateState.OPEN, f"a release window is open until {_clock(end)}: {reason}")
    coming = [(begin, each.reason) for each in policy.release_windows if (begin := each.next(now))]
    if not coming:
        return Gate(
            "freeze", GateState.CLOSED, "no release window comes any more: name another in the policy"
        )
    begin, reason = min(coming)
    return Gate("freeze", GateState.WAITING, f"no release window is open until {_clock(begin)}: {reason}")


def _paused(policy: Policy, paused: Sequence[Pausing]) -> Gate:
    if not paused:
        return Gate("paused", GateState.OPEN, "nobody has paused it")
    command = f"deploy-orchestrator resume {paused[0].line.key.replace('/', ' ')}"
    said = "; ".join(map(str, paused))
    return Gate(
        "paused", GateState.WAITING, f"{said}; resumed by one of {', '.join(policy.resumers)}: {command}"
    )


def _quarantine(policy: Policy, approvals: Sequence[Approval], returning: Sequence[Returning]) -> Gate:
    if not returning:
        return Gate("quarantine", GateState.OPEN, "it brings nothing back that was reverted")
    if approvals:
        who = approvals[0].who
        return Gate("quarantine", GateState.OPEN, f"approved by {who} after it was reverted")
    latest = max(returning, key=lambda each: each.entry.at)
    approvers = f"one of {', '.join(policy.approval.approvers)}" if policy.approval else "anybody with a key"
    reason = (
        f"it brings back {latest.what}, reverted at {_clock(latest.entry.at)} ({latest.entry.reason}): "
        f"it takes an approval by {approvers}, or a change of that in the fleet"
    )
    return Gate("quarantine", GateState.CLOSED, reason)


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _spoken(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)[:40] or "0 s"

"""The rules of environments, as they were released: they change under the rules before them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal, Self

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.documents import Record
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import ApprovalRule, Rules, differences, neighbours, restricted
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.releases.ballot import Ballot, against, count, may_approve
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.gates import Gate, GateState
from deploy_orchestrator.releases.layout import readable
from deploy_orchestrator.releases.model import Approval, Choice, Plan, SourceChange
from deploy_orchestrator.releases.source import authors_of
from deploy_orchestrator.terms import Digest, Label, Time

FOLDER = "rules"


def rules_digest(environment: str, rules: Rules, replaces: str | None) -> str:
    """What an approval of rules is about, as `sha256:<hex>`: which environment's, what they are, and the
    digest of those that they replace; None for the first.
    """
    about = {"rules": environment, "are": _canonical(rules), "replaces": replaces}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class ReleasedRules(Record):
    """The file `rules/<environment>.yaml`: the rules that count there, and who approved them.

    `replaces` is the digest of those before, None for the first, which were trusted. `source` is the fleet's
    commit up to which no change of any rules waits, and who wrote what changed. `holding` are the rules that
    were approved last, where these only take away from them.
    """

    format: Literal[1] = 1
    environment: Label
    digest: Digest
    replaces: Digest | None = None
    rules: Rules
    source: SourceChange
    approvals: tuple[Approval, ...] = ()
    released_at: Time
    holding: Rules | None = None

    @pydantic.model_validator(mode="after")
    def _digest_fits(self) -> Self:
        expected = rules_digest(self.environment, self.rules, self.replaces)
        if self.digest != expected:
            raise ValueError(f"the digest does not fit: it should be {expected}")
        return self


@dataclass(frozen=True, slots=True)
class RulesChange:
    """Rules that the fleet wants for an environment and that are not released there.

    `base` are those that are; None where none ever were. `judges` are the rules by which it is decided, by
    environment. `source` tells who wrote it, by the keys of each of them.
    """

    environment: str
    wanted: Rules
    base: ReleasedRules | None
    judges: Mapping[str, Rules]
    sources: Mapping[str, SourceChange]
    first: bool
    digest: str

    @property
    def key(self) -> str:
        """How it is called where deployments are called `environment/tenant`."""
        return f"the rules of {self.environment}"

    @property
    def differences(self) -> tuple[str, ...]:
        """What is another in them than in those that were approved last, in words: with them ends what was
        taken away since, and what that held.
        """
        return differences((self.base.holding or self.base.rules) if self.base else None, self.wanted)

    @property
    def authors(self) -> tuple[str, ...]:
        """The e-mails of who wrote it."""
        return authors_of(each for source in self.sources.values() for each in source.authors)


@dataclass(frozen=True, slots=True)
class RulesStanding:
    """How it stands with the rules of an environment: which are `in_force`, and the `change` that waits or
    that came through by now, with the gate that tells; None where the released ones are those of the fleet.

    `recorded` is what is to be written down as released; None for nothing. `holding` are the rules that were
    approved last, where nobody has approved what was taken away since: who may reject or pause by them has
    done so still.
    """

    environment: str
    in_force: Rules
    change: RulesChange | None
    gate: Gate
    approvals: tuple[Approval, ...] = ()
    recorded: Rules | None = None
    holding: Rules | None = None

    def against(self, who: str, decision: Choice, source: SourceChange) -> str | None:
        """Why a decision by `who` on a change from this `source` does not count; None where it would now."""
        holding = self.holding.policy.approval if self.holding else None
        return against(who, decision, self.in_force.policy.approval, source, holding)

    @property
    def base(self) -> ReleasedRules | None:
        """What was released when this was judged."""
        return self.change.base if self.change else None

    @property
    def pending(self) -> RulesChange | None:
        """The change, where it does not count yet."""
        return None if self.gate.passed else self.change

    def __str__(self) -> str:
        """What waits and for what, in words."""
        if self.pending is None:
            return f"the rules of {self.environment}: {self.gate.reason}"
        return "; ".join((f"{self.pending.key}: {self.gate.reason}", *self.pending.differences))

    @property
    def held(self) -> str | None:
        """Why nothing at all can be released meanwhile; None where it can, by what is in force."""
        if self.pending is None:
            return None
        if self.pending.base is None:
            return "the environment is new, and its rules are not approved yet"
        if self.in_force.place != self.pending.wanted.place:
            return "that the environment moves is not approved yet"
        if self.in_force.order != self.pending.wanted.order:
            return "that it comes after other environments than before is not approved yet"
        return None


def read_rules(tree: Tree) -> Mapping[str, ReleasedRules]:
    """The rules that are released in a tree of the deployments repository, by environment.

    Raises:
        DocumentError, ReleaseError: somebody broke them.
    """
    there = tree.id(FOLDER)
    return _read(replace(tree, commit=None, root=there)) if there else {}


@lru_cache(maxsize=8)
def _read(folder: Tree) -> Mapping[str, ReleasedRules]:
    found: dict[str, ReleasedRules] = {}
    for file in folder.names(""):
        path = f"{FOLDER}/{file}"
        record = documents.parse(folder.read(file), path).into(ReleasedRules)
        if file != f"{record.environment}.yaml":
            raise ReleaseError(
                f"the file is about {record.environment}",
                place=Place(path),
                fix="put back the file that was there",
            )
        found[record.environment] = record
    return found


def standings(
    wanted: Mapping[str, Rules],
    released: Mapping[str, ReleasedRules],
    *,
    source: Callable[[str, bytes], SourceChange],
    decisions: Callable[[str, Rules], Sequence[Approval]],
    now: datetime,
) -> dict[str, RulesStanding]:
    """How it stands with the rules that the fleet has (`wanted`) and those that are `released`.

    `source` tells who wrote what is not released yet of an environment's rules, by these keys; `decisions`
    what people decided on a digest by the keys and the providers of these rules. Where nothing was ever
    released, the first rules are trusted. Otherwise what takes away counts at once, and what gives counts
    when it was approved by the rules before it: those of the environment, and where that is new, or moves,
    those of every other one. What lets tenants do more to others in their cluster is approved by the rules of
    the others there as well.
    """
    from deploy_orchestrator.risk import lets_beyond

    keys = {line for each in wanted.values() for line in each.signers}
    counting = {
        name: restricted(each.rules.without_past(now), wanted.get(name) or each.rules.only(keys))
        for name, each in released.items()
    }

    def standing(name: str, rules: Rules) -> RulesStanding:
        base = released.get(name)
        if base is not None and base.rules == rules:
            said = _open("they are those that are released")
            return RulesStanding(name, rules, None, said, holding=base.holding)
        moves = base is None or base.rules.place != rules.place
        widened = base is not None and lets_beyond(counting[name].policy) != lets_beyond(rules.policy)
        beside = neighbours(name, counting)
        judges = {
            each: by
            for each, by in counting.items()
            if (each == name or moves or (widened and each in beside)) and by.policy.approval is not None
        }
        change = RulesChange(
            environment=name,
            wanted=rules,
            base=base,
            judges=judges,
            sources={each: source(name, by.allowed_signers) for each, by in judges.items()},
            first=not released,
            digest=rules_digest(name, rules, base.digest if base else None),
        )
        return _judged(change, counting.get(name), decisions, now)

    return {name: standing(name, rules) for name, rules in wanted.items()}


@dataclass(frozen=True, slots=True)
class Settlement:
    """The rules that count by now and are not written down as released yet, of the fleet at `source`."""

    standings: tuple[RulesStanding, ...]
    source: SourceChange
    now: datetime

    @property
    def approved(self) -> tuple[RulesStanding, ...]:
        """Those that people approved."""
        return tuple(each for each in self.standings if each.approvals)

    def __call__(self, tree: Tree) -> Changes | None:
        """What is written where `tree` stands; None where that has them, or others by now."""
        released = read_rules(tree)
        due = [
            each for each in self.standings if each.recorded and released.get(each.environment) == each.base
        ]
        if not due:
            return None
        files = {f"{FOLDER}/{each.environment}.yaml": _file(each, self.source, self.now) for each in due}
        names = ", ".join(each.environment for each in due)
        does = "Change the rules" if released else "Trust the first rules"
        said = "".join(f"{each.environment}: {each.gate.reason}\n" for each in due)
        approved = dict.fromkeys(approval.who for each in due for approval in each.approvals)
        trailers = "".join(f"Approved-by: {who}\n" for who in approved)
        return Changes(f"{does} of {names}\n\n{said}\nSource: {self.source.commit}\n{trailers}", files)


def _file(standing: RulesStanding, source: SourceChange, now: datetime) -> bytes:
    rules, replaces = standing.recorded or standing.in_force, standing.base.digest if standing.base else None
    made = ReleasedRules(
        environment=standing.environment,
        digest=rules_digest(standing.environment, rules, replaces),
        replaces=replaces,
        rules=rules,
        source=source,
        approvals=standing.approvals,
        released_at=now,
    )
    known = made.model_dump(mode="json", exclude={"rules"}, exclude_none=True)
    holding = {"holding": _canonical(standing.holding)} if standing.holding else {}
    return readable({**known, **holding, "rules": _canonical(rules)}, f"rules of {standing.environment}")


def _judged(
    change: RulesChange,
    counting: Rules | None,
    decisions: Callable[[str, Rules], Sequence[Approval]],
    now: datetime,
) -> RulesStanding:
    wanted, name = change.wanted, change.environment
    if change.first:
        return RulesStanding(name, wanted, change, _open("the first rules are trusted"), (), wanted)
    holding = (change.base.holding or change.base.rules) if change.base else None
    if counting == wanted:
        lasting = wanted if wanted.can_be_changed else None
        return RulesStanding(name, wanted, change, _open("they only take away"), (), lasting, holding)
    ballots = {
        each: count(decisions(change.digest, by), by.policy.approval, change.sources[each], now)
        for each, by in change.judges.items()
    }
    gate = _gate(change, ballots)
    if gate.passed:
        approvals = {each.commit: each for ballot in ballots.values() for each in ballot.approvals}
        return RulesStanding(name, wanted, change, gate, tuple(approvals.values()), wanted)
    if counting is None or change.base is None:
        return RulesStanding(name, wanted, change, gate)
    taken = counting if counting != change.base.rules and counting.can_be_changed else None
    return RulesStanding(name, counting, change, gate, (), taken, holding)


def _gate(change: RulesChange, ballots: Mapping[str, Ballot]) -> Gate:
    for ballot in ballots.values():
        if ballot.rejections:
            first = ballot.rejections[0]
            words = f": {first.reason}" if first.reason else ""
            return Gate("rules", GateState.CLOSED, f"rejected by {first.who}{words}")
    waiting = [
        _lacks(name, ballot, change.judges[name].policy.approval, change.sources[name])
        for name, ballot in ballots.items()
        if len(ballot.approvals) < ballot.required
    ]
    if waiting:
        return Gate("rules", GateState.WAITING, "; ".join(waiting))
    who = ", ".join(dict.fromkeys(each.who for ballot in ballots.values() for each in ballot.approvals))
    return _open(f"approved by {who}" if who else "the rules before ask for no approval")


def _lacks(name: str, ballot: Ballot, rule: ApprovalRule | None, source: SourceChange) -> str:
    said = [f"{len(ballot.approvals)} of {ballot.required} approvals by the rules of {name}"]
    said += [f"{each.approval.who}'s does not count: {each.reason}" for each in ballot.void]
    able = may_approve(rule, source) if rule else []
    if len(able) < ballot.required:
        said.append(
            f"{' and '.join(able) or 'nobody'} may approve it: keep the approvers and keys of before in the "
            "fleet until it is approved"
        )
    return "; ".join(said)


def _open(why: str) -> Gate:
    return Gate("rules", GateState.OPEN, why)


def _canonical(rules: Rules) -> dict[str, object]:
    return rules.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def judges_of(plan: Plan, standings: Mapping[str, RulesStanding], now: datetime) -> tuple[RulesStanding, ...]:
    """By whose rules decisions on a plan count: those of its environment, and where it reaches others in the
    cluster, of those who have a say in that.
    """
    own = standings.get(plan.environment)
    if own is None:
        return ()
    from deploy_orchestrator.risk import beyond

    if not beyond(plan.reasons, plan.environment, own.in_force.policy, now):
        return (own,)
    beside = neighbours(plan.environment, {name: each.in_force for name, each in standings.items()})
    return (own, *(standings[name] for name in beside))

"""Every commit of the deployments repository, held against what it had to be when it was made."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal, Protocol

from deploy_orchestrator.documents import Record
from deploy_orchestrator.errors import MachineRefused, OrchestratorError, first_few
from deploy_orchestrator.fleet import Deployment, FleetError, Rules, neighbours
from deploy_orchestrator.git import Commit, Repository, RevisionNotFound, Tree
from deploy_orchestrator.identity import Issuers
from deploy_orchestrator.manifests import Manifests, committed_manifests
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.releases.approvals import BRANCH, recorded_keys, verified
from deploy_orchestrator.releases.evaluation import Conditions, Neighbour, evaluate
from deploy_orchestrator.releases.gates import Predecessor
from deploy_orchestrator.releases.history import origin
from deploy_orchestrator.releases.layout import MAIN, QUARANTINE, RELEASES, Slot, content_at
from deploy_orchestrator.releases.model import Plan, Quarantined, Release, ReleaseFile, SourceChange
from deploy_orchestrator.releases.publish import WITNESS
from deploy_orchestrator.releases.reviews import recorded
from deploy_orchestrator.releases.rules import FOLDER as RULES
from deploy_orchestrator.releases.rules import ReleasedRules, read_rules, standings
from deploy_orchestrator.releases.standing import SlotState
from deploy_orchestrator.terms import CommitId, Verdict, is_label

_DIGESTS = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_NAMED: Final = 10
"""Paths of one commit that are named one by one."""

_CLOCKS: Final = timedelta(hours=1)
"""How far clocks of those who write are apart at most, with the time that a push takes."""

Check = Literal["hands", "history", "release", "gates", "source", "rules", "unproved"]


class Fault(Record):
    """What is wrong with a `commit`, and what it is `about`: a deployment, an environment's rules, or paths.

    `check` tells the kind: made by other `hands`, `history` that was rewritten, a `release` that does not fit
    its plan, `gates` that were closed, a `source` that gives something else, `rules` that nobody approved; or
    what is `unproved`, because its source does not render here.
    """

    check: Check
    commit: CommitId
    about: str
    what: str


class Audited(Record):
    """What was audited so far: up to the commit `head`, of which `own` is the newest that the orchestrator
    signed (None: none did), `count` commits, of them `releases` that changed what is released.

    What is wrong with `accepted` commits was looked into by somebody, and is told no more.
    """

    head: CommitId | None = None
    own: CommitId | None = None
    count: int = 0
    releases: int = 0
    faults: tuple[Fault, ...] = ()
    accepted: tuple[CommitId, ...] = ()

    @property
    def standing(self) -> tuple[Fault, ...]:
        """What is wrong, and nobody has accepted."""
        return tuple(each for each in self.faults if each.commit not in self.accepted)


class Evidence(Protocol):
    """What the fleet's repository tells of a plan.

    Each raises FleetError or RevisionNotFound where it cannot.
    """

    def rules(self, plan: Plan) -> Rules:
        """What the fleet wanted the rules to be at the plan's source."""
        ...

    def source(self, plan: Plan, released: Release | None, allowed_signers: bytes) -> SourceChange:
        """Who wrote what the plan changes in what was `released`, and whether these keys signed that."""
        ...

    def rendered(self, plan: Plan, rules: Rules) -> tuple[Deployment, Manifests]:
        """What the plan's source gives, under these rules. Raises whatever rendering does."""
        ...


def audit(repository: Repository, audited: Audited, evidence: Evidence) -> Iterator[Audited]:
    """Carry on from what was `audited`: what is known after each commit, oldest first.

    Where history no longer has the commit that was audited last, that is told, and all is gone through anew.
    """
    head = repository.tip(MAIN)
    if head is None:
        return
    if audited.head and not repository.leads_to(audited.head, head):
        fault = Fault(
            check="history",
            commit=audited.head,
            about=MAIN,
            what="it was audited and is in the history no more: the branch was rewritten",
        )
        audited = Audited(faults=(*audited.faults, fault), accepted=audited.accepted)
    for commit in reversed(repository.log(head, since=audited.head)):
        found = _Commit(repository, commit, audited.own, evidence)
        faults = tuple(found.faults())
        audited = audited.model_copy(
            update={
                "head": commit.id,
                "own": commit.id if found.is_own else audited.own,
                "count": audited.count + 1,
                "releases": audited.releases + len(found.released),
                "faults": (*audited.faults, *faults),
            }
        )
        yield audited


@dataclass(frozen=True)
class _Commit:
    """A commit to be audited, after `own`, the newest before it that the orchestrator signed."""

    repository: Repository
    commit: Commit
    own: str | None
    evidence: Evidence

    @cached_property
    def is_own(self) -> bool:
        return self.repository.is_sealed(self.commit)

    @property
    def after(self) -> Tree:
        return self.repository.at(self.commit.id)

    @property
    def before(self) -> Tree:
        return self.repository.before(self.commit.id)

    @cached_property
    def changed(self) -> tuple[str, ...]:
        return self.repository.changed(self.commit.id)

    @property
    def released(self) -> list[Slot]:
        return list(_slots(self.changed, RELEASES))

    def faults(self) -> Iterator[Fault]:
        if self.own and not self.is_own:
            yield self._by_others(f"{str(self.commit.author)!r}, {self.commit.subject!r}")
            return
        if len(self.commit.parents) > 1:
            yield self._by_others(f"a merge, by {str(self.commit.author)!r}: the orchestrator makes none")
        if self.own and self.own not in self.commit.parents:
            if self.repository.at(self.own).root != self.after.root:
                yield self._by_others("it is signed, and keeps what others wrote before it")
            return
        for slot in self.released:
            yield from self._told("release", f"{slot.environment}/{slot.tenant}", self._release(slot))
        for slot in _slots(self.changed, QUARANTINE):
            yield from self._told("release", f"{slot.environment}/{slot.tenant}", self._quarantine(slot))
        files = {slot.release for slot in self.released}
        for path in self.changed:
            if path.startswith(f"{RELEASES}/") and path not in files and self.after.file_id(path):
                what = "Argo CD takes it for a release, and it is none"
                yield Fault(check="release", commit=self.commit.id, about=path, what=what)
        changed = [each for each in self.changed if each.startswith(f"{RULES}/")]
        if changed:
            yield from self._told("rules", ", ".join(changed[:_NAMED]), self._rules(changed))

    def _by_others(self, who: str) -> Fault:
        return Fault(
            check="hands",
            commit=self.commit.id,
            about=first_few(self.changed, _NAMED) or "nothing",
            what=f"it was made by other hands: {who}",
        )

    def _told(self, check: Check, about: str, found: Iterator[tuple[Check, str]]) -> Iterator[Fault]:
        try:
            for kind, what in found:
                yield Fault(check=kind, commit=self.commit.id, about=about, what=what)
        except MachineRefused:
            raise
        except OrchestratorError as error:
            yield Fault(check=check, commit=self.commit.id, about=about, what=str(error))

    def _release(self, slot: Slot) -> Iterator[tuple[Check, str]]:
        was, now = slot.read_release(self.before), slot.read_release(self.after)
        if now is None:
            if was is not None and not was.removal:
                yield "release", "what was released was taken away, and it was no removal"
        elif reverted := self._reverted(slot):
            yield from self._revert(slot, reverted)
        else:
            yield from self._forward(slot, now)

    def _reverted(self, slot: Slot) -> Quarantined | None:
        """The one entry that the commit adds to the quarantine of what it changed the release of."""
        was, now = _entries(slot, self.before), _entries(slot, self.after)
        return now[-1] if now and now[:-1] == was and slot.release in self.changed else None

    def _quarantine(self, slot: Slot) -> Iterator[tuple[Check, str]]:
        """Only a revert adds to it, and it goes with what was removed."""
        was, now = _entries(slot, self.before), _entries(slot, self.after)
        if was == now or self._reverted(slot):
            return
        if now or slot.release not in self.changed or slot.read_release(self.after) is not None:
            yield "release", "what is in quarantine was changed, and nothing was reverted"

    def _revert(self, slot: Slot, entry: Quarantined) -> Iterator[tuple[Check, str]]:
        """What was released before is released again, and nothing else."""
        head = self.before.commit
        made = origin(self.repository, head, head, slot) if head else None
        if made is None or made.id != entry.reverted:
            yield "release", f"it reverts {entry.reverted}, which did not release what was released"
            return
        back = self.repository.before(made.id)
        if back.id(slot.release) != self.after.id(slot.release):
            yield "release", f"it brings back something else than what was released before {made.id}"

    def _forward(self, slot: Slot, file: ReleaseFile) -> Iterator[tuple[Check, str]]:
        standing = SlotState(self.repository, self.before, slot)
        plan = standing.plan
        if plan is None or plan.digest != file.digest:
            yield "release", f"no plan of {file.digest} stood there"
            return
        if plan.released(revision=file.revision, approvals=file.approvals, at=file.released_at) != file:
            yield "release", "it says something else than the plan that it releases"
        if not self._is_of_its_time(file.released_at):
            yield (
                "release",
                f"it was made at another time than it tells: {file.released_at:%Y-%m-%d %H:%M} UTC",
            )
        if content_at(self.repository.at(file.revision), file.path) != file.content:
            yield "release", f"the manifests at {file.revision} are not those that it releases"
        written = read_rules(self.before).get(slot.environment)
        rules = written.rules if written else self.evidence.rules(plan)
        holding = written.holding if written else None
        evaluation = evaluate(standing, plan, self._conditions(standing, plan, file, rules, holding))
        for gate in evaluation.closed:
            yield "gates", f"{gate.key}: {gate.reason}"
        if {each.commit for each in evaluation.approvals} != {each.commit for each in file.approvals}:
            yield "gates", "the approvals that it names are not those that counted"
        if not file.removal:
            yield from self._made(standing, plan, rules, file.released_at)

    def _is_of_its_time(self, told: datetime) -> bool:
        """As of that time gates are judged."""
        before = [self.repository.commit(each).time for each in self.commit.parents[:1]]
        return max(before, default=told) - _CLOCKS <= told <= self.commit.time + _CLOCKS

    def _conditions(
        self, standing: SlotState, plan: Plan, file: ReleaseFile, rules: Rules, holding: Rules | None
    ) -> Conditions:
        """Those of the moment: the rules that were released, and the decisions that there were; none where it
        relied on none. What was live and healthy is not in Git, and taken as given.
        """
        until = _witness(self.repository, file)
        before = [Slot(each.environment, plan.tenant) for each in plan.after]
        return Conditions(
            policy=rules.policy,
            allowed_signers=rules.allowed_signers if until else b"",
            predecessors=tuple(map(self._predecessor, before)),
            now=file.released_at,
            source=self._source(plan, standing.release, rules),
            one_is_enough=rules.healthy_in == "any",
            soaked=plan.behind.soaked if plan.behind else None,
            until=until,
            issuers=self._issuers(rules, file),
            holding=holding,
            neighbours=self._neighbours(standing, plan, until is not None),
            reviews=recorded(file.approvals, rules.reviews),
        )

    def _neighbours(self, standing: SlotState, plan: Plan, decided: bool) -> dict[str, Neighbour]:
        """By the rules that were released; nobody of them decided anything that the release relied on
        where there is no word of that.
        """
        rules = {name: each.rules for name, each in read_rules(self.before).items()}
        return {
            name: Neighbour(each if decided else each.only(()), self._source(plan, standing.release, each))
            for name, each in neighbours(plan.environment, rules).items()
        }

    def _issuers(self, rules: Rules, file: ReleaseFile | ReleasedRules) -> Issuers:
        """The providers of the rules, with the keys that were checked then: those that the file names."""
        return Issuers(rules.issuers, recorded_keys(self.repository, file.approvals))

    def _predecessor(self, slot: Slot) -> Predecessor:
        released = slot.read_release(self.before)
        return Predecessor(released.content, datetime.min.replace(tzinfo=UTC)) if released else _NONE

    def _source(self, plan: Plan, released: Release | None, rules: Rules) -> SourceChange:
        try:
            return self.evidence.source(plan, released, rules.allowed_signers)
        except (FleetError, RevisionNotFound):
            # Its history was rewritten: nobody can tell any more who made it.
            return plan.source.model_copy(update={"signed": False})

    def _made(
        self, standing: SlotState, plan: Plan, rules: Rules, at: datetime
    ) -> Iterator[tuple[Check, str]]:
        found = attempt(self.evidence.rendered, plan, rules)
        if isinstance(found, OrchestratorError):
            yield "unproved", f"{plan.source.commit} of the fleet cannot be rendered again: {found.what}"
            return
        deployment, manifests = found
        if manifests.content != plan.content:
            yield "source", f"{plan.source.commit} of the fleet gives other manifests: {manifests.content}"
        if not deployment.destination.is_same(plan.destination):
            yield "source", f"{plan.source.commit} of the fleet goes to another place, or is synced otherwise"
        if not self.is_own:
            yield from self._judged(standing, plan, deployment, manifests, at)

    def _judged(
        self, standing: SlotState, plan: Plan, deployment: Deployment, manifests: Manifests, at: datetime
    ) -> Iterator[tuple[Check, str]]:
        """Nobody vouches for the verdict: it is found anew, without what only checks see."""
        from deploy_orchestrator.risk import assess

        was = standing.release
        judgement = assess(
            deployment,
            candidate=manifests,
            before=committed_manifests(self.repository.at(was.revision), was.path) if was else None,
            chart_before=was.chart if was else None,
            destination_before=was.destination if was else None,
            findings=(),
            looked_up=plan.images or (),
            takeover=plan.takeover,
            now=at,
        )
        if Verdict.worst([plan.verdict, judgement.verdict]) is not plan.verdict:
            yield "gates", f"verdict: it was called {plan.verdict}, and is {judgement.verdict}"

    def _rules(self, changed: list[str]) -> Iterator[tuple[Check, str]]:
        was, now = read_rules(self.before), read_rules(self.after)
        for name in was.keys() - now.keys():
            yield "rules", f"the rules of {name} were taken away, so that the next ones are trusted"
        if not was:
            return
        new = {name: each for name, each in now.items() if was.get(name) != each}
        for name, each in new.items():
            before = was.get(name)
            if each.replaces != (before.digest if before else None):
                yield "rules", f"those of {name} replace others than were released"
            if not self._is_of_its_time(each.released_at):
                yield "rules", f"those of {name} were made at another time than they tell: {each.released_at}"
        wanted = {name: each.rules for name, each in now.items()}

        def source(environment: str, _signers: bytes) -> SourceChange:
            return now[environment].source

        for name, each in new.items():
            until = _witness(self.repository, each)
            judged = standings(
                wanted,
                was,
                source=source,
                decisions=lambda digest, by, until=until, each=each: (
                    verified(self.repository, digest, by.allowed_signers, until, self._issuers(by, each))[0]
                    if until
                    else []
                ),
                now=each.released_at,
            )[name]
            if judged.recorded != each.rules:
                why = judged.gate.reason
                yield "rules", f"those of {name} were not approved by the rules before them: {why}"


_NONE: Final = Predecessor(None, None)


def _witness(repository: Repository, file: ReleaseFile | ReleasedRules) -> str | None:
    """The commit of the branch of decisions up to which they let it through; None where it relied on none."""
    head = repository.head(BRANCH)
    if head and file.digest in (known := _witnesses(repository, head)):
        return known[file.digest]
    # Earlier versions left no word there: it is the last one that the file names.
    newest: str | None = None
    for each in file.approvals:
        if each.review is None and (newest is None or repository.is_ancestor(newest, each.commit)):
            newest = each.commit
    return newest


@lru_cache(maxsize=2)
def _witnesses(repository: Repository, head: str) -> Mapping[str, str]:
    """By digest the first commit that says that it went out by the decisions up to there."""
    found: dict[str, str] = {}
    for commit in reversed(repository.log(head)):
        if not commit.message.startswith(WITNESS) or repository.changed(commit.id):
            continue
        if repository.seal is None or repository.is_sealed(commit, BRANCH):
            for digest in _DIGESTS.findall(commit.message):
                found.setdefault(digest, commit.id)
    return found


def _entries(slot: Slot, tree: Tree) -> tuple[Quarantined, ...]:
    """Without what earlier versions noted in them."""
    return tuple(each.model_copy(update={"decided": None}) for each in slot.read_quarantine(tree))


def _slots(paths: tuple[str, ...], folder: str) -> Iterator[Slot]:
    for path in paths:
        match path.split("/"):
            case [first, environment, file] if first == folder and file.endswith(".yaml"):
                tenant = file.removesuffix(".yaml")
                if is_label(environment) and is_label(tenant):
                    yield Slot(environment, tenant)
            case _:
                pass

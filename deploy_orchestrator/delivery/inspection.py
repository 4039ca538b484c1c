"""What a cluster says of a change before it is made: what has drifted, and what it would refuse."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from deploy_orchestrator.delivery.errors import ClusterRefused, DeliveryError, NotServed
from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import (
    NOTHING,
    Diff,
    Manifests,
    Object,
    ObjectChange,
    ObjectKey,
    diff,
    hooks,
    is_of_sops,
    redacted,
    untyped,
)
from deploy_orchestrator.releases import Plan
from deploy_orchestrator.risk import Reason, Verdict

if TYPE_CHECKING:
    from deploy_orchestrator.delivery.cluster import ClusterClient

_CONCURRENT = 8
_ASKED_OF_THE_CALLER: Final = re.compile(
    r'User ".*" cannot \w+ (?:resource|path)|is attempting to grant RBAC permissions not currently held'
)
"""The API server's words where it is the caller who may not: kube-apiserver's `forbiddenMessage`, and RBAC's
escalation check. Admission, which holds for everybody, answers with the same status.
"""

_NO_NAMESPACE: Final = re.compile(r'namespaces "([^"]+)" not found')
_NO_ACCOUNT: Final = re.compile(r"error looking up service account ([^/\s]+)/([^:\s]+)")
_NO_DRY_RUN: Final = "does not support dry run"
_BUSY: Final = frozenset({0, 401, 408, 409, 429})

_Wanted = TypeVar("_Wanted")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a cluster answered for one deployment.

    `drift` is from what was released to what is live, in the fields that the release sets. `taken_over` is
    from what is there, and this deployment never released, to what applying the candidate makes of it, and
    `kept` are the objects that stay as they are by that. `refused` are the objects of the candidate that it
    would not take, `unasked` those (of both) for which it could not be asked, each with its words. `awaited`
    tells what has to be there first and comes with the change. `tried` counts the objects of the candidate
    that it would take. `lacking` is what a namespace that somebody else has made does not give.
    `there` is what is live, and this deployment never released, of the objects that it would take.
    """

    drift: Diff
    taken_over: Diff
    kept: tuple[ObjectKey, ...]
    refused: Mapping[ObjectKey, str]
    unasked: Mapping[ObjectKey, str]
    awaited: tuple[str, ...]
    tried: int
    lacking: tuple[Reason, ...] = ()
    there: Manifests = NOTHING

    @property
    def has_objections(self) -> bool:
        """Whether it has something against the release or what is live."""
        return bool(self.drift or self.taken_over or self.refused or self.unasked or self.lacking)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """A reason for each refusal, for each object that is taken over, for what the namespace lacks, and
        one where the cluster could not be asked.
        """
        reasons = [
            Reason(
                rule="refused-by-cluster",
                severity=Verdict.BLOCKED,
                object=str(key),
                saw=said,
                why="The API server of the cluster refuses it in a dry run, so the release would fail.",
                do="Mend what it names.",
            )
            for key, said in self.refused.items()
        ]
        reasons += [
            Reason(
                rule="live-object-changed",
                severity=Verdict.NEEDS_APPROVAL,
                object=str(change.key),
                saw=f"it is there already, and {_fields(change)} changes",
                why="Somebody else made it, and may rely on what it says now.",
                do="Find out whose it is; give yours another name, or approve that it is taken over.",
            )
            for change in self.taken_over.changed
        ]
        reasons += [
            Reason(
                rule="live-object-changed",
                severity=Verdict.NEEDS_APPROVAL,
                object=str(each.key),
                saw="it is there already, and is deleted and made anew",
                why="Somebody else made it, and may rely on it.",
                do="Find out whose it is; give yours another name, or approve that it is replaced.",
            )
            for each in self.taken_over.removed
        ]
        if self.kept:
            reasons.append(
                Reason(
                    rule="live-object-kept",
                    severity=Verdict.SAFE,
                    saw=f"{len(self.kept)} objects are there already, and stay as they are",
                    why="Applying them changes nothing that is live.",
                    do="Nothing.",
                )
            )
        if self.unasked:
            first = next(iter(self.unasked.values()))
            reasons.append(
                Reason(
                    rule="cluster-not-asked",
                    severity=Verdict.NEEDS_APPROVAL,
                    saw=f"could not ask for {len(self.unasked)} objects: {first}",
                    why="Whether the cluster would take them is not known.",
                    do="Ask with a kubeconfig that may read and apply them, or look at them yourself.",
                )
            )
        return (*self.lacking, *reasons)

    def judged(self, plan: Plan) -> Plan:
        """The plan with the reasons that the cluster has."""
        all_reasons = (*self.reasons, *plan.reasons)
        verdict = Verdict.worst(reason.severity for reason in all_reasons)
        return plan.model_copy(update={"reasons": all_reasons, "verdict": verdict})


def inspect(
    cluster: "ClusterClient",
    namespace: str,
    released: Manifests | None,
    candidate: Manifests,
    had: Collection[ObjectKey] = (),
) -> Inspection:
    """Asks `cluster` about the objects of a deployment, by reading and by server-side dry runs; nothing is
    written.

    What is released is held against what is live as the API server itself would: what a dry run of applying
    it would change has drifted. Fields that the release does not set, as defaults and those of other
    managers, do not count, nor do hooks, which do not stay.

    Args:
        namespace: for objects that do not name their own.
        had: what the deployment has of its own beside what is `released`, and so does not take over.
    """
    kept = [each for each in released.objects if not hooks.is_hook(each)] if released else []
    applied = [each for each in candidate.objects if not hooks.is_hook(each) or hooks.phases(each)]
    known = {each.key: each for each in (*applied, *kept)}
    live = _asked(lambda each: cluster.read(each, namespace), known)

    def attempt(wanted: Object) -> Object | None:
        if is_of_sops(wanted):
            raise DeliveryError("SOPS encrypted it, and the cluster takes what it is once that is decrypted")
        if (hooks.is_hook(wanted) or hooks.is_forced(wanted)) and live[wanted.key]:
            cluster.try_anew(wanted, namespace)
            return None
        return cluster.apply(wanted, namespace, dry_run=True)

    there = [each for each in kept if isinstance(live[each.key], Object)]
    answers = _asked(attempt, {each.canonical: each for each in (*applied, *there)})
    tried = [(each, answers[each.canonical]) for each in applied]
    refused: dict[ObjectKey, str] = {}
    unasked: dict[ObjectKey, str] = {}
    awaited: dict[str, None] = {}
    for each, answer in tried:
        if not isinstance(answer, DeliveryError):
            continue
        if coming := _coming(answer, each, candidate):
            awaited[coming] = None
        elif _may_not_be_asked(answer):
            unasked[each.key] = _words(answer, each)
        else:
            refused[each.key] = _words(answer, each)
    for each in kept:
        for answer in (live[each.key], answers.get(each.canonical)):
            if isinstance(answer, DeliveryError) and _may_not_be_asked(answer):
                unasked.setdefault(each.key, _words(answer, each))
    own = {*had, *(other.key for other in kept)}
    taken = [
        (before, answers[each.canonical])
        for each in applied
        if each.key not in own and not hooks.is_hook(each)
        for before in [live[each.key]]
        if isinstance(before, Object) and not isinstance(answers[each.canonical], DeliveryError)
    ]
    there_already = Manifests(before for before, _ in taken)
    taken_over = diff(
        there_already,
        Manifests(after for _, after in taken if isinstance(after, Object)),
    )
    changed = {*(change.key for change in taken_over.changed), *(each.key for each in taken_over.removed)}
    return Inspection(
        _drift(kept, live, answers),
        taken_over,
        tuple(before.key for before, _ in taken if before.key not in changed),
        refused,
        unasked,
        tuple(awaited),
        sum(not isinstance(answer, DeliveryError) for _, answer in tried),
        there=there_already,
    )


def _asked(
    question: Callable[[Object], _Answer], objects: Mapping[_Wanted, Object]
) -> dict[_Wanted, _Answer | DeliveryError]:
    def ask(each: Object) -> _Answer | DeliveryError:
        try:
            return question(each)
        except DeliveryError as error:
            return error

    with ThreadPoolExecutor(_CONCURRENT) as pool:
        return dict(zip(objects, pool.map(ask, objects.values()), strict=True))


def _drift(
    kept: Iterable[Object],
    live: Mapping[ObjectKey, Object | DeliveryError | None],
    answers: Mapping[bytes, Object | DeliveryError | None],
) -> Diff:
    expected: list[Object] = []
    found: list[Object] = []
    for each in kept:
        there, applied = live[each.key], answers.get(each.canonical)
        if there is None:
            expected.append(each)
        elif isinstance(there, Object) and isinstance(applied, Object):
            expected.append(applied)
            found.append(there)
    return diff(Manifests(expected), Manifests(found))


def _may_not_be_asked(answer: DeliveryError) -> bool:
    if isinstance(answer, NotServed):
        return False
    if not isinstance(answer, ClusterRefused):
        return True
    said = answer.said
    by_caller = answer.status == 403 and _ASKED_OF_THE_CALLER.search(said)
    return bool(by_caller) or answer.status in _BUSY or answer.status >= 500 or _NO_DRY_RUN in said


def _coming(answer: DeliveryError, wanted: Object, candidate: Manifests) -> str | None:
    """What `wanted` waits for that the release brings: its namespace, its kind, its account."""
    if isinstance(answer, NotServed):
        defined = {_defines(each) for each in candidate.objects}
        same = (wanted.key.group, wanted.kind) in defined
        return f"{wanted.kind} is defined by a CustomResourceDefinition of this change" if same else None
    if not isinstance(answer, ClusterRefused):
        return None
    if missing := _NO_NAMESPACE.search(answer.said):
        return f"namespace {missing[1]} is not there yet"
    if missing := _NO_ACCOUNT.search(answer.said):
        account = ObjectKey("", "ServiceAccount", missing[1], missing[2])
        return f"{account} comes with this change" if account in candidate.by_key else None
    return None


def _defines(each: Object) -> tuple[str, str] | None:
    if each.kind != "CustomResourceDefinition":
        return None
    spec = untyped.mapping(each.body.get("spec"))
    return untyped.text(spec.get("group")) or "", untyped.text(untyped.at(spec, "names", "kind")) or ""


def _fields(change: ObjectChange) -> str:
    return first_few([field.field for field in change.fields], 5)


def _words(answer: DeliveryError, each: Object) -> str:
    said = answer.said if isinstance(answer, ClusterRefused) else answer.what
    return redacted(said, each)[:2000]

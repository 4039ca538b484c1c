"""Candidates that would not apply, or not as they read, whatever is released now."""

from collections.abc import Iterator

from deploy_orchestrator.manifests import hooks, untyped
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.pods import labels_of
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.rule_ids import CHECK_EXCEPTED, CHECK_FAILED
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import HELM_HOOK_EVENTS

_OWN_SELECTOR = {("apps", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")}


class CheckFailed(Rule):
    id = CHECK_FAILED
    severity = Verdict.BLOCKED
    sees = "a check of the manifests found an error: schema, removed API, tenant policy"
    why = "The API server would refuse the object, or the tenant policy forbids it."
    do = (
        "Mend what the check names, or add an exception with a reason and an expiry to the fleet; the policy "
        "can give the check another verdict (`checks`)."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        for finding in change.findings:
            if finding.severity == "error" and finding.rule != HarmfulConflict.id:
                said = f"{finding.rule}: {finding.message}"
                yield Sighting(said, finding.object, do=finding.fix, check=finding.rule)


class CheckExcepted(Rule):
    id = CHECK_EXCEPTED
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a check found an error from which the tenant excepts itself, and which what is released now does "
        "not have"
    )
    why = "Who writes the tenant's files writes its exceptions, too: somebody else says whether it may be."
    do = "Read the exception's reason and what the check names, then approve; or mend it."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for finding in change.findings:
            if finding.excepted and (finding.rule, finding.object) not in change.excepted_before:
                said = f"{finding.rule}: {finding.message}"
                yield Sighting(said, finding.object, do=finding.fix, check=finding.rule)


class HarmfulConflict(Rule):
    id = "dependency-conflict"
    severity = Verdict.BLOCKED
    sees = "charts that this one is built on need versions that do harm together"
    why = (
        "One version of a library replaces the templates of another, so objects are not what their chart "
        "meant."
    )
    do = "Take versions that agree; the conflict report proposes some."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for finding in change.findings:
            if finding.severity == "error" and finding.rule == self.id:
                yield Sighting(finding.message, do=finding.fix, check=finding.rule)


class UnknownHook(Rule):
    id = "hook-unknown"
    severity = Verdict.BLOCKED
    sees = "a hook annotation that names an event which Helm or Argo CD does not know, or none at all"
    why = (
        "Helm drops the whole object without a word; Argo CD applies it as if it were no hook, or never "
        "where it names none."
    )
    do = "Mend the event's name, or take the annotation away."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.after.objects:
            unknown = [event for event in each.hooks if event not in HELM_HOOK_EVENTS]
            unknown += [event for event in hooks.argo_events(each) if event not in hooks.ARGO_EVENTS]
            if unknown:
                yield Sighting(f"hook for {', '.join(map(repr, unknown))}", each.key)
            elif not hooks.is_hook(each) and not {hooks.HELM_HOOK, hooks.ARGO_HOOK}.isdisjoint(
                each.annotations
            ):
                yield Sighting("hook for nothing", each.key)


class SelectorMisses(Rule):
    id = "selector-misses"
    severity = Verdict.BLOCKED
    sees = "a workload whose selector does not match the labels of its own pods"
    why = "The API server refuses it."
    do = "Give the pod template the labels that the selector names."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.after.objects:
            if (each.key.group, each.kind) not in _OWN_SELECTOR:
                continue
            wanted = untyped.mapping(untyped.at(each.body, "spec", "selector", "matchLabels"))
            labels = labels_of(each)
            missed = sorted(key for key in wanted if labels.get(key) != wanted[key])
            if missed:
                yield Sighting(f"the pods lack what the selector asks for: {', '.join(missed)}", each.key)


RULES = (CheckFailed(), CheckExcepted(), HarmfulConflict(), UnknownHook(), SelectorMisses())

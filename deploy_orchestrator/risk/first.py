"""A tenant's first release in an environment."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.reach import reaching
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.rule_ids import SHARED_FROM_THE_FIRST, TAKEOVER, TAKEOVER_PROVED
from deploy_orchestrator.risk.verdict import Verdict


class FirstRelease(Rule):
    id = "first-release"
    severity = Verdict.SAFE
    sees = "nothing of this tenant has been released in this environment"
    why = "Nothing that runs is replaced. The rules on changes have nothing to compare with."
    do = "Nothing. Raise this rule in the policy where a new tenant needs a decision."

    def judge(self, change: Change) -> Iterator[Sighting]:
        if change.first and not change.into_existing:
            yield Sighting(f"the first release: {len(change.after.objects)} objects, nothing is replaced")


class Takeover(Rule):
    id = TAKEOVER
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a first release, or one that moves, goes into a namespace that somebody else has made, or into "
        "another than the one that the environment gives, and no dry run shows that it changes nothing"
    )
    why = "What is live there under the same names is taken over, and changed where it differs."
    do = "Ask the cluster what it changes: `plan --cluster`. Then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        if not _takes_over(change):
            return
        if change.takeover:
            yield from (Sighting(f"a dry run says: {each}") for each in change.takeover.would)
        else:
            yield Sighting(f"{len(change.after.objects)} objects go where others may be live already")


class TakeoverProved(Rule):
    id = TAKEOVER_PROVED
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "as `takeover`, and a dry run of applying these very objects changed nothing that is live, as the "
        "record of `adopt` in the fleet says"
    )
    why = "The record is as good as whoever may write to the fleet, and live objects may have changed since."
    do = (
        "Approve. Where nobody but approvers writes to the fleet, a policy may call it safe: what no dry run "
        "shows to be empty stays a `takeover`."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        if _takes_over(change) and change.takeover and not change.takeover.would:
            yield Sighting(f"a dry run changed none of {change.takeover.kept} live objects")


def _takes_over(change: Change) -> bool:
    return change.into_existing and bool(change.first or change.moved)


class SharedFromTheFirst(Rule):
    id = SHARED_FROM_THE_FIRST
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a first release brings what others share: an object of the whole cluster that is neither its "
        "namespace nor a role of its own, a custom kind that no rule knows, a role that the roles of others "
        "may gather, a Service with addresses of its choice, an entrance for every host, pods that go before "
        "others, keep them away or mount what is kept elsewhere, a claim of data that is there, a monitor "
        "that looks elsewhere, a series that others may read, series or alerts that say whose they are, "
        "a role that may write what keeps its namespace apart, or what nobody looks at then, a role bound in "
        "the whole cluster, a kind of Kubernetes' own that reaches beyond its namespace, a certificate "
        "that says more than host names or stands for hosts of others, a path or a known annotation that "
        "says more than its value, a role of Kubernetes' own, "
        "a secret from a store of others, a "
        "label or an annotation for a controller that others share; or it goes into a namespace with other "
        "tenants"
    )
    why = "It replaces nothing of its own, and may take traffic from others, or change what they may do."
    do = "Check whom it reaches, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.after.objects if change.first else ():
            words = map(str, reaching(each, without_platform=change.without_platform))
            if said := "; ".join(dict.fromkeys(words)):
                yield Sighting(said, each.key)
        for finding in change.findings if change.first else ():
            if finding.rule == _SHARED_NAMESPACE:
                yield Sighting(finding.message)


_SHARED_NAMESPACE: Final = "shared-namespace"
"""The check that tells of a namespace which several tenants share."""

RULES = (FirstRelease(), Takeover(), TakeoverProved(), SharedFromTheFirst())

"""A tenant's first release in an environment."""

from collections.abc import Iterator

from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict


class FirstRelease(Rule):
    id = "first-release"
    severity = Verdict.SAFE
    sees = "nothing of this tenant has been released in this environment"
    why = "Nothing that runs is replaced. The rules on changes have nothing to compare with."
    do = "Nothing. Raise this rule in the policy where a new tenant needs a decision."

    def judge(self, change: Change) -> Iterator[Sighting]:
        if change.first:
            yield Sighting(f"the first release: {len(change.after.objects)} objects, nothing is replaced")


RULES = (FirstRelease(),)

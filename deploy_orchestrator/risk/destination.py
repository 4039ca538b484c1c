"""Where a tenant goes in an environment."""

from collections.abc import Iterator

from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.terms import Verdict


class DestinationChanged(Rule):
    id = "destination-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the environment's cluster, the URL of its API server, or the tenant's namespace is another one"
    why = (
        "All of it is made anew at the new place. Data does not move along: volumes there begin empty. What "
        "runs in another cluster goes on running there, watched by nobody."
    )
    do = "Move the data, then approve; delete what is left at the old place when nobody needs it any more."

    def judge(self, change: Change) -> Iterator[Sighting]:
        if change.diff.moved:
            before, after = change.diff.moved
            yield Sighting(f"it moves from {before} to {after}")


RULES = (DestinationChanged(),)

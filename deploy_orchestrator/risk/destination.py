"""Where a tenant goes in an environment, and how."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import AS_USUAL
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
        if change.moved:
            before, after = change.moved
            yield Sighting(f"it moves from {before} to {after}")


class SyncChanged(Rule):
    id = "sync-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the tenant gets, or loses, a sync option of Argo CD, or a difference that it ignores; also with its "
        "first release"
    )
    why = (
        "What is ignored can be changed by hand, or by another program, and is neither told nor healed. What "
        "is ignored no longer is set back. An option holds for every object of the tenant."
    )
    do = "Make sure that nothing else is hidden, and that nobody relies on what is set back; then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        before, after = (
            each.sync if each else AS_USUAL for each in (change.destination_before, change.destination)
        )
        for word, one, other in (("from now on", after, before), ("no longer", before, after)):
            for each in one.ignore_differences:
                if each not in other.ignore_differences:
                    yield Sighting(f"{word} ignored: {each}")
            for option in one.options:
                if option not in other.options:
                    yield Sighting(f"{word} synced with {option}")


RULES = (DestinationChanged(), SyncChanged())

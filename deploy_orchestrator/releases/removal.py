"""A tenant leaves an environment: a plan of no objects, released as any other, then nothing is left."""

from datetime import datetime, timedelta

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.git import Changes, Commit, Repository, Tree
from deploy_orchestrator.manifests import NOTHING, Manifests
from deploy_orchestrator.releases.history import newest_first
from deploy_orchestrator.releases.layout import MAIN, RELEASES, Slot
from deploy_orchestrator.releases.model import Plan, Release, Removals, SourceChange
from deploy_orchestrator.releases.planning import planned
from deploy_orchestrator.releases.standing import SlotState
from deploy_orchestrator.risk import Reason, Summary, Verdict

REMOVES = "Removes"
"""The trailer of the commit that releases a removal."""

WINDOW = timedelta(days=1)
"""How long a removal counts against the share of tenants that an environment's policy lets go."""


def make_removal(released: Release, manifests: Manifests, source: SourceChange, policy: Policy) -> Plan:
    """The plan of removing all that is `released`, whose objects are `manifests`.

    It needs approval wherever the policy asks for any, even where the policy calls deleted data safe. Of the
    risk rules those speak that tell of data, for each object that holds some, and of what others share.
    """
    from deploy_orchestrator.risk import Change, DataDeleted, ReachesOthers, judge

    change = Change(
        before=manifests, after=NOTHING, chart_before=released.chart, chart=released.chart, findings=()
    )
    count = len(manifests.objects)
    removed = Reason(
        rule="tenant-removed",
        severity=Verdict.NEEDS_APPROVAL,
        saw=f"all {count} objects of {released.tenant} in {released.environment} are removed",
        why="Nothing of it runs any more, and a revert does not bring its data back.",
        do="Make sure of a backup, and that nobody needs it, then approve.",
    )
    telling = {DataDeleted.id, ReachesOthers.id}
    lost = (reason for reason in judge(change, policy) if reason.rule in telling)
    reasons = (removed, *lost)
    return planned(
        released,
        environment=released.environment,
        tenant=released.tenant,
        destination=released.destination,
        content=NOTHING.content,
        chart=released.chart,
        source=source,
        reasons=reasons,
        summary=Summary(added=0, changed=0, removed=count),
    )


def clear(repository: Repository, environment: str, tenant: str, released: Release | None) -> Commit | None:
    """See `Deployments.clear`."""
    slot = Slot(environment, tenant)

    def change(tree: Tree) -> Changes | None:
        standing = SlotState(repository, tree, slot)
        file, plan = standing.released, standing.plan
        if file is not None and (released is None or file.digest != released.digest or not file.removal):
            return None
        gone = [slot.release, slot.quarantine, slot.unchanged]
        if plan is None or released is None or plan.digest == released.digest:
            gone += [slot.plan, slot.manifests]
        there = [path for path in gone if tree.exists(path)]
        message = (
            f"Clear {environment}/{tenant}\n\nNothing of it is live, and the fleet does not ask for it.\n"
        )
        return Changes(message, deletes=there) if there else None

    return repository.write(MAIN, change)


def recent(repository: Repository, tree: Tree, environment: str, now: datetime) -> Removals:
    """The removals that were released in an environment up to `tree`, for `Removals`."""
    there = {
        file.removesuffix(".yaml")
        for file in tree.names(f"{RELEASES}/{environment}")
        if file.endswith(".yaml")
    }
    made: set[str] = set()
    for commit in newest_first(repository, tree.commit, f"{RELEASES}/{environment}") if tree.commit else ():
        if commit.time <= now - WINDOW:
            break
        where, _, tenant = commit.trailers.get(REMOVES, "").partition("/")
        if where == environment:
            made.add(tenant)
    return Removals(len(made), len(there | made))

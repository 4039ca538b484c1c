"""Containers that come and go."""

from collections.abc import Iterator

from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.pods import containers_of
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict


class ContainersChanged(Rule):
    id = "containers-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a pod has a container more or less than before"
    why = "Pods run other software than before, or lack some; an init container can keep them from starting."
    do = "Check what the container does, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            before, after = (
                {(each.list, each.name) for each in containers_of(side)}
                for side in (altered.before, altered.after)
            )
            moved = before ^ after
            if moved:
                words = [
                    f"{name} is {'new' if (kind, name) in after else 'gone'}" for kind, name in sorted(moved)
                ]
                paths = [
                    field.path[: len(field.path) - len(inner)]
                    for field in altered.fields
                    if (inner := altered.in_container(field)) is not None
                ]
                own = tuple(
                    path for path in dict.fromkeys(paths) if (path[-2], path[-1].strip("[]")) in moved
                )
                yield Sighting(", ".join(words), altered.key, own)


RULES = (ContainersChanged(),)

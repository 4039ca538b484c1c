"""What no rule knows."""

from collections.abc import Iterable, Iterator

from deploy_orchestrator.manifests import NamedPath, ObjectKey
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.rule import Sighting, Stated
from deploy_orchestrator.risk.verdict import Verdict


class UnknownChange(Stated):
    id = "unknown-change"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a change that no other rule knows"
    why = "Nobody has said that it is harmless."
    do = "Read the diff, then approve. Where it is harmless time and again, it wants a rule of its own."

    def judge(self, change: Change, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        """What is left of `change` when all that `sightings` explain is taken away."""
        explained: dict[ObjectKey, list[NamedPath]] = {}
        for sighting in sightings:
            if sighting.object is not None:
                explained.setdefault(sighting.object, []).extend(sighting.explains)
        for each, word in [
            *((each, "new") for each in change.added),
            *((each, "removed") for each in change.removed),
        ]:
            if () not in explained.get(each.key, ()):
                yield Sighting(word, each.key)
        for altered in change.altered:
            known = explained.get(altered.key, [])
            left = [field.field for field in altered.fields if not _covered(field.path, known)]
            if left:
                more = f" and {len(left) - 5} more" if len(left) > 5 else ""
                yield Sighting(f"{', '.join(left[:5])}{more} changes", altered.key)


def _covered(path: NamedPath, known: list[NamedPath]) -> bool:
    return any(path[: len(prefix)] == prefix for prefix in known)

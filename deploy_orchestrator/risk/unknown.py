"""What no rule knows, and what of it the policy says that nobody need look at."""

from collections.abc import Iterable, Iterator

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import FieldChange, NamedPath, ObjectKey
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.rule import Sighting, Stated
from deploy_orchestrator.risk.verdict import Verdict


class FieldIgnored(Stated):
    id = "field-ignored"
    severity = Verdict.SAFE
    sees = "a field changes that no rule knows, and of which the policy says that nobody need look at it"
    why = "Whoever approves changes of the policy has said so, for a while and with a reason."
    do = "Nothing until it expires."

    def judge(self, change: Change, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        """What the policy ignores of what is left of `change` beside all that `sightings` explain."""
        for altered, fields in _unexplained(change, sightings):
            key = altered.key
            for ignored in change.ignored:
                found = [each for each in fields if ignored.covers(key.group_kind, key.name, each.path)]
                if found:
                    until = f"{ignored.expires:%Y-%m-%d %H:%M} UTC"
                    said = f"{_told(found)}, ignored until {until}: {ignored.reason}"
                    yield Sighting(said, key, tuple(each.path for each in found), until=ignored.expires)
                    fields = [each for each in fields if each not in found]


class UnknownChange(Stated):
    id = "unknown-change"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a change that no other rule knows"
    why = "Nobody has said that it is harmless."
    do = (
        "Read the diff, then approve. Where it is harmless time and again, it wants a rule of its own; the "
        "policy can `ignore` a field for a while."
    )

    def judge(self, change: Change, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        """What is left of `change` when all that `sightings` explain is taken away."""
        seen = list(sightings)
        whole = {each.object for each in seen if () in each.explains}
        for each, word in [
            *((each, "new") for each in change.added),
            *((each, "removed") for each in change.removed),
        ]:
            if each.key not in whole:
                yield Sighting(word, each.key)
        for altered, fields in _unexplained(change, seen):
            yield Sighting(_told(fields), altered.key)


def _unexplained(
    change: Change, sightings: Iterable[Sighting]
) -> Iterator[tuple[Altered, list[FieldChange]]]:
    explained: dict[ObjectKey, list[NamedPath]] = {}
    for sighting in sightings:
        if sighting.object is not None:
            explained.setdefault(sighting.object, []).extend(sighting.explains)
    for altered in change.altered:
        known = explained.get(altered.key, [])
        left = [field for field in altered.fields if not _covered(field.path, known)]
        if left:
            yield altered, left


def _told(fields: list[FieldChange]) -> str:
    return f"{first_few([each.field for each in fields], 5)} changes"


def _covered(path: NamedPath, known: list[NamedPath]) -> bool:
    return any(path[: len(prefix)] == prefix for prefix in known)

"""What a plan brings back of what was reverted."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.git import Tree
from deploy_orchestrator.manifests import Diff, FieldChange, committed_manifests, diff
from deploy_orchestrator.releases.model import Plan, Quarantined, ReleaseFile
from deploy_orchestrator.releases.standing import SlotState

_NAMED = 3
_TOLD = frozenset({"labels", "annotations"})
"""What is derived from the rest, such as checksums and the names of versions."""


@dataclass(frozen=True, slots=True)
class Returning:
    """What was reverted by an `entry` of the quarantine, and comes back, in words: `what`."""

    entry: Quarantined
    what: str


@dataclass(frozen=True, slots=True)
class _Part:
    """The smallest thing that changes: an object as a whole, a field, or an item or line of one."""

    object: str
    field: str
    step: str
    value: str

    def __str__(self) -> str:
        return f"{self.field} of {self.object}" if self.field else self.object


def returning(standing: SlotState, plan: Plan) -> Iterator[Returning]:
    """What `plan` would bring back to what is released, entry by entry of the quarantine.

    It brings back what was reverted where it makes one of the changes again that the reverted release made:
    the same field of the same object set to the same value, the same object added or removed, the same item
    or line in a list or a text. Labels and annotations count where nothing else was reverted.
    """
    for entry in standing.quarantine:
        if entry.content == plan.content:
            yield Returning(entry, "the bytes")
        elif again := _made_by(standing, entry) & _planned(standing):
            named = sorted({str(each) for each in again})
            yield Returning(entry, first_few(named, _NAMED))


def builds_on(newer: Diff, older: Diff) -> bool:
    """Whether a `newer` change of what is released changes all that an `older` one does, if to other values,
    and takes nothing of it back.
    """
    return {_essence(each) for each in _parts_of(older)} <= {_essence(each) for each in _parts_of(newer)}


def _essence(part: _Part) -> _Part:
    whole = not part.field or part.step == "set"
    return replace(part, value="") if whole else part


def _planned(standing: SlotState) -> frozenset[_Part]:
    now = _folder(standing.tree, standing.slot.manifests)
    return _parts(_released(standing, standing.released), now) if now else frozenset()


def _made_by(standing: SlotState, entry: Quarantined) -> frozenset[_Part]:
    """What a release that was reverted had changed in the one before it."""
    repository, slot = standing.repository, standing.slot
    made = repository.commit(entry.reverted)
    before = slot.read_release(repository.at(made.parents[0])) if made.parents else None
    folder = _released(standing, slot.read_release(repository.at(made.id)))
    parts = _parts(_released(standing, before), folder) if folder else frozenset[_Part]()
    return frozenset(each for each in parts if not _is_told(each)) or parts


def _is_told(part: _Part) -> bool:
    return not _TOLD.isdisjoint(part.field.split("."))


def _released(standing: SlotState, file: ReleaseFile | None) -> Tree | None:
    return _folder(standing.repository.at(file.revision), file.path) if file else None


def _folder(tree: Tree, path: str) -> Tree | None:
    root = tree.id(path)
    return replace(tree, commit=None, root=root) if root else None


@lru_cache(maxsize=64)
def _parts(before: Tree | None, after: Tree) -> frozenset[_Part]:
    old = committed_manifests(before, "") if before else None
    return _parts_of(diff(old, committed_manifests(after, "")))


def _parts_of(found: Diff) -> frozenset[_Part]:
    return frozenset(
        [
            *(_Part(str(each.key), "", "added", _text(each.body)) for each in found.added),
            *(_Part(str(each.key), "", "removed", "") for each in found.removed),
            *(
                _Part(str(each.key), field.field, step, value)
                for each in found.changed
                for field in each.fields
                for step, value in _steps(field)
            ),
        ]
    )


def _steps(field: FieldChange) -> Iterator[tuple[str, str]]:
    old, new = _items(field.before), _items(field.after)
    if old is None or new is None:
        yield "set", _text(field.after)
        return
    come, gone = [each for each in new if each not in old], [each for each in old if each not in new]
    yield from (("added", each) for each in come)
    yield from (("removed", each) for each in gone)
    if not come and not gone:
        yield "set", _text(field.after)


def _items(value: Any) -> Sequence[str] | None:
    if isinstance(value, list):
        return [_text(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value.splitlines() if isinstance(value, str) and "\n" in value else None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)

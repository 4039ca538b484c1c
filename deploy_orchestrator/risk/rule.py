"""The one shape of every risk rule."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from deploy_orchestrator.manifests import FieldChange, NamedPath, ObjectKey
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a rule saw in a change: the words for it, the object, and the parts of that object that it
    `explains`.

    A path explains all below it; `()` is the whole object, as for one that was added or removed. `do` is
    better advice than the rule's own, where the rule has it. `check` is the check that found it.
    From `until` (UTC) on it needs approval, whatever the rule says; None: it never does.
    """

    saw: str
    object: ObjectKey | None = None
    explains: tuple[NamedPath, ...] = ()
    do: str | None = None
    check: str | None = None
    until: datetime | None = None


class Stated:
    """What a rule tells of itself: what it `sees`, `why` that matters, what people can `do` about it."""

    id: ClassVar[str]
    severity: ClassVar[Verdict]
    sees: ClassVar[str]
    why: ClassVar[str]
    do: ClassVar[str]


class Rule(Stated, ABC):
    """One way in which a change can be harmless, risky or wrong."""

    @abstractmethod
    def judge(self, change: Change) -> Iterable[Sighting]:
        """Everything in `change` that the rule has something to say on."""


class FieldRule(Rule):
    """A rule that looks at one changed field at a time."""

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            seen = [(field, saw) for field in altered.fields if (saw := self.on(altered, field, change))]
            if seen:
                words = "; ".join(dict.fromkeys(saw for _, saw in seen))
                yield Sighting(words, altered.key, tuple(field.path for field, _ in seen))

    @abstractmethod
    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        """What the rule says on one field, None where that is none of its business."""

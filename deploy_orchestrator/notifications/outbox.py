"""Who was told what, so that each event is told once to everybody."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pydantic

from deploy_orchestrator.notifications.event import Event, Kind
from deploy_orchestrator.notifications.message import compose
from deploy_orchestrator.notifications.target import Target, send

MAX_OWED = 200
STANDING = frozenset(Kind) - {Kind.RELEASED, Kind.RESUMED, Kind.SYNC_FAILED, Kind.REVERTED}
"""What calls for a person for as long as it lasts."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What is `known`, by the keys of events (None: nobody has looked yet), and what is `owed` to targets
    that could not be reached, by their names.

    It is kept as text from one look to the next. Where one is lost after its sending, the same is sent again.
    """

    known: frozenset[str] | None = None
    owed: dict[str, tuple[Event, ...]] = field(default_factory=dict[str, tuple[Event, ...]])

    @classmethod
    def load(cls, text: str | None) -> "Outbox":
        """As `dump` wrote it; a new one from nothing, or from what cannot be read."""
        try:
            return _AS_TEXT.validate_json(text) if text else cls()
        except pydantic.ValidationError:
            return cls()

    def dump(self) -> str:
        return _AS_TEXT.dump_json(self).decode()

    def knows(self, event: Event) -> bool:
        return self.known is not None and event.key in self.known

    def news(self, events: Sequence[Event]) -> list[Event]:
        """Those of `events` that nobody was told. At the first look, what is over is history, not news."""
        if self.known is None:
            return [event for event in events if event.kind in STANDING]
        return [event for event in events if event.key not in self.known]


_AS_TEXT = pydantic.TypeAdapter(Outbox)


def tell(
    outbox: Outbox,
    events: Sequence[Event],
    current: Collection[str] | None,
    targets: Sequence[Target],
    kinds: Collection[Kind],
) -> tuple[Outbox, list[Target]]:
    """Tell everybody the news among `events` in one message each, with what they are owed. Nothing is raised.

    Only `kinds` are told. What is known of subjects other than the `current` ones is forgotten; nothing is
    where these cannot be told now (None).

    Returns:
        The outbox to keep, and the targets that could not be reached.
    """
    news = [event for event in outbox.news(events) if event.kind in kinds]
    due = {target: (*outbox.owed.get(target.name, ()), *news) for target in targets}
    failed = send([(target, compose(owed)) for target, owed in due.items() if owed])
    keys = {*(outbox.known or ()), *(event.key for event in events)}
    known = frozenset(key for key in keys if current is None or key.rpartition(" ")[2] in current)
    return Outbox(known, {target.name: due[target][-MAX_OWED:] for target in failed}), failed

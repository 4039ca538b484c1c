"""Events in words for people, in which nothing that anybody wrote can be taken for markup."""

import re
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_orchestrator.notifications.event import Event, Kind

MAX_LINES = 20
MAX_REASON = 300

_SAYS: dict[Kind, tuple[str, str]] = {
    Kind.RELEASED: ("was released", "were released"),
    Kind.RESUMED: ("was resumed", "were resumed"),
    Kind.AWAITS_APPROVAL: ("waits for approval", "wait for approval"),
    Kind.APPROVAL_EXPIRES: ("has an approval that expires soon", "have approvals that expire soon"),
    Kind.APPROVAL_EXPIRED: ("has an approval that has expired", "have approvals that have expired"),
    Kind.BREAK_GLASS: ("has its glass broken", "have their glass broken"),
    Kind.PAUSED: ("is paused: nothing is released", "are paused: nothing is released"),
    Kind.BLOCKED: ("is blocked", "are blocked"),
    Kind.DOES_NOT_RENDER: ("does not render", "do not render"),
    Kind.SYNC_FAILED: ("could not be synced", "could not be synced"),
    Kind.REVERTED: ("was reverted", "were reverted"),
    Kind.REVERT_REFUSED: (
        "is unhealthy and cannot be reverted: a person must act",
        "are unhealthy and cannot be reverted: a person must act",
    ),
    Kind.OTHER_HANDS: ("was written to by other hands", "were written to by other hands"),
    Kind.FLEET_BROKEN: ("is broken: nothing new is released", "are broken: nothing new is released"),
    Kind.GUARD_SILENT: ("does not look any more", "do not look any more"),
}
_LEVELS: dict[Kind, Literal["info", "warning", "failure"]] = {
    Kind.RELEASED: "info",
    Kind.RESUMED: "info",
    Kind.AWAITS_APPROVAL: "info",
    Kind.APPROVAL_EXPIRES: "warning",
    Kind.APPROVAL_EXPIRED: "warning",
    Kind.PAUSED: "warning",
    Kind.BREAK_GLASS: "warning",
    Kind.BLOCKED: "warning",
    Kind.DOES_NOT_RENDER: "warning",
    Kind.SYNC_FAILED: "failure",
    Kind.REVERTED: "warning",
    Kind.REVERT_REFUSED: "failure",
    Kind.OTHER_HANDS: "failure",
    Kind.FLEET_BROKEN: "failure",
    Kind.GUARD_SILENT: "failure",
}
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
_WIDE = str.maketrans({each: chr(ord(each) + 0xFEE0) for each in "&<>@*_~`|[]\\"})


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, as plain text. `level` is that of the gravest event."""

    title: str
    body: str
    level: Literal["info", "warning", "failure"]


def compose(events: Sequence[Event]) -> Message:
    """One message for one or more events, gravest first."""
    ordered = sorted(events, key=lambda event: list(Kind).index(event.kind), reverse=True)
    count = Counter(event.kind for event in ordered)
    title = (
        _headline(ordered[0])
        if len(ordered) == 1
        else "; ".join(f"{number} {_SAYS[kind][number > 1]}" for kind, number in count.items())
    )
    lines = [_line(event) for event in ordered[:MAX_LINES]]
    if len(ordered) > MAX_LINES:
        lines.append(f"and {len(ordered) - MAX_LINES} more")
    return Message(title, "\n".join(lines), _LEVELS[ordered[0].kind])


def inert(text: str) -> str:
    """`text` on one line of at most `MAX_REASON` characters, with nothing in it that a chat, a mail or a web
    page acts on.

    Whatever could begin markup, a mention or a link becomes its full-width twin, which looks alike and means
    nothing; characters that are not seen (controls, and those that turn or join the text around them) go.
    """
    seen = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    short = textwrap.shorten(seen, MAX_REASON, placeholder=" …")
    return short.translate(_WIDE).replace("://", "：//")


def _headline(event: Event) -> str:
    called = event.deployment if _PLAIN.fullmatch(event.deployment) else inert(event.deployment)
    return f"{called} {_SAYS[event.kind][0]}"


def _line(event: Event) -> str:
    return f"{_headline(event)}. {inert(event.reason)}" if event.reason else _headline(event)

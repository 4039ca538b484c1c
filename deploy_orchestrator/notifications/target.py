"""Who is told: one URL that apprise knows, which holds secrets and is never shown.

Apprise is imported where it is used: that takes longer than all of a command or a run that tells nobody.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy_orchestrator.notifications.errors import NotificationError
from deploy_orchestrator.notifications.message import Message

if TYPE_CHECKING:
    import apprise

LIMIT = 30.0

_SCHEME = re.compile(r"([a-z][a-z0-9]{1,20})://", re.IGNORECASE)

# Apprise names URLs in its log, with their passwords.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to tell. `name` is fit to be shown: the place in the list, and the kind of service."""

    name: str
    _url: str = field(repr=False)

    def send(self, message: Message) -> bool:
        """Whether the service took `message`."""
        from apprise import NotifyFormat, NotifyType

        service = _service(self._url)
        return service is not None and bool(
            service.notify(  # pyright: ignore[reportUnknownMemberType]
                title=message.title,
                body=message.body,
                notify_type=NotifyType(message.level),
                body_format=NotifyFormat.TEXT,
            )
        )


def targets(text: str) -> tuple[Target, ...]:
    """Everybody in a list of URLs, one a line; empty lines and those that begin with `#` do not count.

    Raises:
        NotificationError: apprise does not know such a URL. It is named by its place, never shown.
    """
    lines = (line.strip() for line in text.splitlines())
    return tuple(_targets([line for line in lines if line and not line.startswith("#")]))


def send(messages: Sequence[tuple[Target, Message]]) -> list[Target]:
    """Send each message to its target, all at the same time. Nothing is raised.

    Returns:
        The targets that did not take theirs within `LIMIT` seconds.
    """
    if not messages:
        return []
    pool = ThreadPoolExecutor(len(messages), thread_name_prefix="notification")
    sent = {pool.submit(target.send, message): target for target, message in messages}
    done, _ = wait(sent, LIMIT)
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        target
        for future, target in sent.items()
        if future not in done or future.exception() is not None or not future.result()
    ]


def _service(url: str) -> "apprise.Apprise | None":
    """What sends to `url`, in several messages where one would be too long, unless `url` says how; None where
    apprise does not know it.
    """
    import apprise

    asset = apprise.AppriseAsset(app_id="deploy-orchestrator", app_desc="deploy-orchestrator", app_url="")
    plugin = apprise.Apprise.instantiate(url, asset=asset)  # pyright: ignore[reportUnknownMemberType]
    if plugin is None:
        return None
    if plugin.overflow_mode == apprise.OverflowMode.UPSTREAM:
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    return apprise.Apprise([plugin], asset=asset)


def _targets(urls: list[str]) -> Iterator[Target]:
    for number, url in enumerate(urls, start=1):
        scheme = _SCHEME.match(url)
        if scheme is None or _service(url) is None:
            kind = f"{scheme[1]}://" if scheme else "no scheme"
            raise NotificationError(
                f"notification URL number {number} ({kind}) is none that apprise knows",
                fix="write one URL a line, as https://github.com/caronc/apprise/wiki has it for its service",
            )
        yield Target(f"{number} ({scheme[1].lower()})", url)

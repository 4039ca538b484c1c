"""Tell people what happened to releases, each event once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.notifications.errors import NotificationError
    from deploy_orchestrator.notifications.event import Event, Kind
    from deploy_orchestrator.notifications.message import Message, compose, inert
    from deploy_orchestrator.notifications.outbox import STANDING, Outbox, tell
    from deploy_orchestrator.notifications.target import Target, send, targets
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "STANDING",
    "Event",
    "Kind",
    "Message",
    "NotificationError",
    "Outbox",
    "Target",
    "compose",
    "inert",
    "send",
    "targets",
    "tell",
]

"""Tell people what happened to releases, each event once."""

from deploy_orchestrator.notifications.errors import NotificationError
from deploy_orchestrator.notifications.event import Event, Kind
from deploy_orchestrator.notifications.message import Message, compose, inert
from deploy_orchestrator.notifications.outbox import STANDING, Outbox, tell
from deploy_orchestrator.notifications.target import Target, send, targets

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

"""The one door: webhooks of Git forges."""

from deploy_orchestrator.web.webhooks import (
    MAX_BODY,
    MAX_CONNECTIONS,
    DagsterRuns,
    DagsterUnreachable,
    Deliveries,
    Followed,
    Push,
    Refused,
    authenticate,
    followed,
    read_push,
    receiver,
    server,
)

__all__ = [
    "MAX_BODY",
    "MAX_CONNECTIONS",
    "DagsterRuns",
    "DagsterUnreachable",
    "Deliveries",
    "Followed",
    "Push",
    "Refused",
    "authenticate",
    "followed",
    "read_push",
    "receiver",
    "server",
]

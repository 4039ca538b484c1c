"""The one door: webhooks of Git forges."""

from deploy_orchestrator.web.webhooks import (
    MAX_BODY,
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
)

__all__ = [
    "MAX_BODY",
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
]

"""Push webhooks of Git forges: a push starts at once the runs that the sensors would start a little later."""

from deploy_orchestrator.webhooks.application import MAX_BODY, Runs, receiver
from deploy_orchestrator.webhooks.dagster_runs import DagsterRuns
from deploy_orchestrator.webhooks.deliveries import Deliveries
from deploy_orchestrator.webhooks.errors import DagsterUnreachable, Refused, WebhookError
from deploy_orchestrator.webhooks.followed import Followed, followed
from deploy_orchestrator.webhooks.push import Push, authenticate, read

__all__ = [
    "MAX_BODY",
    "DagsterRuns",
    "DagsterUnreachable",
    "Deliveries",
    "Followed",
    "Push",
    "Refused",
    "Runs",
    "WebhookError",
    "authenticate",
    "followed",
    "read",
    "receiver",
]

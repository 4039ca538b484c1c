"""Push webhooks of Git forges: a push starts at once the runs that the sensors would start a little later."""

from deploy_orchestrator.web.webhooks.application import MAX_BODY, Runs, receiver
from deploy_orchestrator.web.webhooks.dagster_runs import DagsterRuns
from deploy_orchestrator.web.webhooks.deliveries import Deliveries
from deploy_orchestrator.web.webhooks.errors import DagsterUnreachable, Refused, WebhookError
from deploy_orchestrator.web.webhooks.followed import FollowedBranch, followed
from deploy_orchestrator.web.webhooks.push import Push, authenticate, read_push
from deploy_orchestrator.web.webhooks.serving import MAX_CONNECTIONS, server

__all__ = [
    "MAX_BODY",
    "MAX_CONNECTIONS",
    "DagsterRuns",
    "DagsterUnreachable",
    "Deliveries",
    "FollowedBranch",
    "Push",
    "Refused",
    "Runs",
    "WebhookError",
    "authenticate",
    "followed",
    "read_push",
    "receiver",
    "server",
]

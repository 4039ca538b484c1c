"""The one door: the board, Dagster's web UI behind it, and webhooks of Git forges."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.web.board import Overview, Standing, State, Watch, look
    from deploy_orchestrator.web.door import LOOPBACK, Door
    from deploy_orchestrator.web.mounted import dagster_ui
    from deploy_orchestrator.web.serving import site, site_server
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
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "LOOPBACK",
    "MAX_BODY",
    "MAX_CONNECTIONS",
    "DagsterRuns",
    "DagsterUnreachable",
    "Deliveries",
    "Door",
    "Followed",
    "Overview",
    "Push",
    "Refused",
    "Standing",
    "State",
    "Watch",
    "authenticate",
    "dagster_ui",
    "followed",
    "look",
    "read_push",
    "receiver",
    "server",
    "site",
    "site_server",
]

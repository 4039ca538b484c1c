"""The one door: the board, Dagster's web UI behind it, and webhooks of Git forges."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.web.acting_as import ActingAs
    from deploy_orchestrator.web.board import Built, ChartTable, Clash, SurveyPage, Watch
    from deploy_orchestrator.web.door import LOOPBACK, Door
    from deploy_orchestrator.web.metrics import Measured, Queue, beside, metrics_app
    from deploy_orchestrator.web.mounted import dagster_ui
    from deploy_orchestrator.web.people import LAUNCHED_BY, LOCAL, NOBODY, Person, Role, known_as, person_of
    from deploy_orchestrator.web.queue import dagster_queue, dagster_survey
    from deploy_orchestrator.web.serving import site, site_server
    from deploy_orchestrator.web.sign_in import SignIn, SignInFile, SignInRefused, read_sign_in
    from deploy_orchestrator.web.webhooks import (
        MAX_BODY,
        MAX_CONNECTIONS,
        DagsterRuns,
        DagsterUnreachable,
        Deliveries,
        FollowedBranch,
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
    "LAUNCHED_BY",
    "LOCAL",
    "LOOPBACK",
    "MAX_BODY",
    "MAX_CONNECTIONS",
    "NOBODY",
    "ActingAs",
    "Built",
    "ChartTable",
    "Clash",
    "DagsterRuns",
    "DagsterUnreachable",
    "Deliveries",
    "Door",
    "FollowedBranch",
    "Measured",
    "Person",
    "Push",
    "Queue",
    "Refused",
    "Role",
    "SignIn",
    "SignInFile",
    "SignInRefused",
    "SurveyPage",
    "Watch",
    "authenticate",
    "beside",
    "dagster_queue",
    "dagster_survey",
    "dagster_ui",
    "followed",
    "known_as",
    "metrics_app",
    "person_of",
    "read_push",
    "read_sign_in",
    "receiver",
    "server",
    "site",
    "site_server",
]

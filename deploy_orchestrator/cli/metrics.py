"""Metrics for Prometheus, served beside the board."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_orchestrator.cli.installation import NotSetUp, described
from deploy_orchestrator.cli.shared_secret import shared_secret
from deploy_orchestrator.errors import Place
from deploy_orchestrator.pipeline import Orchestrator, last_looks
from deploy_orchestrator.settings import MetricsSettings

if TYPE_CHECKING:
    from deploy_orchestrator.web import Watch


@contextmanager
def serving_metrics(
    watch: "Watch", orchestrator: Orchestrator, workspace: Path | None, host: str, port: int
) -> Generator[None]:
    """Serves what `watch` sees until this ends. Raises NotSetUp where anybody could read it."""
    from deploy_orchestrator.telemetry import Past
    from deploy_orchestrator.web import LOOPBACK, Measured, beside, dagster_queue, metrics_app, server

    settings = MetricsSettings()
    token = (
        shared_secret(
            "metrics token", settings.token, settings.token_file, "DEPLOY_ORCHESTRATOR_METRICS_TOKEN"
        )
        if settings.token or settings.token_file
        else None
    )
    if token is None and host not in LOOPBACK:
        raise NotSetUp(
            f"whoever reaches {host} would read the metrics",
            place=Place("DEPLOY_ORCHESTRATOR_METRICS_TOKEN"),
            fix="set a token that Prometheus shows, or serve them on 127.0.0.1",
        )
    past = Past(orchestrator.fleet_repository, orchestrator.deployments)
    with dagster_queue() if workspace else nullcontext() as queue:
        guards = partial(last_looks, described().home)
        measured = Measured(watch, past, guards, orchestrator.deployments.planned, queue)
        with beside(server(metrics_app(measured, token), host, port)):
            yield

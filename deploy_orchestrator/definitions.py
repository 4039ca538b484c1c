# pyright: reportUnknownMemberType=false
"""The whole Dagster project on one page."""

import dagster as dg

from deploy_orchestrator.defs import (
    audit,
    charts,
    delivery,
    images,
    jobs,
    manifests,
    notifications,
    releases,
    sensors,
    shipping,
)
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.settings import Settings

STAGES = [charts, manifests, images, releases, delivery, audit]


def project(installation: Installation) -> dg.Definitions:
    """Everything that Dagster runs for one installation."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_modules(STAGES), delivery.fleet_status],
        jobs=[
            jobs.survey,
            jobs.audit,
            jobs.images,
            shipping.ship,
            shipping.promote,
            shipping.sync,
            shipping.roll_back,
        ],
        schedules=[jobs.audit_every_night, jobs.images_every_night, jobs.releases_every_night],
        sensors=[
            sensors.fleet_commits,
            sensors.failed_runs,
            sensors.open_gates,
            sensors.live_releases,
            sensors.unhealthy_releases,
            notifications.notifications,
        ],
        resources={"installation": installation.resource()},
        executor=dg.in_process_executor,
    )


defs = project(Installation(Settings()))

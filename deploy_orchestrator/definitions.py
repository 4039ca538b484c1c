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

OWNER = "team:platform"
STAGES = [charts, manifests, images, releases, delivery, audit]


def project(installation: Installation) -> dg.Definitions:
    """Everything that Dagster runs for one installation."""
    loaded = dg.load_assets_from_modules(STAGES)
    made = [each for each in loaded if isinstance(each, dg.AssetsDefinition)]
    return dg.Definitions(
        asset_checks=[delivery.fleet_checks],
        assets=list(dg.map_asset_specs(_described, [*made, delivery.fleet_status])),
        jobs=[
            jobs.survey,
            jobs.audit,
            jobs.images,
            shipping.ship,
            shipping.promote,
            shipping.sync,
            shipping.roll_back,
        ],
        schedules=[jobs.nightly_survey, jobs.nightly_images, jobs.nightly_audit],
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


def _described(spec: dg.AssetSpec) -> dg.AssetSpec:
    """With what holds of all assets: whose they are, their stage, and where people look at the same."""
    return spec.replace_attributes(
        owners=[*spec.owners, OWNER],
        tags={**spec.tags, "stage": spec.group_name or ""},
        metadata={**spec.metadata, "board": dg.UrlMetadataValue("/")},
    )


defs = project(Installation(Settings()))

# pyright: reportUnknownMemberType=false
"""The whole Dagster project on one page."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

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
    subscriptions,
    traces,
)
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.settings import LogSettings, Settings
from deploy_orchestrator.telemetry import log_as_json

OWNER = "team:platform"
SOURCE = "https://github.com/deploy-orchestrator/deploy-orchestrator"
NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
"""Of what is made each night. What is partitioned is made where something changed, and Dagster would call all
of it fresh that has one fresh partition: https://github.com/dagster-io/dagster/discussions/34023.
"""
STAGES = [charts, manifests, images, releases, delivery, audit, subscriptions]


def project(installation: Installation) -> dg.Definitions:
    """Everything that Dagster runs for one installation."""
    loaded = dg.load_assets_from_modules(STAGES)
    made = _with_code([each for each in loaded if isinstance(each, dg.AssetsDefinition)])
    return dg.Definitions(
        asset_checks=[delivery.fleet_checks],
        assets=list(dg.map_asset_specs(_described, [*made, delivery.fleet_status])),
        jobs=[
            jobs.survey,
            jobs.audit,
            jobs.images,
            subscriptions.offer_upgrades,
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
            subscriptions.due_subscriptions,
            notifications.notifications,
            traces.traces,
        ],
        resources={"installation": installation.resource()},
        executor=dg.in_process_executor,
    )


def _with_code(assets: Sequence[dg.AssetsDefinition]) -> Iterator[dg.AssetsDefinition]:
    """With links to the lines that make them, of the version that runs here."""
    linked = dg.link_code_references_to_git(
        dg.with_source_code_references(assets),
        git_url=SOURCE,
        git_branch=f"v{version('deploy-orchestrator')}",
        file_path_mapping=dg.AnchorBasedFilePathMapping(Path(__file__).parent, "deploy_orchestrator"),
    )
    return (each for each in linked if isinstance(each, dg.AssetsDefinition))


def _described(spec: dg.AssetSpec) -> dg.AssetSpec:
    """With what holds of all assets: whose they are, their stage, until when they are fresh, and where people
    look at the same.
    """
    is_nightly = spec.freshness_policy is None and spec.partitions_def is None
    return spec.replace_attributes(
        owners=[*spec.owners, OWNER],
        tags={**spec.tags, "stage": spec.group_name or ""},
        metadata={**spec.metadata, "board": dg.UrlMetadataValue("/")},
        freshness_policy=NIGHTLY if is_nightly else spec.freshness_policy,
    )


if LogSettings().format == "json":
    log_as_json()
defs = project(Installation(Settings()))

# pyright: reportUnknownMemberType=false
"""What is done as a whole, and by night."""

import dagster as dg

survey = dg.define_asset_job(
    "survey",
    ["charts", "dependency_graph", "conflict_report", "upgrade_report"],
    description="Read every chart of the fleet: dependencies, conflicts, upgrades.",
)

audit = dg.define_asset_job(
    "audit",
    ["deployments_audit"],
    description="Hold every commit of the deployments repository against what it had to be.",
)

images = dg.define_asset_job(
    "images",
    ["image_audit"],
    description="Look every image up in its registry, and hold it against the policies.",
)

nightly_images = dg.ScheduleDefinition(
    name="nightly_images",
    job=images,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Audit images: what is missing, and what is not what the policies ask for.",
)

nightly_audit = dg.ScheduleDefinition(
    name="nightly_audit",
    job=audit,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Audit what was released: approved, by the rules of its moment, and by nobody else's hands.",
)

nightly_survey = dg.ScheduleDefinition(
    name="nightly_survey",
    job=survey,
    cron_schedule="0 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Survey dependencies: what clashes, what is outdated.",
)

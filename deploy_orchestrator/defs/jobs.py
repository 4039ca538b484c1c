"""What runs together."""

import dagster as dg

survey = dg.define_asset_job(
    "survey",
    ["charts", "dependency_graph", "conflict_report", "upgrade_report"],
    description="Read every chart of the fleet: dependencies, conflicts, upgrades.",
)
ship = dg.define_asset_job(
    "ship",
    ["rendered_manifests", "container_images", "change_plan", "release", "sync_status"],
    description="Take one tenant in one environment from the newest fleet commit as far as its gates allow.",
)
promote = dg.define_asset_job(
    "promote", ["release", "sync_status"], description="Release a plan whose gates have opened, and sync it."
)
sync = dg.define_asset_job("sync", ["sync_status"], description="Sync what is released.")

audit_every_night = dg.ScheduleDefinition(
    name="audit_every_night",
    job=survey,
    cron_schedule="0 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Audit dependencies: what clashes, what is outdated.",
)

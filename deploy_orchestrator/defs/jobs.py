# pyright: reportUnknownMemberType=false
"""What is done as a whole, and by night."""

import dagster as dg

survey = dg.define_asset_job(
    "survey",
    ["charts", "dependency_graph", "conflict_report", "upgrade_report"],
    description="Read every chart of the fleet: dependencies, conflicts, upgrades.",
)

audit_every_night = dg.ScheduleDefinition(
    name="audit_every_night",
    job=survey,
    cron_schedule="0 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Audit dependencies: what clashes, what is outdated.",
)

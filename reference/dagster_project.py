"""Assets, checks, jobs, sensors and schedules, from the definitions."""

from collections.abc import Iterable

import dagster as dg

from deploy_orchestrator.definitions import NIGHTLY, defs
from reference.markdown import one_line, table

_HEAD = """\
# In Dagster

What the web UI shows of this project. [Architecture](architecture.md#the-dagster-layer) says how the parts
work together.

<!-- Made from the code by `make docs`. -->
"""

_FRESHNESS = """\
What is partitioned is made when something of a tenant changes, and no clock makes it stale; Dagster would
[call all of it fresh](https://github.com/dagster-io/dagster/discussions/34023) that has one fresh partition.
Until when what is known of each is fresh, `fleet_status` says."""


def page() -> str:
    """One table for each kind of definition."""
    sections = (_assets(), _checks(), _jobs(), _sensors(), _schedules())
    return "\n".join([_HEAD, *(f"## {title}\n\n{body}\n" for title, body in sections)])


def _assets() -> tuple[str, str]:
    graph = defs.resolve_asset_graph()
    specs = [node.to_asset_spec() for node in graph.asset_nodes]
    rows = [
        (
            f"`{spec.key.to_user_string()}`",
            one_line(spec.description),
            _names(dep.asset_key.to_user_string() for dep in spec.deps),
            "environment × tenant" if spec.partitions_def else "",
            _fresh(spec.freshness_policy),
        )
        for spec in specs
    ]
    listed = table(("Asset", "What it is", "Made from", "Partitions", "Fresh for"), sorted(rows))
    return "Assets", f"{listed}\n\n{_FRESHNESS}"


def _fresh(policy: dg.FreshnessPolicy | None) -> str:
    if not isinstance(policy, type(NIGHTLY)):
        return ""
    return f"{policy.fail_window.to_timedelta().total_seconds() / 3600:.0f} h"


def _checks() -> tuple[str, str]:
    graph = defs.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    rows = [
        (f"`{spec.name}`", f"`{spec.asset_key.to_user_string()}`", one_line(spec.description))
        for spec in specs
    ]
    return "Asset checks", table(("Check", "Of", "Passes when"), sorted(rows))


def _jobs() -> tuple[str, str]:
    jobs = [job for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith("__")]
    rows = [(f"`{job.name}`", one_line(job.description)) for job in jobs]
    return "Jobs", table(("Job", "What it does"), sorted(rows))


def _sensors() -> tuple[str, str]:
    rows = [
        (
            f"`{sensor.name}`",
            one_line(sensor.description),
            _names(target.job_name for target in sensor.targets),
            f"{sensor.minimum_interval_seconds} s",
        )
        for sensor in defs.get_repository_def().sensor_defs
    ]
    return "Sensors", table(("Sensor", "What it does", "Starts", "Looks every"), sorted(rows))


def _schedules() -> tuple[str, str]:
    rows = [
        (f"`{each.name}`", one_line(each.description), _names([each.job_name]), f"`{each.cron_schedule}`")
        for each in defs.get_repository_def().schedule_defs
    ]
    return "Schedules", table(("Schedule", "What it does", "Starts", "When"), sorted(rows))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))

"""The pages of `docs/` that are made from the code; `python -m reference` writes them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from reference import checks, commands, dagster_project, fleet_files, metrics, risk_rules, schemas

FOLDER = Path(__file__).parents[1] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "checks.md": checks.page,
    "commands.md": commands.page,
    "dagster.md": dagster_project.page,
    "fleet-files.md": fleet_files.page,
    "metrics.md": metrics.page,
    "risk-rules.md": risk_rules.page,
    "schemas/fleet.json": schemas.fleet,
    "schemas/tenant.json": schemas.tenant,
}
"""What makes each page, by its path below `docs/`."""

"""Every metric, as Prometheus reads it."""

from pathlib import Path
from typing import Final

from deploy_orchestrator.telemetry import METRICS
from reference.markdown import table

_AROUND: Final = Path(__file__).with_name("metrics_told.md")


def page() -> str:
    """All metrics as a Markdown page, in the place that the text around them leaves."""
    rows = [
        (f"`{each.full_name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help)
        for each in METRICS
    ]
    return _AROUND.read_text().replace("TABLE", table(("Metric", "Type", "Labels", "What it says"), rows))

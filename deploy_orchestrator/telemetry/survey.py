"""Where Dagster keeps what the last survey of the charts found: an asset, and its metadata by name."""

from typing import Final

CONFLICTS_ASSET: Final = "conflict_report"
CONFLICT_COUNT: Final = "conflict count"

"""Where Dagster keeps what the last survey of the charts found: an asset, and its metadata by name."""

from typing import Final

GRAPH_ASSET: Final = "dependency_graph"
UPGRADES_ASSET: Final = "upgrade_report"
CONFLICTS_ASSET: Final = "conflict_report"
CONFLICT_COUNT: Final = "conflict count"
CLASHES: Final = "clashes"

"""What would happen: what the fleet is built on, what a commit changes, what an upgrade does."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.foresight.commenting import MARK, comment, grouped, headline, names, new_warnings
    from deploy_orchestrator.foresight.comparison import Proposal, compare
    from deploy_orchestrator.foresight.impact import Carrier, Concerned, FleetImpact, carriers, fleet_impact
    from deploy_orchestrator.foresight.outline import outlined
    from deploy_orchestrator.foresight.surveying import (
        FirstSeen,
        Survey,
        Surveyed,
        conflict_names,
        first_seen,
        is_new,
        survey,
        upgrade_names,
    )
    from deploy_orchestrator.foresight.trying import Tried, tried
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "MARK",
    "Carrier",
    "Concerned",
    "FirstSeen",
    "FleetImpact",
    "Proposal",
    "Survey",
    "Surveyed",
    "Tried",
    "carriers",
    "comment",
    "compare",
    "conflict_names",
    "first_seen",
    "fleet_impact",
    "grouped",
    "headline",
    "is_new",
    "names",
    "new_warnings",
    "outlined",
    "survey",
    "tried",
    "upgrade_names",
]

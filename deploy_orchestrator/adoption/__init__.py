"""Take over what somebody else delivers: read it, write the fleet that gives the same, and prove it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.adoption.adopting import Adoption, Examined, Outcomes, adopt
    from deploy_orchestrator.adoption.checkouts import Checkouts
    from deploy_orchestrator.adoption.cutting import CUT, without_secrets
    from deploy_orchestrator.adoption.drafting import Adopted, Terms
    from deploy_orchestrator.adoption.errors import AdoptionError, NotAdoptable, NotCompared
    from deploy_orchestrator.adoption.found import ChartInGit, ChartPublished, OldRelease, Parameter
    from deploy_orchestrator.adoption.handing_over import NotHandedOver, Old, hand_over, in_the_way, take_back
    from deploy_orchestrator.adoption.parameters import with_parameter
    from deploy_orchestrator.adoption.proof import Proof, proved
    from deploy_orchestrator.adoption.reading import (
        api_versions_in,
        custom_kinds_in,
        objects_in,
        objects_of,
        owners_in,
        read,
    )
    from deploy_orchestrator.adoption.status import Left, left
    from deploy_orchestrator.adoption.telling import STATES, report, told
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "CUT",
    "STATES",
    "Adopted",
    "Adoption",
    "AdoptionError",
    "ChartInGit",
    "ChartPublished",
    "Checkouts",
    "Examined",
    "Left",
    "NotAdoptable",
    "NotCompared",
    "NotHandedOver",
    "Old",
    "OldRelease",
    "Outcomes",
    "Parameter",
    "Proof",
    "Terms",
    "adopt",
    "api_versions_in",
    "custom_kinds_in",
    "hand_over",
    "in_the_way",
    "left",
    "objects_in",
    "objects_of",
    "owners_in",
    "proved",
    "read",
    "report",
    "take_back",
    "told",
    "with_parameter",
    "without_secrets",
]

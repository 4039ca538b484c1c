"""What the fleet follows: newer versions of charts and images, proposed with what they do to every tenant."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.subscriptions.branches import UPGRADES
    from deploy_orchestrator.subscriptions.consequences import outlook
    from deploy_orchestrator.subscriptions.following import allows
    from deploy_orchestrator.subscriptions.forge import forge_at, forge_if_any
    from deploy_orchestrator.subscriptions.offering import Offer, Offered, offer
    from deploy_orchestrator.subscriptions.upgrading import FleetMoved, proof, title_of, unmoved, written
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "UPGRADES",
    "FleetMoved",
    "Offer",
    "Offered",
    "allows",
    "forge_at",
    "forge_if_any",
    "offer",
    "outlook",
    "proof",
    "title_of",
    "unmoved",
    "written",
]

"""Ask a Git forge for what Git cannot say: a pull request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.forges.errors import ForgeError, NoForge
    from deploy_orchestrator.forges.forge import Forge, PullRequest, forge_of
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = ["Forge", "ForgeError", "NoForge", "PullRequest", "forge_of"]

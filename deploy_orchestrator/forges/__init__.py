"""Ask a Git forge for what Git cannot say: a pull request, and what people say of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.forges.errors import ForgeError, NoForge
    from deploy_orchestrator.forges.forge import Forge, PullRequest, forge_of, web_of
    from deploy_orchestrator.forges.reviewing import (
        OpenPull,
        OpenPulls,
        Review,
        closed_pulls,
        open_pulls,
        reopen,
        reviews,
        send,
    )
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "Forge",
    "ForgeError",
    "NoForge",
    "OpenPull",
    "OpenPulls",
    "PullRequest",
    "Review",
    "closed_pulls",
    "forge_of",
    "open_pulls",
    "reopen",
    "reviews",
    "send",
    "web_of",
]

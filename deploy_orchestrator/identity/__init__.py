"""Who somebody is, proved: by an ID token that a provider signed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.identity.errors import NotProved, ProviderUnreachable
    from deploy_orchestrator.identity.provider import Metadata, Provider
    from deploy_orchestrator.identity.token import ALGORITHMS, MAX_TOKEN, Expected, Proved, prove
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ALGORITHMS",
    "MAX_TOKEN",
    "Expected",
    "Metadata",
    "NotProved",
    "Proved",
    "Provider",
    "ProviderUnreachable",
    "prove",
]

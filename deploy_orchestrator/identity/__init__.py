"""Who somebody is, proved: a person by an ID token that a provider signed, a machine by its token."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.identity.decisions import (
        NO_ISSUERS,
        Issuers,
        Keys,
        Resolved,
        decision_nonce,
        expected_of,
        fingerprint_of,
        proved_by,
    )
    from deploy_orchestrator.identity.errors import NotProved, ProviderUnreachable
    from deploy_orchestrator.identity.machine import TOKEN_PREFIX, new_token, shown_by, token_hash
    from deploy_orchestrator.identity.provider import Keyring, Metadata, Provider
    from deploy_orchestrator.identity.token import ALGORITHMS, MAX_TOKEN, Expected, Proved, prove
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ALGORITHMS",
    "MAX_TOKEN",
    "NO_ISSUERS",
    "TOKEN_PREFIX",
    "Expected",
    "Issuers",
    "Keyring",
    "Keys",
    "Metadata",
    "NotProved",
    "Proved",
    "Provider",
    "ProviderUnreachable",
    "Resolved",
    "decision_nonce",
    "expected_of",
    "fingerprint_of",
    "new_token",
    "prove",
    "proved_by",
    "shown_by",
    "token_hash",
]

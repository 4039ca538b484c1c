"""A decision that an ID token proves: it was asked for with the hash of exactly that decision as its nonce.

The provider signs person and decision together, and everybody can verify it later. After OpenPubkey
(https://arxiv.org/abs/2311.14600), which binds a key to a person by the same means.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Issuer
from deploy_orchestrator.identity.errors import NotProved
from deploy_orchestrator.identity.token import SKEW, Expected, Proved, prove

_ABOUT: Final = "deploy-orchestrator decision 1"

Keys = Callable[[str], Sequence[Mapping[str, Any]]]
"""The public JWKs that the issuer of this URL signs with now. Raises ProviderUnreachable."""


def decision_nonce(digest: str, decision: str, reason: str) -> str:
    """The nonce of a token that proves this decision on this digest, which says environment and tenant."""
    said = {"about": _ABOUT, "digest": digest, "decision": decision, "reason": reason}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Issuers:
    """The providers whose tokens prove decisions, and their `keys` of now."""

    trusted: tuple[Issuer, ...] = ()
    keys: Keys = lambda _: ()

    def resolved(self) -> tuple["Resolved", ...]:
        """Each with its keys, or why they are not known."""
        return tuple(_resolved(each, self.keys) for each in self.trusted)


NO_ISSUERS: Final = Issuers()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A trusted provider with its `keys` of now, as JSON; `trouble` says why they are not known."""

    issuer: Issuer
    keys: tuple[str, ...]
    trouble: str = ""

    def proves(self, token: str, nonce: str) -> Proved:
        """Who decided by this `token`.

        Raises:
            NotProved: it proves no such decision, or the provider's keys are not known.
        """
        if self.trouble:
            raise NotProved(self.trouble)
        return proved_by(self.issuer, token, [json.loads(each) for each in self.keys], nonce)


def expected_of(issuer: Issuer, nonce: str) -> Expected:
    """What a token of `issuer` must be that proves a decision."""
    return Expected(issuer.url, issuer.client, nonce, verified=issuer.verified, domains=issuer.domains)


def proved_by(issuer: Issuer, token: str, keys: Sequence[Mapping[str, Any]], nonce: str) -> Proved:
    """Who decided by this `token` of `issuer`, signed by one of `keys`, at the time that it was issued.

    Raises:
        NotProved: it proves no such decision.
    """
    proved = prove(token, keys, expected_of(issuer, nonce))
    if proved.email is None:
        raise NotProved("the token says no verified address of a domain that its issuer may speak for")
    if issuer.max_age is not None and (
        proved.authenticated is None or proved.issued - proved.authenticated > issuer.max_age + SKEW
    ):
        raise NotProved("they did not prove themselves to the provider anew for it")
    return proved


def fingerprint_of(key: Mapping[str, Any]) -> str:
    """What a public JWK is called: https://www.rfc-editor.org/rfc/rfc7638."""
    from joserfc.jwk import thumbprint

    return f"sha256:{thumbprint(dict(key))}"


def _resolved(issuer: Issuer, keys: Keys) -> Resolved:
    try:
        return Resolved(issuer, tuple(json.dumps(each, sort_keys=True) for each in keys(issuer.url)))
    except OrchestratorError as error:
        return Resolved(issuer, (), error.what)

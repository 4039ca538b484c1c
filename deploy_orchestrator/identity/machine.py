"""The tokens of machines: random, and known to whoever lets them in by their hash alone."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from secrets import token_urlsafe
from typing import Final

from deploy_orchestrator.fleet import MachineToken

TOKEN_PREFIX: Final = "dotoken_"  # noqa: S105
"""What each begins with, so that whoever finds one lying about knows what it is."""
MAX_TOKEN: Final = 200
"""Characters of what is shown as one."""


def new_token() -> str:
    """Another token, of 256 random bits."""
    return f"{TOKEN_PREFIX}{token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What fleet.yaml lists of a token, as `sha256:<hex>`. Nobody guesses 256 random bits, so that the hash
    need not be a slow one: https://pages.nist.gov/800-63-4/sp800-63b.html
    """
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def shown_by(token: str, listed: Iterable[MachineToken], now: datetime) -> MachineToken | None:
    """The one of those `listed` that `token` is, where it has not expired `now`. How long that takes tells
    nothing of any.
    """
    if len(token) > MAX_TOKEN:
        return None
    shown = token_hash(token).encode()
    alike = [each for each in listed if hmac.compare_digest(shown, each.hash.encode())]
    return next((each for each in alike if each.expires > now), None)

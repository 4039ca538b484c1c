"""An OpenID provider: where it is asked, and which keys it signs with.

https://openid.net/specs/openid-connect-discovery-1_0.html
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pydantic
from pydantic import BaseModel, ConfigDict

from deploy_orchestrator.identity.errors import ProviderUnreachable
from deploy_orchestrator.identity.token import key_named
from deploy_orchestrator.registries import RepositoryError, Web

MAX_ANSWER: Final = 512 * 1024
"""Bytes of what a provider says of itself, of its keys, or to a request for a token."""
MAX_KEYS: Final = 100
KEPT_SECONDS: Final = 300.0
"""For how long keys are believed before the provider is asked again."""
AGAIN_SECONDS: Final = 10.0
"""How often a provider is asked anew because of a key that it did not name."""
LOST_SECONDS: Final = 60.0
"""For how long a provider that did not answer is not asked again."""
_WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Metadata(BaseModel):
    """What a provider says of itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(BaseModel):
    keys: tuple[dict[str, Any], ...]


@dataclass(slots=True)
class Provider:
    """The provider whose `issuer` is this URL, asked over `web` for its metadata and its keys; they are kept.

    Safe for several threads.
    """

    issuer: str
    web: Web
    _kept: "_Kept | None" = None
    _lost: tuple[float, ProviderUnreachable] | None = None
    _lock: Lock = field(default_factory=Lock)

    def metadata(self) -> Metadata:
        """Where the provider is asked. Raises ProviderUnreachable."""
        return self._current().metadata

    def keys(self) -> tuple[Mapping[str, Any], ...]:
        """The public JWKs that it signs with. Raises ProviderUnreachable."""
        return self._current().keys

    def keys_for(self, token: str) -> tuple[Mapping[str, Any], ...]:
        """The public JWKs that it signs with; asked for anew where none of those that are kept goes by the
        name of the key that `token` says. Raises ProviderUnreachable.
        """
        return self._current(key_named(token)).keys

    def answer(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> dict[str, Any]:
        """What it answers to `form`. Raises ProviderUnreachable."""
        return _read(self.web, url, self.issuer, headers=headers, form=form)

    def _current(self, named: str | None = None) -> "_Kept":
        with self._lock:
            kept, now = self._kept, time.monotonic()
            if kept is not None and kept.holds(named, now):
                return kept
            if self._lost is not None and now - self._lost[0] < LOST_SECONDS:
                raise self._lost[1]
            try:
                self._kept, self._lost = self._asked(now), None
            except ProviderUnreachable as error:
                self._lost = time.monotonic(), error
                raise
            return self._kept

    def _asked(self, now: float) -> "_Kept":
        metadata = self._discovered()
        try:
            keys = _Keys.model_validate(_read(self.web, metadata.jwks_uri, self.issuer)).keys
        except pydantic.ValidationError as error:
            raise ProviderUnreachable(f"{metadata.jwks_uri} lists no keys", fix=_FIX) from error
        return _Kept(metadata, keys[:MAX_KEYS], now)

    def _discovered(self) -> Metadata:
        url = self.issuer.rstrip("/") + _WELL_KNOWN
        try:
            found = Metadata.model_validate(_read(self.web, url, self.issuer))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise ProviderUnreachable(f"{url}: {first['loc'][0]}: {first['msg']}", fix=_FIX) from error
        if found.issuer != self.issuer:
            raise ProviderUnreachable(
                f"{url} is of the issuer {found.issuer!r}, not of {self.issuer!r}",
                fix="write the issuer exactly as the provider does, to the last /",
            )
        for each in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not _is_as_safe(each, self.issuer):
                raise ProviderUnreachable(f"{url} leads to {each}, which anybody could listen to", fix=_FIX)
        return found


@dataclass(slots=True)
class Keyring:
    """The keys of providers, by the issuer's URL, asked when they are needed. Safe for several threads."""

    web: Callable[[str], Web]
    _providers: dict[str, Provider] = field(default_factory=dict[str, Provider])

    def __call__(self, issuer: str) -> tuple[Mapping[str, Any], ...]:
        """The public JWKs that it signs with now. Raises ProviderUnreachable."""
        provider = self._providers.setdefault(issuer, Provider(issuer, self.web(issuer)))
        return provider.keys()


@dataclass(frozen=True, slots=True)
class _Kept:
    metadata: Metadata
    keys: tuple[Mapping[str, Any], ...]
    at: float

    def holds(self, named: str | None, now: float) -> bool:
        """Whether it is worth no other question."""
        age = now - self.at
        is_known = named is None or any(each.get("kid") == named for each in self.keys)
        return age < KEPT_SECONDS and (is_known or age < AGAIN_SECONDS)


_FIX: Final = "see that the issuer's URL is that of an OpenID provider, and that it is reached from here"


def _is_as_safe(url: str, issuer: str) -> bool:
    there, here = urlsplit(url), urlsplit(issuer)
    return there.scheme == "https" or (there.scheme, there.netloc) == (here.scheme, here.netloc)


def _read(
    web: Web,
    url: str,
    issuer: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The JSON object at `url`; where a `form` is sent, also what refuses it."""
    try:
        answer = web.fetch(
            url,
            limit=MAX_ANSWER,
            repository=issuer,
            method="GET" if form is None else "POST",
            headers={"Accept": "application/json", **(headers or {})},
            form=form,
            accept=(200,) if form is None else (200, 400, 401),
        )
    except RepositoryError as error:
        raise ProviderUnreachable(f"the provider {issuer} is out of reach: {error.what}", fix=_FIX) from error
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise ProviderUnreachable(f"{url} answers no JSON", fix=_FIX) from error
    if not isinstance(said, dict):
        raise ProviderUnreachable(f"{url} answers no JSON object", fix=_FIX)
    return cast("dict[str, Any]", said)

"""Cookies that nobody but this server can write: signed, out of reach of scripts, of this site alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar

import pydantic
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict
from starlette.requests import HTTPConnection
from starlette.responses import Response

MAX_COOKIE: Final = 3800
"""Characters of a cookie, name and all: browsers keep 4,096."""
_Kept = TypeVar("_Kept", bound=BaseModel)


class CookieTooLarge(Exception):
    """More than a browser keeps."""


class Session(BaseModel):
    """Who signed in, and as what of those who are listed they count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    url: str
    subject: str
    name: str
    email: str | None
    held: tuple[str, ...]


class SignInAttempt(BaseModel):
    """What is remembered of whoever is at the provider: what must come back from there, and where they go
    then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    state: str
    nonce: str
    verifier: str
    then: str


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookies signed with `key`; over TLS bound to this host. https://owasp.org/www-community/SameSite"""

    key: bytes
    is_secure: bool

    def read(self, asked: HTTPConnection, name: str, model: type[_Kept], seconds: int) -> _Kept | None:
        """What the browser was given under `name`, at most so many `seconds` ago; None for all else."""
        kept = self._kept(asked, name, seconds)
        try:
            return model.model_validate(kept[0]) if kept else None
        except pydantic.ValidationError:
            return None

    def end(self, asked: HTTPConnection, name: str, seconds: int) -> datetime | None:
        """When what the browser was given under `name` is that many `seconds` old; None as with `read`."""
        kept = self._kept(asked, name, seconds)
        return kept[1] + timedelta(seconds=seconds) if kept else None

    def give(
        self,
        answer: Response,
        name: str,
        value: BaseModel,
        seconds: int,
        same: Literal["lax", "strict"] = "lax",
    ) -> None:
        """Give the browser `value` for so many `seconds`. Raises CookieTooLarge."""
        sealed = self._sealing(name).dumps(value.model_dump(mode="json"))
        if len(sealed) > MAX_COOKIE:
            raise CookieTooLarge
        answer.set_cookie(
            self._name(name), sealed, max_age=seconds, secure=self.is_secure, httponly=True, samesite=same
        )

    def take(self, answer: Response, name: str) -> None:
        """Have the browser forget it."""
        answer.delete_cookie(self._name(name), secure=self.is_secure, httponly=True, samesite="lax")

    def _kept(self, asked: HTTPConnection, name: str, seconds: int) -> tuple[Any, datetime] | None:
        """What the browser was given under `name`, and when."""
        kept = _given(asked, self._name(name))
        if not kept or len(kept) > MAX_COOKIE:
            return None
        try:
            return self._sealing(name).loads(kept, max_age=seconds, return_timestamp=True)
        except BadSignature:
            return None

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name

    def _sealing(self, name: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt=f"deploy-orchestrator {name}")


def _given(asked: HTTPConnection, name: str) -> str | None:
    """The value of the cookie that has exactly this name: white space which is none to browsers, and which
    they let other hosts of the domain put before a name of ours, is a part of it.
    """
    pairs = (
        each.strip(" ").partition("=") for said in asked.headers.getlist("cookie") for each in said.split(";")
    )
    return next((value for found, _, value in pairs if found == name), None)

"""Read an ID token: who its provider says somebody is, where it is for us, for this purpose, and of now.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, cast

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, StrictFloat, StrictInt, StrictStr, TypeAdapter

from deploy_orchestrator.identity.errors import NotProved
from deploy_orchestrator.terms import Email, may_speak_for

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""What a token may be signed by: keys of which the provider alone has the private half."""
CURVES: Final = ("P-256", "P-384", "P-521")
"""Those of the algorithms: https://www.rfc-editor.org/rfc/rfc7518#section-3.4."""
MAX_TOKEN: Final = 16 * 1024
"""Bytes of a token."""
MAX_GROUPS: Final = 1000
MIN_RSA_BITS: Final = 2048
SKEW: Final = timedelta(minutes=1)
"""How far the provider's clock may be from ours."""
_TRUE: Final = ("true", "1")


def _bounded(text: str) -> str:
    if not 0 < len(text) <= 255:
        raise ValueError("expected 1 to 255 characters")
    return text


Name = Annotated[StrictStr, AfterValidator(_bounded)]
Seconds = StrictInt | StrictFloat


class _Claims(BaseModel):
    """The claims that are looked at; others may stand beside them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    iss: StrictStr
    sub: Name
    aud: StrictStr | list[StrictStr]
    exp: Seconds
    iat: Seconds
    nonce: StrictStr
    azp: StrictStr | None = None
    auth_time: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be: of this `issuer`, for this `client`, asked for with this `nonce`.

    An e-mail address counts where the claim `verified` is true, and a domain of `domains` has it (none: any).
    `groups` is the claim that lists groups.
    """

    issuer: str
    client: str
    nonce: str
    groups: str = "groups"
    verified: str = "email_verified"
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proved:
    """Who somebody is, as the provider says: `subject` is its own name for them, which it gives to nobody
    else. `email` is None where it is not verified. `authenticated` is when they proved themselves to the
    provider, where it tells. `key` is what signed the token, as a public JWK.
    """

    issuer: str
    subject: str
    name: str
    email: str | None
    groups: tuple[str, ...]
    issued: datetime
    expires: datetime
    authenticated: datetime | None
    key: Mapping[str, Any]


def prove(
    token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now: datetime | None = None
) -> Proved:
    """Who `token` says that somebody is, signed by one of the public JWKs `keys`. Without a `now` it is read
    as of when it was issued.

    Raises:
        NotProved: it is none, is signed by another key or an algorithm that is not among `ALGORITHMS`, or is
            not what is `expected`, or not of `now`.
    """
    signed, key = _verified(token, keys)
    try:
        claims = _Claims.model_validate_json(signed)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise NotProved(f"the token's claim {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    _check(claims, expected, _moment(claims.iat) if now is None else now)
    said = claims.model_extra or {}
    return Proved(
        issuer=claims.iss,
        subject=claims.sub,
        name=_text(said.get("name")) or _text(said.get("preferred_username")) or claims.sub,
        email=_email(said, expected),
        groups=_groups(said.get(expected.groups)),
        issued=_moment(claims.iat),
        expires=_moment(claims.exp),
        authenticated=None if claims.auth_time is None else _moment(claims.auth_time),
        key=key,
    )


def key_named(token: str) -> str | None:
    """What `token` calls the key that signed it; nothing is believed by that."""
    try:
        named = _header(token).get("kid")
    except NotProved:
        return None
    return named if isinstance(named, str) else None


def _header(token: str) -> dict[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    if len(token) > MAX_TOKEN:
        raise NotProved(f"the token is longer than {MAX_TOKEN:,} bytes")
    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError) as error:
        raise NotProved("it is no signed token") from error


def _verified(token: str, keys: Sequence[Mapping[str, Any]]) -> tuple[bytes, Mapping[str, Any]]:
    """What was signed, and by which of `keys`."""
    from joserfc import jwk, jws
    from joserfc.errors import JoseError

    header = _header(token)
    algorithm, named = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise NotProved(f"the token is signed by {algorithm!r}, which proves nothing")
    tried = [each for each in keys if named is None or each.get("kid") == named]
    for each in tried:
        if not _signs(each) or each.get("alg", algorithm) != algorithm:
            continue
        try:
            public = jwk.import_key(dict(each))
            if isinstance(public, jwk.RSAKey) and public.raw_value.key_size < MIN_RSA_BITS:
                continue
            found = jws.deserialize_compact(token.encode(), public, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError):
            continue
        return found.payload, public.as_dict(private=False)
    raise NotProved("no key of the provider signed the token")


def _signs(key: Mapping[str, Any]) -> bool:
    """Whether a JWK, which may be anybody's, is of a kind that signs by one of `ALGORITHMS`."""
    kind, use = key.get("kty"), key.get("use", "sig")
    return use == "sig" and (kind == "RSA" or (kind == "EC" and key.get("crv") in CURVES))


def _check(claims: _Claims, expected: Expected, now: datetime) -> None:
    if claims.iss != expected.issuer:
        raise NotProved(f"the token is of {claims.iss!r}, not of {expected.issuer}")
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if audience != [expected.client]:
        raise NotProved(f"the token is for {', '.join(map(repr, audience))}, not for {expected.client!r}")
    if claims.azp not in (None, expected.client):
        raise NotProved(f"the token was given to {claims.azp!r}, not to {expected.client!r}")
    if claims.nonce != expected.nonce:
        raise NotProved("the token was asked for by somebody else, or at another time: its nonce is another")
    expires, issued = _moment(claims.exp), _moment(claims.iat)
    if now - expires >= SKEW:
        raise NotProved(f"the token has expired at {expires:%Y-%m-%d %H:%M:%S} UTC")
    if issued - now > SKEW:
        raise NotProved(f"the token is dated ahead, at {issued:%Y-%m-%d %H:%M:%S} UTC")


def _email(said: Mapping[str, Any], expected: Expected) -> str | None:
    verified = said.get(expected.verified)
    if verified is not True and str(verified) not in _TRUE:
        return None
    try:
        email = TypeAdapter[str](Email).validate_python(said.get("email"), strict=True)
    except pydantic.ValidationError:
        return None
    return email if may_speak_for(expected.domains, email) else None


def _groups(said: Any) -> tuple[str, ...]:
    listed = cast("list[Any]", said) if isinstance(said, list) else []
    return tuple(each for each in listed[:MAX_GROUPS] if isinstance(each, str))


def _text(said: Any) -> str:
    return said[:255] if isinstance(said, str) else ""


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise NotProved(f"the token says a time that there is not: {seconds}") from error

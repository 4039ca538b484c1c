"""ID tokens of a real provider, as they come and as somebody would like them to be."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jwt

from deploy_orchestrator.identity import MAX_TOKEN, Expected, NotProved, Provider, ProviderUnreachable, prove
from deploy_orchestrator.registries import ANYWHERE, Internet
from tests.openid import client, id_token, openid_provider

OURS, OTHER = client("ours", "http://127.0.0.1:1/back"), client("other", "http://127.0.0.1:1/back")
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_provider([OURS, OTHER]) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def provider(issuer: str) -> Provider:
    return Provider(issuer, Internet(ANYWHERE.naming(issuer)))


@pytest.fixture(scope="module")
def token(issuer: str) -> str:
    return id_token(issuer, OURS, "alice", "once")


@pytest.fixture(scope="module")
def keys(provider: Provider, token: str) -> Any:
    return provider.keys_for(token)


@pytest.fixture(scope="module")
def expected(issuer: str) -> Expected:
    return Expected(issuer, "ours", "once")


def _part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _read(part: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(part + "=="))


def test_a_token_names_the_person_and_the_key_that_signed_it(token, keys, expected):
    proved = prove(token, keys, expected, datetime.now(UTC))
    assert (proved.subject, proved.name, proved.email) == ("alice", "Alice", "alice@example.com")
    assert proved.groups == ("deployers",)
    assert proved.key["kid"] == keys[0]["kid"]
    assert "d" not in proved.key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client": "other"}, "is for 'ours', not for 'other'"),
        ({"nonce": "twice"}, "its nonce is another"),
        ({"issuer": "https://login.example.com"}, "not of https://login.example.com"),
    ],
)
def test_a_token_that_was_meant_otherwise_is_refused(token, keys, expected, change, said):
    with pytest.raises(NotProved, match=said):
        prove(token, keys, replace(expected, **change), datetime.now(UTC))


def test_a_token_for_another_client_is_refused(issuer, keys, expected):
    with pytest.raises(NotProved, match="is for 'other'"):
        prove(id_token(issuer, OTHER, "alice", "once"), keys, expected, datetime.now(UTC))


def test_an_expired_token_is_refused(token, keys, expected):
    with pytest.raises(NotProved, match="expired"):
        prove(token, keys, expected, datetime.now(UTC) + timedelta(minutes=12))


def test_a_token_of_the_future_is_refused(token, keys, expected):
    with pytest.raises(NotProved, match="ahead"):
        prove(token, keys, expected, datetime.now(UTC) - timedelta(minutes=3))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "HS256"])
def test_an_algorithm_that_proves_nothing_is_refused(token, keys, expected, algorithm):
    header, claims, signature = token.split(".")
    forged = _part(_read(header) | {"alg": algorithm})
    for each in (signature, ""):
        with pytest.raises(NotProved):
            prove(f"{forged}.{claims}.{each}", keys, expected, datetime.now(UTC))


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(token, keys, expected):
    secret = jwk.RSAKey.import_key(dict(keys[0])).as_pem(private=False)
    signed = f"{_part({'alg': 'HS256', 'kid': keys[0]['kid']})}.{token.split('.')[1]}"
    signature = urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).decode().rstrip("=")
    with pytest.raises(NotProved, match="HS256"):
        prove(f"{signed}.{signature}", keys, expected, datetime.now(UTC))


def test_another_issuers_key_signs_nothing_for_this_one(token, keys, expected):
    with openid_provider([OURS]) as other:
        stranger = Provider(other, Internet(ANYWHERE.naming(other)))
        foreign = id_token(other, OURS, "alice", "once")
        with pytest.raises(NotProved, match="no key of the provider"):
            prove(token, stranger.keys_for(token), expected, datetime.now(UTC))
        with pytest.raises(NotProved, match="no key of the provider"):
            prove(foreign, keys, expected, datetime.now(UTC))
        with pytest.raises(NotProved, match="not of"):
            prove(foreign, stranger.keys_for(foreign), expected, datetime.now(UTC))


def test_a_key_that_the_token_brings_along_is_not_believed(token, keys, expected):
    own = jwk.generate_key("RSA", 2048, private=True)
    public = own.as_dict(private=False)
    for header in ({"jwk": public}, {"jwk": public, "kid": keys[0]["kid"]}, {"jku": "http://evil.example/"}):
        forged = jwt.encode({"alg": "RS256", **header}, _read(token.split(".")[1]), own)
        with pytest.raises(NotProved):
            prove(forged, keys, expected, datetime.now(UTC))


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_short_key_signs_nothing(token, expected):
    own = jwk.RSAKey.import_key(
        rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    signed = jwt.encode({"alg": "RS256"}, _read(token.split(".")[1]), own)
    with pytest.raises(NotProved, match="no key"):
        prove(signed, [own.as_dict(private=False)], expected, datetime.now(UTC))


def _signed(claims: dict[str, Any], key: Any) -> str:
    return jwt.encode({"alg": "ES256"}, claims, key)


@pytest.fixture(scope="module")
def own_key() -> Any:
    return jwk.generate_key("EC", "P-256", private=True)


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    claims = {"iss": "https://a.example", "sub": "a", "aud": "c", "exp": now + 60, "iat": now, "nonce": "n"}
    return {name: value for name, value in (claims | changed).items() if value is not ...}


A = Expected("https://a.example", "c", "n")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["c", "another"]},
        {"aud": []},
        {"azp": "another"},
        {"nonce": ...},
        {"nonce": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"exp": 1e300},
        {"iat": ...},
        {"iss": ["https://a.example"]},
    ],
)
def test_claims_that_are_not_what_they_must_be_are_refused(own_key, changed):
    public = [own_key.as_dict(private=False)]
    assert prove(_signed(_claims(), own_key), public, A, NOW).subject == "a"
    with pytest.raises(NotProved):
        prove(_signed(_claims(**changed), own_key), public, A, NOW)


def test_times_at_the_ends_of_the_calendar_are_read_like_any_other(own_key):
    """Whoever records a key of their own with a rejection says in its token what they like."""
    first = int(datetime.min.replace(tzinfo=UTC).timestamp())
    last = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp())
    public = [own_key.as_dict(private=False)]
    assert prove(_signed(_claims(exp=last), own_key), public, A, NOW).expires.year == 9999
    assert prove(_signed(_claims(iat=first, exp=last), own_key), public, A).issued.year == 1
    with pytest.raises(NotProved, match="dated ahead"):
        prove(_signed(_claims(iat=last, exp=last), own_key), public, A, NOW)


@pytest.mark.parametrize("verified", [..., None, False, "false", "", 0, "yes"])
def test_an_address_that_is_not_verified_is_none(own_key, verified):
    token = _signed(_claims(email="alice@example.com", email_verified=verified), own_key)
    assert prove(token, [own_key.as_dict(private=False)], A, NOW).email is None


@pytest.mark.parametrize(
    "email", ["alice", "a@b\nc", "Alice <alice@example.com>", 7, None, ["a@example.com"]]
)
def test_what_is_no_address_is_none(own_key, email):
    token = _signed(_claims(email=email, email_verified=True), own_key)
    assert prove(token, [own_key.as_dict(private=False)], A, NOW).email is None


def test_an_issuer_speaks_for_its_own_domains_alone(own_key):
    token = _signed(_claims(email="Alice@Example.com", email_verified=True), own_key)
    public = [own_key.as_dict(private=False)]
    for domains, email in (
        ((), "alice@example.com"),
        (("example.com",), "alice@example.com"),
        (("b.org",), None),
    ):
        assert prove(token, public, replace(A, domains=domains), NOW).email == email


def test_who_verifies_addresses_by_another_claim_says_so(own_key):
    token = _signed(_claims(email="alice@example.com", xms_edov="1"), own_key)
    public = [own_key.as_dict(private=False)]
    assert prove(token, public, A, NOW).email is None
    assert prove(token, public, replace(A, verified="xms_edov"), NOW).email == "alice@example.com"


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_what_is_no_token_is_refused_whatever_it_is(text):
    with pytest.raises(NotProved):
        prove(text, [], A, NOW)


def test_a_token_without_end_is_not_read(keys, expected):
    with pytest.raises(NotProved, match="longer"):
        prove("a." * MAX_TOKEN, keys, expected, NOW)


def test_an_unknown_key_is_asked_for_and_not_again_at_once(issuer):
    asked: list[str] = []

    class Counting(Internet):
        def fetch(self, url: str, **given: Any) -> Any:
            asked.append(httpx.URL(url).path)
            return super().fetch(url, **given)

    provider = Provider(issuer, Counting(ANYWHERE.naming(issuer)))
    unknown = f"{_part({'alg': 'RS256', 'kid': 'strange'})}.{_part({})}.AA"
    for _ in range(5):
        provider.keys_for(unknown)
    assert asked.count("/jwks") == 1


def test_a_provider_that_calls_itself_otherwise_is_not_believed(issuer):
    named = issuer.replace("127.0.0.1", "localhost")
    with pytest.raises(ProviderUnreachable, match="to the last /"):
        Provider(named, Internet(ANYWHERE.naming(named))).metadata()


def test_what_is_no_provider_says_so():
    with pytest.raises(ProviderUnreachable, match="out of reach"):
        Provider("http://127.0.0.1:9", Internet(ANYWHERE.naming("http://127.0.0.1:9"))).metadata()


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": ["EC"]},
        {"kty": "EC"},
        {"kty": "EC", "crv": "P-1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": ["P-256"], "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": 1},
        {"kty": "OKP", "crv": "Ed1", "x": "AA"},
        {"kty": "oct", "k": "AA"},
        {"kty": "RSA", "n": "AA", "e": "AA"},
    ],
)
def test_a_key_of_no_known_kind_proves_nothing(expected, key):
    token = f"{_part({'alg': 'ES256'})}.{_part({})}.AAAA"
    with pytest.raises(NotProved, match="no key of the provider"):
        prove(token, [key], expected, NOW)

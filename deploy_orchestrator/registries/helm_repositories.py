"""The user's own access to chart repositories, as `helm repo add` keeps it in `repositories.yaml`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy_orchestrator.documents import DocumentError, parse
from deploy_orchestrator.errors import Place
from deploy_orchestrator.registries.credentials import Login, helm_folder
from deploy_orchestrator.registries.errors import LoginsUnreadable
from deploy_orchestrator.registries.location import normalized, origin
from deploy_orchestrator.registries.web import Tls

_INDEX = "/index.yaml"


@dataclass(frozen=True, slots=True)
class Access:
    """How the user gets into the repository at `url`; for its own server only."""

    url: str
    login: Login | None
    tls: Tls | None

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": self.login.basic} if self.login else {}

    def is_for(self, address: str) -> bool:
        """Whether `address` is on the repository's own server: scheme, host and port are the same."""
        return origin(address) == origin(self.url)


def access_in(url: str) -> Access | None:
    """The access that a URL itself brings, as `https://user:password@host/path`."""
    parts = urlsplit(url)
    if not parts.username:
        return None
    login = Login(unquote(parts.username), unquote(parts.password or ""))
    return Access(normalized(url), login, None)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    name: str = ""
    url: str = ""
    username: str = ""
    password: str = Field("", repr=False)
    certificate: str = Field("", alias="certFile")
    key: str = Field("", alias="keyFile")
    authority: str = Field("", alias="caFile")


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    repositories: tuple[_Entry, ...] | None = None


def access(location: str, environment: Mapping[str, str] = os.environ) -> Access | None:
    """The user's access to the repository read at `location`, None where Helm knows nothing of it.

    Helm's `insecure_skip_tls_verify` and `pass_credentials_all` are not heeded.

    Raises:
        LoginsUnreadable: the file cannot be read; nothing of what is in it is told.
    """
    for entry in _entries(environment):
        if _place(entry.url) == _place(location):
            login = Login(entry.username, entry.password) if entry.username else None
            files = (entry.certificate, entry.key, entry.authority)
            return Access(entry.url, login, Tls(*files) if any(files) else None)
    return None


def repository_names(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The URL of each repository that the user has added to Helm, by the name that it has there.

    Raises:
        LoginsUnreadable: as `access`.
    """
    return {entry.name: entry.url for entry in reversed(_entries(environment))}


def _entries(environment: Mapping[str, str]) -> tuple[_Entry, ...]:
    file = Path(environment.get("HELM_REPOSITORY_CONFIG") or helm_folder(environment) / "repositories.yaml")
    try:
        found = _File.model_validate(parse(file.read_bytes(), str(file)).value or {})
    except FileNotFoundError:
        return ()
    except (OSError, DocumentError, ValidationError):
        raise LoginsUnreadable("not Helm's file of repositories", place=Place(str(file))) from None
    return found.repositories or ()


def _place(url: str) -> str:
    try:
        return normalized(url).removesuffix(_INDEX)
    except ValueError:
        return url

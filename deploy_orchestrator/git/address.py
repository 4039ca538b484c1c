import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from deploy_orchestrator.git.errors import UnsafeRemote

_SCHEMES = {"https", "http", "ssh", "file"}
_HOST_AND_PATH = re.compile(r"(?:[^-@:/][^@:/]*@)?(?:[^-@:/\[\]][^@:/\[\]]*|\[[^\]/]+\]):(?!:)")
_HELPER = (
    '!f() { test "$1" != get || printf "username=%s\\npassword=%s\\n" '
    '"$DEPLOY_ORCHESTRATOR_GIT_USER" "$DEPLOY_ORCHESTRATOR_GIT_PASSWORD"; }; f'
)
_USER_OF_URL = re.compile(r"//[^/\s]*@")
_ANY_USER = re.compile(r"//.*@")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is fetched from.

    `url` is fit to be shown and stored. `given` is for git, and may have a user name that `url` is without.
    `environment` is for git too, and carries the password, so that no list of processes shows it.
    """

    url: str
    given: str = field(repr=False, compare=False)
    environment: Mapping[str, str] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """A URL (https, http, ssh, file), `host:path` as ssh takes it, or a local folder.

        Raises:
            UnsafeRemote: anything else.
        """
        if not text or text.startswith("-") or not text.isprintable():
            raise _refused(text)
        if "://" in text:
            return cls._of_url(text)
        if _HOST_AND_PATH.match(text):
            return cls(text, text, {})
        if ":" in text.split("/")[0]:
            raise _refused(text)
        folder = str(Path(text).expanduser().absolute())
        return cls(folder, folder, {})

    @classmethod
    def _of_url(cls, text: str) -> "Address":
        try:
            parts = urlsplit(text)
            host, user, password = parts.hostname or "", parts.username or "", parts.password or ""
            _ = parts.port
        except ValueError as error:
            raise _refused(text) from error
        if parts.scheme not in _SCHEMES or host.startswith("-") or user.startswith("-"):
            raise _refused(text)
        if parts.scheme != "file" and "@" not in parts.netloc and "@" in text:
            # A name or a password with one of /?# in it ends the host there, and would be taken for a path.
            raise _refused(
                text, "write /, ? and # of a name or a password, and @ of a path, as %2F, %3F, %23, %40"
            )
        bare = _with_user(parts, "")
        if parts.scheme not in {"http", "https"}:
            known = _with_user(parts, user)
            return cls(known, known, {})
        if password:
            user, password = unquote(user), unquote(password)
            if not user or not (user + password).isprintable():
                # Git hands over no login without a name.
                raise _refused(text)
            return cls(bare, bare, _login(f"{parts.scheme}://{_host(parts)}", user, password))
        return cls(bare, _with_user(parts, user), {})


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on a server: its `host` in lower case, and its `path` there without slashes around it and
    `.git`. `scheme` is `ssh` for `host:path`.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> "Remote | None":
        """Of what `Address.parse` takes, and whatever login is in it; None for a folder and for nothing of
        the kind.
        """
        short = None if "://" in text else _HOST_AND_PATH.match(text)
        try:
            parts = urlsplit(f"ssh://{short[0][:-1]}/{text[short.end() :]}" if short else text)
            port = parts.port
        except ValueError:
            return None
        path = parts.path.strip("/").removesuffix(".git")
        return cls(parts.scheme, parts.hostname, port, path) if parts.hostname and path else None


def redact(text: str) -> str:
    """`text`, without the users and passwords in its URLs."""
    return _USER_OF_URL.sub("//", text)


def _with_user(parts: SplitResult, user: str) -> str:
    host = _host(parts)
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _login(server: str, user: str, password: str) -> Mapping[str, str]:
    """Git asks for it anew where a server sends it to another, and is not told there (gitcredentials).
    Helpers of the user's own, which may store what they are told, are left out for this `server`.
    """
    position = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    helpers = {position: "", position + 1: _HELPER}
    return {
        "GIT_CONFIG_COUNT": str(position + len(helpers)),
        **{f"GIT_CONFIG_KEY_{each}": f"credential.{server}.helper" for each in helpers},
        **{f"GIT_CONFIG_VALUE_{each}": helper for each, helper in helpers.items()},
        "DEPLOY_ORCHESTRATOR_GIT_USER": user,
        "DEPLOY_ORCHESTRATOR_GIT_PASSWORD": password,
    }


def _refused(text: str, fix: str = "give a https, http, ssh or file URL, or a folder") -> UnsafeRemote:
    return UnsafeRemote(f"not an address to fetch from: {_ANY_USER.sub('//', text)!r}", fix=fix)

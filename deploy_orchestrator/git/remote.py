import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy_orchestrator.git.errors import UnsafeRemote

_SCHEMES = {"https", "http", "ssh", "file"}
_SCP = re.compile(r"(?P<host>(?:[^@:/]+@)?(?:\[[^\]]+\]|[^:/\[\]]+)):(?!:)")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a repository is fetched from: `url` is fit to be shown, `address` may hold a secret."""

    url: str
    address: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Remote":
        """A URL (https, http, ssh, file), `host:path` as ssh takes it, or a local folder.

        Raises:
            UnsafeRemote: anything else.
        """
        if not text or text.startswith("-") or not text.isprintable():
            raise _refused(text)
        if "://" in text:
            return cls._of_url(text)
        scp = _SCP.match(text)
        if scp:
            if scp["host"].startswith("-") or "@-" in scp["host"]:
                raise _refused(text)
            return cls(text, text)
        if "::" in text.split("/")[0]:
            raise _refused(text)
        folder = str(Path(text).expanduser().absolute())
        return cls(folder, folder)

    @classmethod
    def _of_url(cls, text: str) -> "Remote":
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
        except ValueError as error:
            raise _refused(text) from error
        if parts.scheme not in _SCHEMES or host.startswith("-") or (parts.username or "").startswith("-"):
            raise _refused(text)
        userinfo, at, place = parts.netloc.rpartition("@")
        shown = userinfo.partition(":")[0] + at if parts.scheme == "ssh" else ""
        return cls(urlunsplit(parts._replace(netloc=shown + place)), text)

    def redact(self, text: str) -> str:
        """`text` from git, without the secret in the address."""
        return text.replace(self.address, self.url)


def _refused(text: str) -> UnsafeRemote:
    return UnsafeRemote(
        f"not an address to fetch from: {re.sub('//[^/@]*@', '//', text)!r}",
        fix="give a https, http, ssh or file URL, or a folder",
    )

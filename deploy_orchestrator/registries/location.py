"""Where a repository is, in one spelling, so that two spellings of it are one repository."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}


def normalized(url: str) -> str:
    """A repository's URL or path in one spelling, without credentials.

    A URL's scheme and host become lower case, a default port and slashes at the end go; a path becomes
    absolute.
    Helm's own names for repositories, `@name` and `alias:name`, become `@name`.

    Raises:
        ValueError: it looks like a URL and is none.
    """
    url = url.strip()
    if url.startswith(("@", "alias:")):
        return "@" + url.removeprefix("@").removeprefix("alias:")
    if "://" not in url:
        return str(Path(url).expanduser().resolve())
    if url.lower().startswith("file://"):
        return str(Path(url[len("file://") :]).resolve())
    return _normalized_url(url)


@lru_cache(maxsize=4096)
def _normalized_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    if parts.port and parts.port != _PORTS.get(scheme):
        host = f"{host}:{parts.port}"
    return urlunsplit((scheme, host, parts.path.rstrip("/"), parts.query, ""))


def scheme(location: str) -> str:
    """`http`, `https` or `oci` of a normalized URL; empty for a path."""
    head, found, _ = location.partition("://")
    return head if found else ""

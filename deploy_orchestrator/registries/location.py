"""Where a repository is, in one spelling, so that two spellings of it are one repository."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy_orchestrator.terms import LOOPBACK

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


def told(url: str) -> str:
    """A URL as it may be shown and kept: without credentials, query and fragment, which may be secrets."""
    head, found, rest = url.partition("://")
    if not found:
        return url
    authority, slash, path = rest.partition("/")
    path = path.partition("#")[0].partition("?")[0]
    return f"{head}://{authority.partition('?')[0].rpartition('@')[2]}{slash}{path}"


def scheme(location: str) -> str:
    """`http`, `https` or `oci` of a normalized URL; empty for a path."""
    head, found, _ = location.partition("://")
    return head if found else ""


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL: what two addresses of one server have in common. Raises ValueError."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def address_of(url: str) -> tuple[str, int] | None:
    """The host and port that a repository's URL leads to; None for what is no URL of a server."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if not host:
        return None
    scheme = parts.scheme.lower()
    if scheme == "oci":
        # Registries on this machine are spoken to by plain HTTP.
        scheme = "http" if host in LOOPBACK else "https"
    return (host, port or _PORTS[scheme]) if scheme in _PORTS else None

"""Which servers may be spoken to: any public one, or those of a list; this machine only where it is named."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton, inet_ntoa
from typing import Final

from deploy_orchestrator.registries.location import address_of

_METADATA: Final = tuple(
    map(
        ip_network,
        (
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:42::42",
            "fd00:100::100:200",
            "fd00:a9fe:a9fe::1",
            "fd00:c1::a9fe:a9fe",
            "fd00:ec2::/32",
            "fd20:ce::254",
        ),
    )
)
"""Where clouds tell a machine its own credentials, beside 169.254.0.0/16."""

_THIS_NETWORK: Final = ip_network("0.0.0.0/8")
_WITHIN: Final = tuple(map(ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""Addresses that end in one of IPv4: https://www.iana.org/assignments/iana-ipv6-special-registry."""


@dataclass(frozen=True, slots=True)
class Egress:
    """The servers that charts and registries may be read from.

    `hosts`: names as `charts.example.com`, with a port for that one alone, or `*.example.com` for all below
    it; None: any. `named` are the host and port of each repository that a person names; they count as listed.
    Loopback, link-local and metadata addresses are reached only where they, or `localhost`, are named or
    listed themselves: never by a name that leads there.
    """

    hosts: frozenset[str] | None = None
    named: frozenset[tuple[str, int]] = frozenset()

    def naming(self, *urls: str) -> "Egress":
        """These, and the servers of `urls`; what is no URL of a server names none."""
        return replace(self, named=self.named | set(filter(None, map(address_of, urls))))

    def refusal(self, host: str, port: int) -> str | None:
        """Why nothing is asked of `host`; None where it may be."""
        if not self._is_listed(host, port):
            return f"{_told(host, port)} is not in the list of servers that may be reached"
        if _is_inner(host) and not self._is_named(host, port):
            return f"{_told(host, port)} is this machine, or its metadata"
        return None

    def refusal_of_address(self, host: str, port: int, address: str) -> str | None:
        """Why nothing is sent to `address`, where `host` led; None where it may be."""
        if is_inner(address) and not (_is_inner(host) and self._is_named(host, port)):
            return f"{_told(host, port)} leads to {address}, which is this machine, or its metadata"
        return None

    def _is_named(self, host: str, port: int) -> bool:
        told = _told(host, port)
        return (host, port) in self.named or bool(
            {told, told.rpartition(":")[0]} & (self.hosts or frozenset())
        )

    def _is_listed(self, host: str, port: int) -> bool:
        if self.hosts is None or self._is_named(host, port):
            return True
        above = host.split(".")[1:]
        return any(f"*.{'.'.join(above[start:])}" in self.hosts for start in range(len(above)))


ANYWHERE: Final = Egress()
"""Any public server."""


def mended_by(host: str, port: int) -> str:
    """What to do about a refusal."""
    told = _told(host, port)
    return f"if that is meant, add {told} to egress in fleet.yaml, or name it with --repository URL=URL"


def is_inner(address: str) -> bool:
    """Whether an IP address is loopback, link-local, multicast, unspecified, or a cloud's metadata."""
    outer = ip_address(address)
    return any(
        each.is_loopback
        or each.is_link_local
        or each.is_multicast
        or each.is_unspecified
        or each in _THIS_NETWORK
        or any(each in network for network in _METADATA)
        for each in (outer, *_embedded(outer))
    )


def _embedded(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    if isinstance(address, IPv4Address):
        return ()
    is_within = any(address in network for network in _WITHIN)
    last = IPv4Address(int(address) & 0xFFFFFFFF) if is_within else None
    found = (address.ipv4_mapped, address.sixtofour, last)
    return tuple(each for each in found if each is not None)


def _is_inner(host: str) -> bool:
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return is_inner(_spelled_out(name))
    except ValueError:
        return False


def _spelled_out(address: str) -> str:
    """An address of IPv4 in all its four parts, which systems also take as `127.1` or `0x7f000001`."""
    try:
        return inet_ntoa(inet_aton(address))
    except OSError:
        return address


def _told(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Where a deployment goes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Destination:
    """A cluster by its name, the URL of its API server, and a namespace there; `others` are those that
    releases name beside the tenant's.

    `server` is None where that was not written down, as in releases of format 1.
    """

    cluster: str
    server: str | None
    namespace: str
    others: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All of them, the tenant's own first."""
        return (self.namespace, *self.others)

    def is_at(self, other: "Destination") -> bool:
        """Whether both are one place, as far as both are known."""
        servers = {self.server, other.server} - {None}
        mine, its = ((each.cluster, each.namespace, {*each.others}) for each in (self, other))
        return mine == its and len(servers) < 2

    def meets(self, other: "Destination") -> bool:
        """Whether both have a namespace of one cluster."""
        return self.cluster == other.cluster and not {*self.namespaces}.isdisjoint(other.namespaces)

    def as_json(self) -> dict[str, Any]:
        """Its fields, without `others` where there are none."""
        fields = {"cluster": self.cluster, "server": self.server, "namespace": self.namespace}
        return {**fields, "others": list(self.others)} if self.others else fields

    def __str__(self) -> str:
        server = f" ({self.server})" if self.server else ""
        word = "namespaces" if self.others else "namespace"
        return f"cluster {self.cluster}{server}, {word} {', '.join(self.namespaces)}"

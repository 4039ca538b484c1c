"""Where a deployment goes, and how."""

from dataclasses import dataclass
from typing import Any

from deploy_orchestrator.fleet.syncing import AS_USUAL, Syncing


@dataclass(frozen=True, slots=True)
class Destination:
    """A cluster by its name, the URL of its API server, and a namespace there; `others` are those that
    releases name beside the tenant's. `sync` is how Argo CD is told to sync it.

    `server` is None where that was not written down, as in releases of format 1.
    """

    cluster: str
    server: str | None
    namespace: str
    others: tuple[str, ...] = ()
    sync: Syncing = AS_USUAL

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All of them, the tenant's own first."""
        return (self.namespace, *self.others)

    def is_at(self, other: "Destination") -> bool:
        """Whether both are one place, as far as both are known."""
        servers = {self.server, other.server} - {None}
        mine, its = ((each.cluster, each.namespace, {*each.others}) for each in (self, other))
        return mine == its and len(servers) < 2

    def is_same(self, other: "Destination") -> bool:
        """Whether both are one place, and are synced alike."""
        return self.is_at(other) and self.sync == other.sync

    def meets(self, other: "Destination") -> bool:
        """Whether both have a namespace of one cluster."""
        return self.cluster == other.cluster and not {*self.namespaces}.isdisjoint(other.namespaces)

    def as_json(self) -> dict[str, Any]:
        """Its fields, without `others` and `sync` where they say nothing."""
        fields = {"cluster": self.cluster, "server": self.server, "namespace": self.namespace}
        others = {"others": list(self.others)} if self.others else {}
        return {**fields, **others, **({"sync": self.sync.as_json()} if self.sync else {})}

    def __str__(self) -> str:
        server = f" ({self.server})" if self.server else ""
        word = "namespaces" if self.others else "namespace"
        return f"cluster {self.cluster}{server}, {word} {', '.join(self.namespaces)}"

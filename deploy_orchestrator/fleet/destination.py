"""Where a deployment goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """A cluster by its name, the URL of its API server, and a namespace there.

    `server` is None where that was not written down, as in releases of format 1.
    """

    cluster: str
    server: str | None
    namespace: str

    def is_at(self, other: "Destination") -> bool:
        """Whether both are one place, as far as both are known."""
        servers = {self.server, other.server} - {None}
        return (self.cluster, self.namespace) == (other.cluster, other.namespace) and len(servers) < 2

    def __str__(self) -> str:
        server = f" ({self.server})" if self.server else ""
        return f"cluster {self.cluster}{server}, namespace {self.namespace}"

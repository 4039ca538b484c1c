"""What a cluster said of applying a tenant's objects over those that are live there."""

from typing import Any

from deploy_orchestrator.fleet.base import Model
from deploy_orchestrator.fleet.fields import Line
from deploy_orchestrator.terms import Digest


class TakeoverEvidence(Model):
    """What server-side dry runs said of applying the objects of this `content`: what they `would` change, or
    bring anew, a line each. `live` is the digest of what was there, without the values of Secrets, and `kept`
    counts what stays as it is.

    `adopt` writes it into the fleet, where it is as good as whoever may write there.
    """

    content: Digest
    live: Digest
    kept: int
    would: tuple[Line, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return self.model_dump(mode="json")

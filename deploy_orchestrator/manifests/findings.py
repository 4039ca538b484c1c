"""What a check says about manifests."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.keys import ObjectKey

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the `rule` it breaks, the `object` (None: all together), and what to do.

    `place` is where people wrote it, in the fleet, if that is known. `excepted`: it would be an error, but
    for an exception of the tenant.
    """

    rule: str
    severity: Severity
    object: ObjectKey | None
    message: str
    fix: str
    place: Place | None = None
    excepted: bool = False

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """The finding that `as_json` gave."""
        key, place = kept.pop("object"), kept.pop("place")
        return cls(object=ObjectKey(**key) if key else None, place=Place(**place) if place else None, **kept)

    def as_json(self) -> dict[str, Any]:
        """All of it in plain JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.object}: " if self.object else ""
        return f"{self.severity} {self.rule}: {where}{self.message}\n  fix: {self.fix}"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that manifests must keep to: its id, how grave it is, why it matters, and what to do."""

    id: str
    severity: Severity
    reason: str
    fix: str

    def finding(
        self, object_: ObjectKey | None, message: str, fix: str | None = None, place: Place | None = None
    ) -> Finding:
        """The finding that it is not kept: where, and how; `fix` where more is known than the check's own."""
        return Finding(self.id, self.severity, object_, f"{message}. {self.reason}", fix or self.fix, place)

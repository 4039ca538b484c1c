"""What a check says about manifests."""

from dataclasses import dataclass
from typing import Literal

from deploy_orchestrator.manifests.keys import ObjectKey

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the `rule` it breaks, the `object` (None: all together), and what to do."""

    rule: str
    severity: Severity
    object: ObjectKey | None
    message: str
    fix: str

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

    def finding(self, object_: ObjectKey | None, message: str, fix: str | None = None) -> Finding:
        """The finding that it is not kept: where, and how; `fix` where more is known than the check's own."""
        return Finding(self.id, self.severity, object_, f"{message}. {self.reason}", fix or self.fix)

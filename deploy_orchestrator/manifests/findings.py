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

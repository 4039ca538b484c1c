"""What `impact` found, before it is printed: the charts that change, and what becomes of deployments."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy_orchestrator.charts import ABSENT, ChartChange, Impact, Upgrade, ValueChange
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Edit
from deploy_orchestrator.foresight import Carrier, Concerned
from deploy_orchestrator.manifests import Diff, Manifests, diff
from deploy_orchestrator.pipeline import Preview
from deploy_orchestrator.risk import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A deployment that the upgrade concerns: its preview `after`, and what the fleet gives `before` it."""

    concerned: Concerned
    after: Preview | OrchestratorError
    before: Manifests | OrchestratorError

    @property
    def key(self) -> str:
        return self.concerned.deployment.key

    @property
    def preview(self) -> Preview | None:
        return self.after if isinstance(self.after, Preview) else None

    @property
    def is_released(self) -> bool:
        return self.preview is not None and self.preview.plan.base is not None

    @property
    def is_overtaken(self) -> bool:
        """Whether the fleet holds other changes for it that are not released yet."""
        base = self.preview and self.preview.plan.base
        return base is not None and isinstance(self.before, Manifests) and self.before.content != base

    @property
    def difference(self) -> Diff:
        """What changes from what is released, or from what the fleet gives now where nothing is."""
        if self.preview is None:
            return Diff((), (), ())
        if self.is_released or not isinstance(self.before, Manifests):
            return self.preview.difference
        return diff(self.before, self.preview.manifests)


@dataclass(frozen=True, slots=True)
class ImpactReport:
    """The chart `name` goes `to` a version: the charts that change, the lines to edit, and the deployments.

    `carriers` are the packages of the fleet that bring it along, where nothing of the fleet's own names it.
    `unseen` is why nobody looked at deployments.
    """

    name: str
    to: str
    dependency: str | None
    upgrades: tuple[Upgrade, ...]
    edits: tuple[Edit, ...]
    judged: tuple[Judged, ...]
    broken: Mapping[str, OrchestratorError]
    carriers: tuple[Carrier, ...]
    unseen: OrchestratorError | None

    @property
    def title(self) -> str:
        if self.dependency is None:
            return f"{self.name} to {self.to}"
        found = self.upgrades[0].before
        needs = (need for need in found.closure.needs if need.parent == found.root)
        now = next((need.chart.version for need in needs if need.key == self.dependency), "missing")
        return f"{self.dependency} {now} to {self.to} in {found.root}"

    @property
    def failures(self) -> list[tuple[str, OrchestratorError]]:
        """What does not load or render, by the tenant or deployment."""
        failed = [(each.key, each.after) for each in self.judged if isinstance(each.after, OrchestratorError)]
        return [*self.broken.items(), *failed]

    @property
    def is_sound(self) -> bool:
        """Whether nothing breaks, no grave conflict appears where it counts, and no change is blocked."""
        effects = [effect.impact for each in self.judged for effect in each.concerned.charts]
        blocked = (each.preview and each.preview.plan.verdict is Verdict.BLOCKED for each in self.judged)
        return (
            not any(found.broken for found in self.upgrades)
            and all(one.is_sound for one in effects or [found.impact for found in self.upgrades])
            and not any(blocked)
        )

    def setters(self, change: ValueChange, of: Upgrade) -> list[str]:
        """The deployments that set a default of a chart."""
        return [
            each.key
            for each in self.judged
            for effect in each.concerned.charts
            if effect.runs == str(of.before.root) and change in effect.sets
        ]


def versions(change: ChartChange) -> str:
    """`1.0.0 → 2.0.0`."""
    before, after = (", ".join(side) or "none" for side in (change.before, change.after))
    return f"{before} → {after}"


def kind(change: ValueChange) -> str:
    """Whether a default was `added`, `removed` or `changed`."""
    if change.before is ABSENT:
        return "added"
    return "removed" if change.after is ABSENT else "changed"


def key(change: ValueChange) -> str:
    """The key that a default stands under, as `db.size`."""
    return ".".join(map(str, change.field))


def summary(difference: Diff) -> str:
    """How many objects come, change and go: `1 added, 5 changed`."""
    counts = {
        "added": len(difference.added),
        "changed": len(difference.changed),
        "removed": len(difference.removed),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def carried(carrier: Carrier) -> str:
    """Where a chart comes from that the fleet itself does not name, and what to do."""
    need = carrier.need
    return (
        f"{need.chart} is in the package of {need.parent}, which {', '.join(carrier.deployments)} run:"
        f" it changes when {need.parent.name} does"
    )


def gist(impact: Impact) -> str:
    """Which conflicts come, get worse and go."""
    return ", ".join(
        f"{what} {one.name} ({one.harm})"
        for what, ones in (
            ("new conflict on", impact.appearing),
            ("worse conflict on", impact.worsening),
            ("no more conflict on", impact.going),
        )
        for one in ones
    )

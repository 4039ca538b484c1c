"""One chart rendered as one Helm release: what is asked of Helm, and what its answer means."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.charts import Constraint
from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.composition import ChartRelease
from deploy_orchestrator.manifests.engines import ask, program_for
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.failures import in_fleet
from deploy_orchestrator.manifests.objects import ChartUsed
from deploy_orchestrator.manifests.printed import Printed, SkippedHook
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.terms import HELM_HOOK_EVENTS

_UNTIL_ORDER_SHOWS: Final = 8
"""A map of two keys comes in the same order twice in two of three times."""


@dataclass(frozen=True, slots=True)
class RenderedRelease:
    """What came of a release. Helm leaves `skipped` out; `again` is another that differs, if one did."""

    chart: ChartUsed
    objects: tuple[Printed, ...]
    skipped: tuple[SkippedHook, ...]
    again: tuple[Printed, ...] | None


def render_release(release: ChartRelease, workspace: Workspace) -> RenderedRelease:
    """Render, or remember what came of it when everything was the same.

    Raises:
        RenderError: the chart does not render, with the template or value to mend.
    """
    program = program_for(release, workspace)
    options: dict[str, Any] = {
        "times": _times(release.asks),
        "binary": program,
        "kubernetes": release.kubernetes if program else None,
        "apis": release.api_versions if program else (),
        "hookEvents": sorted(HELM_HOOK_EVENTS),
    }
    result = ask("template", release, options, workspace)
    _require_kubernetes(release, result["chart"]["kubeVersion"])
    return RenderedRelease(
        chart=ChartUsed(name=result["chart"]["name"], version=result["chart"]["version"]),
        objects=_printed(result["objects"], release.source),
        skipped=tuple(_skipped(each, release.source) for each in result["skipped"]),
        again=None if result["again"] is None else _printed(result["again"], release.source),
    )


def _times(asks: Collection[str]) -> int:
    """How often a release is rendered, to see whether it is the same each time."""
    if "unordered" in asks:
        return _UNTIL_ORDER_SHOWS
    return 2 if "volatile" in asks else 1


def _require_kubernetes(release: ChartRelease, required: str) -> None:
    if required and not Constraint.parse(required).allows(f"{release.kubernetes}.0"):
        raise RenderError(
            f"the chart requires Kubernetes {required}, the environment has {release.kubernetes}",
            place=Place(f"{release.source}/Chart.yaml", field="kubeVersion"),
            fix="use a version of the chart that supports it",
        )


def _skipped(entry: Mapping[str, Any], source: str) -> SkippedHook:
    return SkippedHook(entry["hook"], *_printed([entry] if entry["body"] else [], source))


def _printed(entries: Iterable[Mapping[str, Any]], source: str) -> tuple[Printed, ...]:
    return tuple(
        Printed(Place(in_fleet(entry["file"], source), entry["line"]), entry["body"]) for entry in entries
    )

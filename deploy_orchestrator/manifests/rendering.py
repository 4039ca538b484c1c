"""One chart rendered as one Helm release: what is asked of Helm, and what its answer means."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from deploy_orchestrator.charts import Constraint
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import ValueLayer
from deploy_orchestrator.manifests.actions import actions, asks
from deploy_orchestrator.manifests.assembly import AssembledChart
from deploy_orchestrator.manifests.cache import cache_key
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.failures import render_error
from deploy_orchestrator.manifests.objects import ChartUsed
from deploy_orchestrator.manifests.printed import Printed, SkippedHook
from deploy_orchestrator.manifests.workers import WorkerError
from deploy_orchestrator.manifests.workspace import Workspace

_FORMAT: Final = "1"
_SDK: Final = f"{version('helm-python-sdk')} {os.environ.get('HELM_C_LIB', '')}"


@dataclass(frozen=True, slots=True)
class ChartRelease:
    """A Helm release to render: the chart that people find at `source`, its value layers in Helm's order."""

    name: str
    namespace: str
    source: str
    chart: AssembledChart
    layers: tuple[ValueLayer, ...]
    kubernetes: str

    @property
    def asks(self) -> frozenset[str]:
        """What the templates, or values that they may take for templates, ask for; as `actions.asks`."""
        return self.chart.asks | asks(actions(layer.data for layer in self.layers))


@dataclass(frozen=True, slots=True)
class RenderedRelease:
    """What came of a release. Helm leaves `skipped` out; `again` is what a second render gave, if another."""

    chart: ChartUsed
    objects: tuple[Printed, ...]
    skipped: tuple[SkippedHook, ...]
    again: tuple[Printed, ...] | None


def helm_identity() -> str:
    """What tells the Helm that would render here from another: in process, and the program on PATH."""
    program = shutil.which("helm")
    status = Path(program).stat() if program else None
    binary = f"{program} {status.st_size} {status.st_mtime_ns}" if status else ""
    return f"{_SDK} {binary}"


def render_release(release: ChartRelease, workspace: Workspace) -> RenderedRelease:
    """Render, or remember what came of it when everything was the same.

    Raises:
        RenderError: the chart does not render, with the template or value to mend.
    """
    texts = [(layer.path, _text(layer)) for layer in release.layers]
    binary = _binary(release, workspace)
    request: dict[str, Any] = {
        "name": release.name,
        "namespace": release.namespace,
        "layers": [{"file": file, "text": text} for file, text in texts],
        "twice": "volatile" in release.asks,
        "binary": binary,
        "kubernetes": release.kubernetes if binary else None,
        "apis": [],
    }
    engine = helm_identity() if binary else _SDK
    key = cache_key(_FORMAT, engine, release.chart.digest, json.dumps(request, sort_keys=True))
    answer = workspace.releases.read(key)
    if answer is None:
        answer = _ask(release, {**request, "chart": str(release.chart.path)}, workspace)
        workspace.releases.write(key, answer)
    result = _result(release, answer)
    _require_kubernetes(release, result["chart"]["kubeVersion"])
    return RenderedRelease(
        chart=ChartUsed(result["chart"]["name"], result["chart"]["version"]),
        objects=_printed(result["objects"]),
        skipped=tuple(map(_skipped, result["skipped"])),
        again=None if result["again"] is None else _printed(result["again"]),
    )


def _ask(release: ChartRelease, request: Mapping[str, Any], workspace: Workspace) -> bytes:
    try:
        return workspace.workers.ask("template", request)
    except WorkerError as error:
        fix = "make the chart or its values smaller or simpler"
        raise RenderError(f"rendering {error}", place=Place(release.source), fix=fix) from error


def _result(release: ChartRelease, answer: bytes) -> dict[str, Any]:
    parsed = json.loads(answer)
    if "failure" in parsed:
        raise render_error(parsed["failure"], release.source, release.layers)
    return parsed["result"]


def _binary(release: ChartRelease, workspace: Workspace) -> str | None:
    if "capabilities" not in release.asks or release.kubernetes == workspace.kubernetes:
        return None
    if program := shutil.which("helm"):
        return str(Path(program).absolute())
    raise RenderError(
        f"the chart reads .Capabilities, and Helm in process takes every cluster for Kubernetes"
        f" {workspace.kubernetes}, not {release.kubernetes}",
        place=Place(release.source),
        fix="put a helm 4 program on PATH, which can be told the version",
    )


def _require_kubernetes(release: ChartRelease, required: str) -> None:
    if required and not Constraint.parse(required).allows(f"{release.kubernetes}.0"):
        raise RenderError(
            f"the chart requires Kubernetes {required}, the environment has {release.kubernetes}",
            place=Place(f"{release.source}/Chart.yaml", field="kubeVersion"),
            fix="use a version of the chart that supports it",
        )


def _skipped(entry: Mapping[str, Any]) -> SkippedHook:
    return SkippedHook(entry["hook"], *_printed([entry] if entry["body"] else []))


def _printed(entries: Iterable[Mapping[str, Any]]) -> tuple[Printed, ...]:
    return tuple(Printed(Place(entry["file"], entry["line"]), entry["body"]) for entry in entries)


def _text(layer: ValueLayer) -> str:
    try:
        return layer.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = layer.data.count(b"\n", 0, error.start) + 1
        raise RenderError(
            f"not UTF-8 at byte {error.start}", place=Place(layer.path, line), fix="save the file as UTF-8"
        ) from error

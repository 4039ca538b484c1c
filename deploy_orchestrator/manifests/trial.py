"""Whether Helm renders a chart that is in no fleet."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy_orchestrator.documents import dump
from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.failures import render_error
from deploy_orchestrator.manifests.workers import WorkerError
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.terms import HELM_HOOK_EVENTS


def require_rendering(chart: Path, values: Mapping[str, Any], workspace: Workspace) -> None:
    """Render the chart in a folder, which has all that it needs, with `values`. Nothing is kept.

    Raises:
        RenderError: Helm does not, or takes too long or too much.
    """
    request = {
        "name": "release",
        "namespace": "default",
        "layers": [{"file": "values.yaml", "text": dump(dict(values)).decode()}],
        "times": 1,
        "binary": None,
        "kubernetes": None,
        "apis": (),
        "hookEvents": sorted(HELM_HOOK_EVENTS),
        "chart": str(chart.absolute()),
    }
    try:
        answer = json.loads(workspace.workers.ask("template", request))
    except WorkerError as error:
        raise RenderError(f"Helm {error}", place=Place(chart.name), fix="make the chart simpler") from error
    if "failure" in answer:
        raise render_error(answer["failure"], chart.name, ())

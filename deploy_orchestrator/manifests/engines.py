"""The two engines that render, Helm in process and a `helm` program, each asked the same thing once."""

import json
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.failures import render_error
from deploy_orchestrator.manifests.workers import WorkerError
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.storage import cache_key

if TYPE_CHECKING:
    from deploy_orchestrator.manifests.composition import ChartRelease

_FORMAT: Final = "3"
_IN_PROCESS: Final = f"{version('helm-python-sdk')} {os.environ.get('HELM_C_LIB', '')}"


def engines_identity() -> str:
    """What becomes another when Helm in process or the `helm` on PATH does."""
    return f"{_IN_PROCESS} {_identity(shutil.which('helm'))}"


def program_for(release: "ChartRelease", workspace: Workspace) -> str | None:
    """The `helm` program that must render a release, or None where Helm in process gives the same.

    What prints the version of Helm is rendered by the program in every environment, if there is one.

    Raises:
        RenderError: it must be a program, and there is none.
    """
    is_what_helm_assumes = release.kubernetes == workspace.kubernetes and not release.api_versions
    is_needed = "capabilities" in release.asks and not is_what_helm_assumes
    if not is_needed and "helm" not in release.asks:
        return None
    if program := shutil.which("helm"):
        return str(Path(program).absolute())
    if not is_needed:
        return None
    raise RenderError(
        f"the chart reads .Capabilities, and Helm in process takes every cluster for Kubernetes"
        f" {workspace.kubernetes} without more APIs, not for {release.kubernetes}",
        place=Place(release.source),
        fix="put a helm 4 program on PATH, which can be told what the cluster is",
    )


def ask(task: str, release: "ChartRelease", options: Mapping[str, Any], workspace: Workspace) -> Any:
    """What a worker answers for a release to a `task` of `helm.py`, or answered before when all was the same.

    Raises:
        RenderError: Helm failed on it, took too long or too much.
    """
    request = {**release.request, **options}
    engine = f"{_IN_PROCESS} {_identity(options.get('binary'))}"
    key = cache_key(_FORMAT, engine, release.chart.digest, task, json.dumps(request, sort_keys=True))
    answer = workspace.releases.read(key)
    if answer is None:
        try:
            answer = workspace.workers.ask(task, {**request, "chart": str(release.chart.path.absolute())})
        except WorkerError as error:
            fix = "make the chart or its values smaller or simpler"
            raise RenderError(f"Helm {error}", place=Place(release.source), fix=fix) from error
        workspace.releases.write(key, answer)
    parsed = json.loads(answer)
    if "failure" in parsed:
        raise render_error(parsed["failure"], release.source, release.layers)
    return parsed["result"]


def _identity(program: str | None) -> str:
    if program is None:
        return ""
    status = Path(program).stat()
    return f"{program} {status.st_size} {status.st_mtime_ns}"

"""A small fleet in a real Git repository, whose tenants run whatever chart a test writes."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.fleet import Deployment, Fleet, load
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Limits, Manifests, Workspace, render

KUBERNETES_IN_PROCESS = "1.36"

FLEET = {
    "clusters": [{"name": "here", "server": "https://kubernetes.default.svc"}],
    "environments": [
        {"name": "dev", "cluster": "here", "kubernetes": KUBERNETES_IN_PROCESS},
        {"name": "production", "cluster": "here", "kubernetes": "1.34"},
    ],
    "platform": {"name": "tenant-platform", "version": "0.1.0"},
}
TENANT = {
    "environments": ["dev", "production"],
    "quota": {"cpu": "2", "memory": "4Gi", "storage": "10Gi", "pods": 10},
    "owners": ["ml@example.com"],
}
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  values: {{ .Values | toJson | quote }}
"""

Files = Mapping[str, str | bytes]


class FleetOnDisk:
    """A fleet repository that a test writes and reads. Every tenant runs the chart of its own name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fleet"
        self.path.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        self._clone = folder / "clone"
        self.write({"fleet.yaml": yaml.safe_dump(FLEET), "allowed_signers": ""})
        self.chart("tenant-platform", {"templates/namespace.yaml": CONFIG_MAP})

    def write(self, files: Files) -> None:
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def chart(self, name: str, files: Files, **metadata: Any) -> None:
        about = {"apiVersion": "v2", "name": name, "version": "0.1.0", **metadata}
        self.write({f"charts/{name}/Chart.yaml": yaml.safe_dump(about)})
        self.write({f"charts/{name}/{file}": content for file, content in files.items()})

    def tenant(self, name: str, files: Files | None = None, **changes: Any) -> None:
        about = {"chart": {"name": name, "version": "0.1.0"}, **TENANT, **changes}
        self.write({f"tenants/{name}/tenant.yaml": yaml.safe_dump(about)})
        self.write({f"tenants/{name}/{file}": content for file, content in (files or {}).items()})

    def load(self) -> Fleet:
        self._git("add", "--all")
        self._git(
            "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", "x"
        )
        repository = Repository.clone(str(self.path), self._clone)
        repository.fetch()
        return load(repository.at("main"))

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.path, check=True, capture_output=True)


@pytest.fixture
def on_disk(tmp_path: Path) -> FleetOnDisk:
    return FleetOnDisk(tmp_path)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One set of workers for a module; what it keeps is told apart by content, so tests do not meet."""
    workspace = Workspace(
        tmp_path_factory.mktemp("cache"),
        processes=1,
        limits=Limits(seconds=20, megabytes=1024),
    )
    yield workspace
    workspace.close()


Rendered = Callable[..., Manifests]


@pytest.fixture
def rendered(on_disk: FleetOnDisk, workspace: Workspace) -> Rendered:
    """Render a chart of these files for the tenant `ml`, with files of its own, in an environment."""

    def rendered(
        chart: Files, tenant: Files | None = None, environment: str = "dev", **metadata: Any
    ) -> Manifests:
        on_disk.chart("ml", chart, **metadata)
        on_disk.tenant("ml", tenant)
        fleet = on_disk.load()
        return render(fleet.deployment(environment, "ml"), fleet, workspace)

    return rendered


@pytest.fixture
def deployment(on_disk: FleetOnDisk) -> Deployment:
    """The tenant `ml` in `dev`."""
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    return on_disk.load().deployment("dev", "ml")

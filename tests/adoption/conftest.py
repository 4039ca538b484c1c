"""A repository of somebody who delivers with an app-of-apps, and an empty fleet to adopt it into."""

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.adoption import Adoption, Checkouts, Terms, adopt, read
from deploy_orchestrator.delivery import ClusterClient
from deploy_orchestrator.git import Repository, Tree
from deploy_orchestrator.manifests import Limits, Workspace

URL = "https://git.example.com/acme/apps.git"
EXPIRES = datetime(2027, 3, 1, tzinfo=UTC)
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  values: {{ .Values | toJson | quote }}
  text: |
    one
    two
"""


@dataclass(frozen=True)
class Originals:
    """Somebody's Git repository with charts and values; what was committed last counts."""

    folder: Path

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        self.git("add", "--all")
        self.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message", "x")

    def chart(self, name: str, files: Mapping[str, str] | None = None, **metadata: Any) -> None:
        about = {"apiVersion": "v2", "name": name, "version": "1.2.3", **metadata}
        inside = {"templates/a.yaml": CONFIG_MAP, "values.yaml": "replicas: 1\n", **(files or {})}
        self.write(
            {
                f"apps/{name}/Chart.yaml": yaml.safe_dump(about),
                **{f"apps/{name}/{path}": text for path, text in inside.items()},
            }
        )

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", self.folder, *arguments], check=True, capture_output=True)


def application(name: str, chart: str, namespace: str = "apps", **helm: Any) -> dict[str, Any]:
    """As Argo CD has it."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "source": {
                "repoURL": URL,
                "targetRevision": "HEAD",
                "path": f"apps/{chart}",
                **({"helm": helm} if helm else {}),
            },
        },
    }


def widgets(*versions: dict[str, Any]) -> dict[str, Any]:
    """The definition of a kind `Widget` within namespaces."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [*versions],
        },
    }


def release_secret(name: str, namespace: str, manifest: str, **values: Any) -> dict[str, Any]:
    """As `helm install` leaves it."""
    release = {
        "name": name,
        "namespace": namespace,
        "info": {"status": "deployed"},
        "config": values,
        "chart": {"metadata": {"name": "web", "version": "1.2.3"}},
        "manifest": manifest,
        "hooks": [],
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": f"sh.helm.release.v1.{name}.v1",
            "namespace": namespace,
            "labels": {"owner": "helm", "name": name, "version": "1", "status": "deployed"},
        },
        "data": {"release": base64.b64encode(packed).decode()},
    }


@pytest.fixture
def originals(tmp_path: Path) -> Originals:
    folder = tmp_path / "originals"
    folder.mkdir()
    made = Originals(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    return made


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(
        tmp_path_factory.mktemp("cache"), processes=1, limits=Limits(seconds=30, megabytes=1024)
    )
    yield workspace
    workspace.close()


@dataclass(frozen=True)
class Desk:
    """Where a person adopts: what they read, and the fleet that they write."""

    originals: Originals
    repository: Repository
    workspace: Workspace

    def adopt(
        self,
        tree: Tree | None = None,
        clusters: Mapping[str, ClusterClient] | None = None,
        /,
        **objects: Sequence[Mapping[str, Any]],
    ) -> Adoption:
        """What comes of the objects of each environment."""
        checkouts = Checkouts({URL: self.originals.folder})
        terms = Terms(
            environments=tuple(objects),
            kubernetes=dict.fromkeys(objects, "1.34"),
            owner="ops@example.com",
            expires=EXPIRES,
        )
        found = [each for name, some in objects.items() for each in read(name, some, checkouts, self.charts)]
        there = tree or self.repository.branch("main")
        return adopt(found, terms, PLATFORM, there, self.workspace, clusters=clusters or {})

    @property
    def charts(self) -> dict[str, Any]:
        """Where Helm's releases have their charts from: the originals' repository, as it is named there."""
        from deploy_orchestrator.adoption import ChartInGit
        from deploy_orchestrator.git import History

        history = History.around(self.originals.folder)
        assert history
        return {"web": ChartInGit(URL, "HEAD", "apps/web", history.at("HEAD"))}

    def files(self, adoption: Adoption) -> dict[str, Any]:
        """What is written, as YAML."""
        return {
            path: yaml.safe_load(data)
            for path, data in adoption.changes.writes.items()
            if path.endswith(".yaml") and not path.startswith("charts/")
        }


PLATFORM = {"tenant-platform/Chart.yaml": b"apiVersion: v2\nname: tenant-platform\nversion: 0.1.0\n"}


@pytest.fixture
def desk(originals: Originals, tmp_path: Path, workspace: Workspace) -> Desk:
    subprocess.run(["git", "init", "--bare", "--quiet", tmp_path / "fleet.git"], check=True)
    repository = Repository.clone(str(tmp_path / "fleet.git"), tmp_path / "clone")
    return Desk(originals, repository, workspace)

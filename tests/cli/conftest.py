"""A desk with a small fleet, and a person at a terminal who types commands."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.cli import main
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import GatesClosed
from deploy_orchestrator.settings import Settings
from tests.carried import carried_by
from tests.steps import propose, released

PUBLISHED = Path(__file__).parents[1] / "data" / "published"
PEOPLE = ("alice", "bob", "mallory")
"""Alice commits, Bob approves, and nobody knows Mallory's key."""

CHART = """\
apiVersion: v2
name: {name}
version: 0.1.0
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  greeting: {{ .Values.greeting }}
---
{{- if .Values.legacy }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-legacy
data:
  greeting: hi
{{- end }}
"""
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {{ .Release.Namespace }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""
TENANT = """\
chart:
  name: app
  version: 0.1.0
environments: [{environments}]
quota: {{cpu: 1, memory: 1Gi, storage: 1Gi, pods: 5}}
owners: [shop@example.com]
"""
FILES = {
    "fleet.yaml": """\
clusters:
  - name: here
    server: https://kubernetes.default.svc
environments:
  - name: dev
    cluster: here
    kubernetes: "1.34"
  - name: production
    cluster: here
    kubernetes: "1.34"
    policy:
      approval:
        approvers: [alice@example.com, bob@example.com]
        required: 1
platform:
  name: ground
  version: 0.1.0
""",
    "charts/ground/Chart.yaml": CHART.format(name="ground"),
    "charts/ground/templates/namespace.yaml": NAMESPACE,
    "charts/app/Chart.yaml": CHART.format(name="app"),
    "charts/app/values.yaml": "greeting: hello\nlegacy: true\n",
    "charts/app/templates/greeting.yaml": CONFIG_MAP,
    "tenants/_template/tenant.yaml": TENANT.format(environments="dev"),
    "tenants/_template/values.yaml": "greeting: hello from __tenant__\n",
    "tenants/shop/tenant.yaml": TENANT.format(environments="dev, production"),
    "tenants/blog/tenant.yaml": TENANT.format(environments="dev"),
}


@dataclass(frozen=True)
class Answer:
    """What a command left on the terminal, and its exit code."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True)
class Desk:
    """A folder with a fleet, an empty deployments repository and people's keys, as `init` lays them out."""

    folder: Path

    @property
    def fleet(self) -> Path:
        return self.folder / ".local/fleet"

    def run(self, *arguments: str) -> Answer:
        """What a person types after `deploy-orchestrator`, with no terminal behind it."""
        output, errors = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
            patch.setattr(sys, "argv", ["deploy-orchestrator", *arguments])
            patch.setattr(sys, "stdin", io.StringIO())
            with pytest.raises(SystemExit) as ended:
                main()
        return Answer(int(ended.value.code or 0), output.getvalue(), errors.getvalue())

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON, with nothing else on standard output."""
        return self.run(*arguments, "--format", "json").json

    def as_(self, person: str) -> tuple[str, ...]:
        """The options with which somebody signs."""
        return ("--as", f"{person}@example.com", "--key", str(self.folder / "keys" / person), "--yes")

    def commit(self, path: str, text: str) -> None:
        """Alice writes a file of the fleet, and commits it."""
        file = self.fleet / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        git(self.fleet, "add", "--all")
        git(self.fleet, "commit", "--quiet", "--message", f"Edit {path}")

    def ship(self) -> None:
        """What the orchestrator does: plan everything, release what may go out, make it live."""
        with self.orchestrator() as orchestrator:
            for deployment in orchestrator.fleet().deployments():
                plan = propose(orchestrator, deployment.environment.name, deployment.tenant.name)
                if plan is None:
                    continue
                try:
                    orchestrator.deliver(released(orchestrator, plan))
                except GatesClosed:
                    continue

    def clone(self) -> Path:
        """A working copy of the deployments repository, for somebody who meddles."""
        folder = self.folder / "meddling"
        git(self.folder, "clone", "--quiet", ".local/deployments.git", str(folder))
        return folder

    def push(self, clone: Path) -> None:
        identity = ("-c", "user.name=M", "-c", "user.email=mallory@example.com")
        git(clone, *identity, "commit", "--quiet", "--all", "--message", "Meddle")
        git(clone, "push", "--quiet", "origin", "main")

    def orchestrator(self) -> AbstractContextManager[Orchestrator]:
        return Orchestrator.open(Settings())


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True)


@pytest.fixture(autouse=True, scope="session")
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        for name in ("FLEET", "DEPLOYMENTS", "HOME"):
            patch.delenv(f"DEPLOY_ORCHESTRATOR_{name}", raising=False)
        yield


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for person in PEOPLE:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / person], check=True
        )
    return folder


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("laid-out"))
    (desk.folder / "keys").symlink_to(keys)
    git(desk.folder, "init", "--quiet", "--initial-branch=main", ".local/fleet")
    git(desk.folder, "init", "--quiet", "--bare", "--initial-branch=main", ".local/deployments.git")
    for name, value in {
        "user.name": "Alice",
        "user.email": "alice@example.com",
        "user.signingkey": str(keys / "alice"),
        "gpg.format": "ssh",
        "commit.gpgsign": "true",
    }.items():
        git(desk.fleet, "config", name, value)
    for path, text in FILES.items():
        (desk.fleet / path).parent.mkdir(parents=True, exist_ok=True)
        (desk.fleet / path).write_text(text)
    signers = (f"{person}@example.com {(keys / f'{person}.pub').read_text()}" for person in PEOPLE[:2])
    desk.commit("allowed_signers", "".join(signers))
    return desk


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory, laid_out: Desk) -> Desk:
    desk = copied(laid_out, tmp_path_factory.mktemp("shipped"))
    with inside(desk.folder):
        desk.ship()
    return desk


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory, shipped: Desk) -> Desk:
    desk = copied(shipped, tmp_path_factory.mktemp("held"))
    desk.commit("tenants/shop/values.yaml", "legacy: false\n")
    with inside(desk.folder):
        desk.ship()
    return desk


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


@pytest.fixture
def fresh(laid_out: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Nothing is released yet."""
    monkeypatch.chdir(tmp_path)
    return copied(laid_out, tmp_path)


@pytest.fixture
def desk(shipped: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """dev/blog, dev/shop and production/shop are live and healthy."""
    monkeypatch.chdir(tmp_path)
    return copied(shipped, tmp_path)


@pytest.fixture
def waiting(held: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Of a change that removes an object, dev/shop has it, and production/shop waits for an approval."""
    monkeypatch.chdir(tmp_path)
    return copied(held, tmp_path)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name the real repositories of `tests/data/published`; the rest is out of reach."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    places = json.loads(gzip.decompress((PUBLISHED / "repositories.json.gz").read_bytes()))
    return [part for url, file in places.items() for part in ("--repository", f"{url}={PUBLISHED / file}")]


@pytest.fixture
def index(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes a repository with charts `name@version` and what each needs; the option that names it."""

    def make(charts: dict[str, list[dict[str, str]]], url: str = "https://hub.example.com") -> list[str]:
        entries: dict[str, list[dict[str, object]]] = {}
        for chart, dependencies in charts.items():
            name, _, version = chart.partition("@")
            entries.setdefault(name, []).append(
                {
                    "name": name,
                    "version": version,
                    "dependencies": [{"repository": url, **each} for each in dependencies],
                    "urls": [f"{name}-{version}.tgz"],
                }
            )
        file = tmp_path / "hub.json"
        file.write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
        return ["--repository", f"{url}={file}"]

    return make


@pytest.fixture(scope="session")
def publish_packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Writes a repository with packages: charts `name@version`, what each needs and carries, its files.

    Answers with the option that names it.
    """

    def publish(url: str, charts: Mapping[str, tuple[list[dict[str, str]], Mapping[str, str]]]) -> list[str]:
        folder = tmp_path_factory.mktemp("published")
        entries: dict[str, list[dict[str, object]]] = {}

        def write(chart: str) -> None:
            dependencies, texts = charts[chart]
            name, _, version = chart.partition("@")
            metadata = {"apiVersion": "v2", "name": name, "version": version, "dependencies": dependencies}
            files = {
                "Chart.yaml": json.dumps(metadata).encode(),
                **{at: text.encode() for at, text in texts.items()},
            }
            for each in carried_by([(need["name"], need["version"]) for need in dependencies], charts):
                if not (folder / f"{each}.tgz").exists():
                    write(each)
                files[f"charts/{each}.tgz"] = (folder / f"{each}.tgz").read_bytes()
            with tarfile.open(folder / f"{chart}.tgz", "w:gz") as archive:
                for file, data in files.items():
                    member = tarfile.TarInfo(f"{name}/{file}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))

        for chart, (dependencies, _) in charts.items():
            name, _, version = chart.partition("@")
            metadata = {"apiVersion": "v2", "name": name, "version": version, "dependencies": dependencies}
            if not (folder / f"{chart}.tgz").exists():
                write(chart)
            digest = hashlib.sha256((folder / f"{chart}.tgz").read_bytes()).hexdigest()
            entries.setdefault(name, []).append({**metadata, "urls": [f"{chart}.tgz"], "digest": digest})
        (folder / "index.json").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
        return ["--repository", f"{url}={folder / 'index.json'}"]

    return publish


def copied(desk: Desk, folder: Path) -> Desk:
    ignored = shutil.ignore_patterns("clones")
    shutil.copytree(desk.folder, folder, dirs_exist_ok=True, symlinks=True, ignore=ignored)
    return Desk(folder)

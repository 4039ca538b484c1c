"""A desk with a small fleet, and a person at a terminal who types commands. A plugin of all tests."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from deploy_orchestrator.cli import main
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import GatesClosed
from deploy_orchestrator.settings import Settings
from tests.steps import propose, released

Once = Callable[[str, Callable[[Path], None]], Path]
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

    def settle_rules(self) -> None:
        """What the orchestrator does with rules that the newest fleet says otherwise."""
        with self.orchestrator() as orchestrator:
            orchestrator.settle_rules()

    def approve_rules(self) -> None:
        """Bob approves them for production, and from then on they count."""
        answer = self.run("approve", "production", "--rules", *self.as_("bob"))
        assert answer.code == 0, answer.errors
        self.settle_rules()

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


def pack(repository: Path) -> None:
    """Puts its objects into one file, for whoever copies it."""
    git(repository, "repack", "-a", "-d", "--quiet")


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Has a folder filled once in a run, by whichever worker asks first. Nobody writes into it later."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, fill: Callable[[Path], None]) -> Path:
        folder, filled = shared / name, shared / f"{name}.filled"
        with FileLock(shared / f"{name}.lock"):
            if not filled.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                filled.touch()
        return folder

    return made


def make_keys(folder: Path, people: Iterable[str] = PEOPLE) -> None:
    for person in people:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / person]
        subprocess.run(command, check=True)


def begin(desk: Desk, keys: Path) -> None:
    """The small fleet in its repository, where Alice commits with her key; hers and Bob's count."""
    git(desk.folder, "init", "--quiet", "--initial-branch=main", ".local/fleet")
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


@pytest.fixture(scope="session")
def keys(once: Once) -> Path:
    return once("keys", make_keys)


@pytest.fixture(scope="session")
def laid_out(once: Once, keys: Path) -> Desk:
    def fill(folder: Path) -> None:
        desk = Desk(folder)
        (desk.folder / "keys").symlink_to(keys)
        git(desk.folder, "init", "--quiet", "--bare", "--initial-branch=main", ".local/deployments.git")
        begin(desk, keys)
        pack(desk.fleet)

    return Desk(once("laid-out", fill))


@pytest.fixture(scope="session")
def shipped(once: Once, laid_out: Desk) -> Desk:
    def fill(folder: Path) -> None:
        desk = copied(laid_out, folder)
        with inside(desk.folder):
            desk.ship()
        pack(desk.folder / ".local/deployments.git")

    return Desk(once("shipped", fill))


@pytest.fixture(scope="session")
def held(once: Once, shipped: Desk) -> Desk:
    def fill(folder: Path) -> None:
        desk = copied(shipped, folder)
        desk.commit("tenants/shop/values.yaml", "legacy: false\n")
        with inside(desk.folder):
            desk.ship()
        pack(desk.fleet)
        pack(desk.folder / ".local/deployments.git")

    return Desk(once("held", fill))


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


def copied(desk: Desk, folder: Path) -> Desk:
    ignored = shutil.ignore_patterns("clones")
    shutil.copytree(desk.folder, folder, dirs_exist_ok=True, symlinks=True, ignore=ignored)
    return Desk(folder)

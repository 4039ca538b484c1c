"""Charts from a real registry and a real index that want a login, those of Gitea, beside real Helm."""

import io
import json
import secrets
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from rig import Gitea, User, binaries

from tests.desk import Answer

LIB = {"apiVersion": "v2", "name": "lib"}


def packed(chart: dict[str, object], files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, data in {"Chart.yaml": json.dumps(chart).encode(), **files}.items():
            member = tarfile.TarInfo(f"{chart['name']}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@dataclass
class Hub:
    """The packages of an organisation that nobody sees who is not signed in, and what a person types."""

    forge: Gitea
    owner: User
    place: str
    folder: Path

    @property
    def host(self) -> str:
        return self.forge.url.removeprefix("http://")

    @property
    def oci(self) -> str:
        return f"oci://{self.host}/{self.place}"

    @property
    def index(self) -> str:
        return f"{self.forge.url}/api/packages/{self.place}/helm"

    def helm(self, *arguments: str) -> str:
        program = binaries.helm() / "bin" / "helm"
        done = subprocess.run([program, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def run(self, *arguments: str) -> Answer:
        program = Path(sys.executable).with_name("deploy-orchestrator")
        done = subprocess.run([program, *arguments], cwd=self.folder, capture_output=True, text=True)
        return Answer(done.returncode, done.stdout, done.stderr)

    def sign_in(self) -> None:
        login = ("--username", self.owner.name, "--password", self.owner.password)
        self.helm("registry", "login", self.host, "--plain-http", *login)
        self.helm("repo", "add", "hub", self.index, *login)


@pytest.fixture
def hub(forge: Gitea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    owner = forge.user(f"packages-{secrets.token_hex(4)}")
    place = f"{owner.name}-hidden"
    httpx.post(
        f"{forge.url}/api/v1/orgs",
        auth=(owner.name, owner.password),
        json={"username": place, "visibility": "private"},
        timeout=60,
    ).raise_for_status()
    monkeypatch.chdir(tmp_path)
    for kind in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"HELM_{kind}_HOME", str(tmp_path / "helm" / kind.lower()))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    return Hub(forge, owner, place, tmp_path)


def test_what_helm_pushed_is_read_and_mirrored_with_its_logins(hub: Hub) -> None:
    for version in ("1.0.0", "1.1.0"):
        (hub.folder / f"lib-{version}.tgz").write_bytes(packed({**LIB, "version": version}, {}))
    needs = [{"name": "lib", "version": "1.x", "repository": hub.oci}]
    web = {"apiVersion": "v2", "name": "web", "version": "1.0.0", "dependencies": needs}
    inside = {"charts/lib-1.0.0.tgz": (hub.folder / "lib-1.0.0.tgz").read_bytes()}
    (hub.folder / "web-1.0.0.tgz").write_bytes(packed(web, inside))
    refused = hub.run("mirror", "charts", "lib-1.0.0.tgz", "--to", hub.oci)
    assert (refused.code, "log in" in refused.errors) == (2, True)

    hub.sign_in()
    for name in ("lib-1.0.0", "lib-1.1.0", "web-1.0.0"):
        hub.helm("push", f"{name}.tgz", hub.oci, "--plain-http")
    told = hub.run("analyze", f"{hub.oci}/web")
    assert told.code == 0, told.errors
    assert "└── lib@1.0.0  1.x  carried" in told.output

    app = hub.folder / "app"
    app.mkdir()
    (app / "Chart.yaml").write_text(
        json.dumps({"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": needs})
    )
    named = ("--repository", f"{hub.oci}={hub.oci}")
    assert "└── lib@1.1.0  1.x  newest allowed" in hub.run("analyze", "app", *named).output
    assert hub.run("lock", "update", "app", *named).code == 0
    hub.helm("dependency", "build", "app", "--plain-http")
    assert (app / "charts" / "lib-1.1.0.tgz").exists()

    (hub.folder / "other-1.0.0.tgz").write_bytes(packed({**LIB, "name": "other", "version": "1.0.0"}, {}))
    assert hub.run("mirror", "charts", "other-1.0.0.tgz", "--to", hub.oci).code == 0
    (hub.folder / "pulled").mkdir()
    hub.helm("pull", f"{hub.oci}/other", "--version", "1.0.0", "--plain-http", "--destination", "pulled")
    pulled = hub.folder / "pulled" / "other-1.0.0.tgz"
    assert pulled.read_bytes() == (hub.folder / "other-1.0.0.tgz").read_bytes()


def test_an_index_that_wants_a_login_is_read_with_that_of_helm(hub: Hub) -> None:
    data = packed({**LIB, "version": "2.0.0"}, {})
    login = (hub.owner.name, hub.owner.password)
    httpx.post(f"{hub.index}/api/charts", auth=login, content=data, timeout=60).raise_for_status()
    hub.sign_in()
    told = hub.run("analyze", f"{hub.index}/lib")
    assert told.code == 0, told.errors
    assert "lib@2.0.0" in told.output

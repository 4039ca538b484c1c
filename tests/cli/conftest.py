"""Repositories of charts that a person at a terminal names."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.carried import carried_by

PUBLISHED = Path(__file__).parents[1] / "data" / "published"


def have_kubeconfig(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> None:
    """Make it the user's own. Where that is the client keeps from when it was imported, by whatever test."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))


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

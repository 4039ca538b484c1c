import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import Repositories
from deploy_orchestrator.documents import dump
from deploy_orchestrator.registries import Offline

PUBLISHED = Path(__file__).parents[1] / "data" / "published"
Contents = Mapping[str, str | bytes]
NOTHING: Contents = {}


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _with_metadata(metadata: Mapping[str, object], files: Contents) -> dict[str, str | bytes]:
    return {"Chart.yaml": dump({"apiVersion": "v2", "version": "1.0.0", **metadata}), **files}


@pytest.fixture
def make_chart(tmp_path: Path) -> Callable[..., Path]:
    """Writes a chart's folder below the test's own, by default at the chart's name."""

    def make(metadata: Mapping[str, object], files: Contents = NOTHING, at: str | None = None) -> Path:
        folder = tmp_path / (at or str(metadata["name"]))
        for name, content in _with_metadata(metadata, files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_bytes(content))
        return folder

    return make


@pytest.fixture(scope="session")
def pack() -> Callable[..., bytes]:
    """Makes the bytes of a `.tgz` in which these files stand below the folder `top`."""

    def make(files: Contents, top: str = "chart/") -> bytes:
        stream = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            for name, content in files.items():
                member = tarfile.TarInfo(top + name)
                member.size = len(_bytes(content))
                archive.addfile(member, io.BytesIO(_bytes(content)))
        return stream.getvalue()

    return make


@pytest.fixture(scope="session")
def make_package(pack: Callable[..., bytes]) -> Callable[..., bytes]:
    """Makes the bytes of a packaged chart."""

    def make(metadata: Mapping[str, object], files: Contents = NOTHING) -> bytes:
        return pack(_with_metadata(metadata, files), top=f"{metadata['name']}/")

    return make


@pytest.fixture(scope="session")
def facts() -> Callable[[str], Any]:
    """Reads a file of `tests/data/published`, by its name without `.json.gz`."""
    return lambda name: json.loads(gzip.decompress((PUBLISHED / f"{name}.json.gz").read_bytes()))


@pytest.fixture(scope="session")
def published(facts: Callable[[str], Any]) -> Repositories:
    """The real repositories of `tests/data/published`."""
    mirrors = {url: str(PUBLISHED / file) for url, file in facts("repositories").items()}
    return Repositories(mirrors, web=Offline())


@pytest.fixture(scope="session")
def undated(facts: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Repositories:
    """The same, without the dates at which their charts were published."""
    folder = tmp_path_factory.mktemp("undated")
    files: dict[str, str] = facts("repositories")
    for file in set(files.values()):
        index = json.loads(gzip.decompress((PUBLISHED / file).read_bytes()))
        for versions in index["entries"].values():
            for version in versions:
                version.pop("created", None)
        (folder / file.removesuffix(".gz")).write_text(json.dumps(index))
    mirrors = {url: str(folder / file.removesuffix(".gz")) for url, file in files.items()}
    return Repositories(mirrors, web=Offline())


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Repositories]:
    """Makes repositories: each URL with charts, `name@version` with what it needs, `name constraint [URL]`.

    A need without a URL is of the same repository.
    """

    def make(**repositories: Mapping[str, list[str]]) -> Repositories:
        mirrors: dict[str, str] = {}
        for host, charts in repositories.items():
            url = f"https://{host}.example.com"
            entries: dict[str, list[dict[str, object]]] = {}
            for chart, needs in charts.items():
                name, _, version = chart.partition("@")
                entries.setdefault(name, []).append(
                    {
                        "name": name,
                        "version": version,
                        "dependencies": [_dependency(need, url) for need in needs],
                        "urls": [f"{name}-{version}.tgz"],
                    }
                )
            mirrors[url] = str(tmp_path / f"{host}.json")
            Path(mirrors[url]).write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
        return Repositories(mirrors)

    return make


def _dependency(need: str, url: str) -> dict[str, str]:
    name, constraint, *rest = need.split(" ")
    return {"name": name, "version": constraint, "repository": rest[0] if rest else url}

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy_orchestrator.documents import dump

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

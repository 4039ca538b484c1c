"""Package a chart from disk as `helm package` does, but with its dependencies, always to the same bytes."""

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.files import Budget, Files, folder_files
from deploy_orchestrator.charts.loading import MAX_PACKAGE_BYTES, load
from deploy_orchestrator.charts.sources.assemble import assemble
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.errors import Place


def packaged(chart: Path, repositories: Repositories, *, within: Path | None = None) -> bytes:
    """The package of a chart: the bytes of a `.tgz`, or a folder put together with all that it needs.

    `file://` is followed inside `within`, as by `assemble`. The same files always become the same bytes.

    Raises:
        ChartError: as `load` for a package, as `assemble` for a folder; UnsafeChart if it is too large.
    """
    if not chart.is_dir():
        load(chart)
        return chart.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        whole = assemble(chart, Path(scratch, "chart"), repositories, within=within)
        package = _packed(folder_files(whole, Budget()), load(whole).name)
    if len(package) > MAX_PACKAGE_BYTES:
        raise UnsafeChart(f"a package larger than {MAX_PACKAGE_BYTES:,} bytes", place=Place(str(chart)))
    return package


def _packed(files: Files, name: str) -> bytes:
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in sorted(files.items(), key=lambda file: (file[0] != "Chart.yaml", file[0])):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()

"""The files of a chart, from a folder or a package, read as if someone hostile had made them.

The limit on size is Helm's own (`helm.sh/helm/v4/pkg/chart/loader/archive`), here for all that is nested too.
"""

import gzip
import io
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy_orchestrator.charts.errors import ChartInvalid, UnsafeChart
from deploy_orchestrator.charts.helmignore import HelmIgnore
from deploy_orchestrator.errors import Place

MAX_CHART_BYTES = 100 * 1024 * 1024
MAX_FILES = 20_000
MAX_PATH = 1_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Files = dict[str, bytes]
"""Paths relative to the chart's folder, with `/`, and what stands there."""


@dataclass(slots=True)
class Budget:
    """What may still be read for one chart with everything in it."""

    files: int = MAX_FILES
    bytes: int = MAX_CHART_BYTES

    def spend(self, size: int, place: Place) -> None:
        """Take one file of `size` bytes.

        Raises:
            UnsafeChart: that is more than was left.
        """
        self.files -= 1
        self.bytes -= size
        if self.files < 0:
            raise UnsafeChart(f"a chart of more than {MAX_FILES:,} files", place=place)
        if self.bytes < 0:
            raise UnsafeChart(f"a chart of more than {MAX_CHART_BYTES:,} bytes", place=place)


def check_bounds(files: Files, place: Place) -> None:
    """Raises UnsafeChart if these are more files, or larger ones, than one chart may have."""
    budget = Budget()
    for data in files.values():
        budget.spend(len(data), place)


def folder_files(folder: Path, budget: Budget, within: Path | None = None) -> Files:
    """Every file of a chart's folder that its `.helmignore` leaves in, in the order of their paths.

    Links may lead anywhere in the folder, or in `within` around it, but not to what Git keeps in `.git`.

    Raises:
        UnsafeChart: a link leads elsewhere, or it is out of bounds.
        ChartInvalid: a file cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        around = within.resolve() if within else root
        boundary = around if root.is_relative_to(around) else root
        ignore_file = root / ".helmignore"
        ignored = HelmIgnore.parse(_read(ignore_file, boundary, budget) if ignore_file.is_file() else b"")
        paths = sorted(_walk(root, root, boundary, ignored), key=lambda path: path.relative_to(root).parts)
        return {path.relative_to(root).as_posix(): _read(path, boundary, budget) for path in paths}
    except (OSError, ValueError) as error:
        if isinstance(error, UnsafeChart | ChartInvalid):
            raise
        raise ChartInvalid(f"cannot be read: {error}", place=Place(str(folder))) from error


def is_left_out(folder: Path, path: str) -> bool:
    """Whether the `.helmignore` of a chart's folder leaves out a file at `path`. Raises ChartInvalid."""
    file, parents = folder / ".helmignore", PurePosixPath(path).parents[:-1]
    ignored = HelmIgnore.parse(file.read_bytes() if file.is_file() else b"")
    folders = any(ignored.matches(str(each), is_folder=True) for each in parents)
    return folders or ignored.matches(path, is_folder=False)


def archive_files(data: bytes, name: str, budget: Budget) -> Files:
    """Every file of a packaged chart (`.tgz`), without the folder at the top that all of them stand in.

    `name` is the package's name for messages.

    Raises:
        UnsafeChart: a path that climbs, a link or a device, or out of bounds.
        ChartInvalid: no readable package.
    """
    files: Files = {}
    try:
        with tarfile.open(fileobj=_inflate(data, name, budget), mode="r:") as archive:
            for member in archive:
                if member.isdir():
                    continue
                place = Place(f"{name}:{member.name}"[:MAX_PATH])
                if not member.isreg():
                    raise UnsafeChart("a link or device in a package", place=place)
                path = _inside(member.name, place)
                budget.spend(member.size, place)
                if path is None:
                    raise ChartInvalid("a file outside the chart's folder", place=place)
                content = archive.extractfile(member)
                files[path] = (content.read() if content else b"").removeprefix(_BYTE_ORDER_MARK)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        if isinstance(error, UnsafeChart | ChartInvalid):
            raise
        raise ChartInvalid(f"not a packaged chart: {error}", place=Place(name)) from error
    if not files:
        raise ChartInvalid("an empty package", place=Place(name))
    return files


def _inflate(data: bytes, name: str, budget: Budget) -> io.BytesIO:
    room = budget.bytes + 1024 * (budget.files + 1)
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        content = stream.read(room + 1)
    if len(content) > room:
        raise UnsafeChart(f"a package that unpacks to more than {MAX_CHART_BYTES:,} bytes", place=Place(name))
    return io.BytesIO(content)


def _inside(name: str, place: Place) -> str | None:
    if len(name) > MAX_PATH or not name.isprintable():
        raise UnsafeChart("a path that is too long or not printable", place=place)
    name = name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/") or (parts and ":" in parts[0]):
        raise UnsafeChart("a path that leaves the chart's folder", place=place)
    return "/".join(parts[1:]) or None


def _walk(
    folder: Path, root: Path, boundary: Path, ignored: HelmIgnore, above: tuple[Path, ...] = ()
) -> Iterator[Path]:
    for path in folder.iterdir():
        relative = path.relative_to(root).as_posix()
        target = path.resolve()
        if ignored.matches(relative, is_folder=path.is_dir()):
            continue
        if not _may_lead(target, boundary):
            raise _leads_out(path, target)
        if len(relative) > MAX_PATH:
            raise UnsafeChart("a path that is too long", place=Place(f"{relative[:80]}…"))
        if path.is_dir():
            if target in above:
                raise UnsafeChart("a link to a folder that it stands in", place=Place(str(path)))
            yield from _walk(path, root, boundary, ignored, (*above, target))
        else:
            yield path


def _may_lead(target: Path, boundary: Path) -> bool:
    return target.is_relative_to(boundary) and ".git" not in target.relative_to(boundary).parts


def _leads_out(path: Path, target: Path) -> UnsafeChart:
    return UnsafeChart(
        f"a link that leads out of the chart, to {target}",
        place=Place(str(path)),
        fix="put the file itself there, or name it in .helmignore",
    )


def _read(path: Path, boundary: Path, budget: Budget) -> bytes:
    place, target = Place(str(path)), path.resolve()
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeChart("neither a file nor a folder", place=place)
    if not _may_lead(target, boundary):
        raise _leads_out(path, target)
    budget.spend(status.st_size, place)
    with path.open("rb") as file:
        return file.read(status.st_size).removeprefix(_BYTE_ORDER_MARK)

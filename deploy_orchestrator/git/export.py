import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pygit2.enums import FileMode

from deploy_orchestrator.errors import Place
from deploy_orchestrator.git.errors import UnsafeTree
from deploy_orchestrator.git.walk import File, below


def export(files: Iterable[File], target: Path, place: str) -> None:
    """Makes the folder `target` of `files`, which stand at `place`; it appears whole, and the first wins."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as scratch:
        folder = Path(scratch).resolve() / target.name
        folder.mkdir()
        _lay_out(files, folder, place)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise


def _lay_out(files: Iterable[File], folder: Path, place: str) -> None:
    links: dict[Path, File] = {}
    for file in files:
        path = folder / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.mode == FileMode.LINK:
                links[path] = file
                continue
            with path.open("xb") as stream:
                stream.write(file.content)
        except (FileExistsError, NotADirectoryError) as error:
            raise UnsafeTree("two entries with one name", place=Place(below(place, file.path))) from error
        if file.mode == FileMode.BLOB_EXECUTABLE:
            path.chmod(0o755)
    for path, file in links.items():
        try:
            path.symlink_to(os.fsdecode(file.content))
        except (OSError, ValueError) as error:
            raise UnsafeTree("not a symbolic link", place=Place(below(place, file.path))) from error
    for path, file in links.items():
        if Path(os.fsdecode(file.content)).is_absolute() or not path.resolve().is_relative_to(folder):
            raise UnsafeTree(
                f"a symbolic link that leads out of its folder: {file.content.decode(errors='replace')!r}",
                place=Place(below(place, file.path)),
                fix="commit the file itself in place of the link",
            )

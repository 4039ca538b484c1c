"""Bytes on disk: files written whole or not at all, and caches, which cost nothing but time to lose."""

import hashlib
import os
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from deploy_orchestrator.errors import machine_refused

KEPT: Final = timedelta(days=30)
MAX_BYTES: Final = 2 * 1024**3

_DRAFT: Final = ".writing-"
_PRUNED: Final = ".pruned"
_PRUNED_EVERY: Final = timedelta(days=1)
_DIGEST_BYTES: Final = 32


def write_whole(file: Path, data: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Put `data` at `file`, in a folder that is there, whole or not at all; of several at once the last one
    stays.

    `durable` is for what a power failure must not undo.

    Raises:
        MachineRefused: no room, no right, or a file in the way.
    """
    with _refusal_told(file):
        _write(file, data, durable=durable, mode=mode)


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of entries with checksums; without a folder it keeps nothing.

    Safe for many threads and processes at once, and private to its owner. An entry that is torn or altered
    counts as absent. What nobody asked for in `unused` goes, and of what takes more than `room` bytes
    together what was asked for longest ago: once a day, when something new is written.
    """

    folder: Path | None = None
    unused: timedelta = KEPT
    room: int = MAX_BYTES

    def of(self, kind: str) -> "Cache":
        """The cache below this one for one `kind` of entries."""
        return self if self.folder is None else Cache(self.folder / kind, self.unused, self.room)

    def read(self, key: str) -> bytes | None:
        """What was written for `key`; None if that was nothing, or is no longer whole."""
        if self.folder is None:
            return None
        file = _file(self.folder, key)
        try:
            kept = file.read_bytes()
            data = kept[_DIGEST_BYTES:]
            if kept[:_DIGEST_BYTES] == _digest(data):
                os.utime(file)
                return data
        except FileNotFoundError:
            return None
        file.unlink(missing_ok=True)
        return None

    def write(self, key: str, data: bytes) -> None:
        """Keep `data` for `key`; of several at once the last one stays.

        Raises:
            MachineRefused: no room, no right, or a file in the way.
        """
        if self.folder is None:
            return
        file = _file(self.folder, key)
        with _refusal_told(file):
            if not file.parent.exists():
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                file.parent.mkdir(exist_ok=True, mode=0o700)
        write_whole(file, _digest(data) + data)
        if _is_due(self.folder / _PRUNED):
            self.prune()

    def __contains__(self, key: str) -> bool:
        return self.folder is not None and _file(self.folder, key).exists()

    def prune(self) -> None:
        """Remove what is over the bounds now, and what killed writers left."""
        oldest = time.time() - self.unused.total_seconds()
        used = 0
        for file, status in sorted(_files(self.folder), key=lambda each: each[1].st_mtime, reverse=True):
            used += status.st_size
            if status.st_mtime < oldest or used > self.room:
                file.unlink(missing_ok=True)


def cache_key(*parts: str) -> str:
    """One key for these parts in this order."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(b"%d " % len(encoded) + encoded)
    return digest.hexdigest()


def made_by(*files: str) -> str:
    """A part of the key of what the code in these files makes: where that is another, so is this."""
    return _digest(b"\0".join(Path(each).read_bytes() for each in files)).hex()


def fingerprint(data: bytes) -> str:
    """A name for these bytes that no others have."""
    return _digest(data).hex()


@contextmanager
def _refusal_told(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        if refused := machine_refused(error):
            raise refused from error
        raise


def _write(file: Path, data: bytes, *, durable: bool, mode: int) -> None:
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=_DRAFT)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if durable:
                os.fsync(stream.fileno())
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _file(folder: Path, key: str) -> Path:
    name = _digest(key.encode()).hex()
    return folder / name[:2] / name


def _files(folder: Path | None) -> Iterator[tuple[Path, os.stat_result]]:
    for file in () if folder is None else folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.name != _PRUNED and file.is_file():
                yield file, file.stat()


def _is_due(marker: Path) -> bool:
    with suppress(FileNotFoundError):
        if time.time() - marker.stat().st_mtime < _PRUNED_EVERY.total_seconds():
            return False
    marker.touch(mode=0o600)
    return True


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()

"""What was computed once, kept on disk under a key that covers everything it depends on."""

import contextlib
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


def cache_key(*parts: str) -> str:
    """One key for these parts in this order."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(b"%d " % len(encoded) + encoded)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of entries with checksums. Safe for several processes; only its owner may read it."""

    folder: Path

    def read(self, key: str) -> bytes | None:
        """The entry, or None; one that is damaged is removed and counts as absent."""
        path = self._path(key)
        try:
            checksum, _, data = path.read_bytes().partition(b"\n")
            if checksum == _checksum(data):
                os.utime(path)
                return data
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return None

    def write(self, key: str, data: bytes) -> None:
        """Keep the entry; it appears whole or not at all."""
        path = self._path(key)
        if not path.parent.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(data) + b"\n" + data)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def __contains__(self, key: str) -> bool:
        return self._path(key).exists()

    def prune(self, unused: timedelta) -> None:
        """Remove the entries that nobody has read or written for so long."""
        oldest = time.time() - unused.total_seconds()
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()

"""Bytes kept on disk between runs. Losing any of them, or all, costs time and nothing else."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of files, each written whole or not at all; without a folder it keeps nothing."""

    folder: Path | None = None

    def read(self, kind: str, key: str) -> bytes | None:
        """What was written for `key`; None if that was nothing, or is no longer whole."""
        if self.folder is None:
            return None
        try:
            kept = self._file(self.folder, kind, key).read_bytes()
        except FileNotFoundError:
            return None
        data = kept[_DIGEST_BYTES:]
        return data if kept[:_DIGEST_BYTES] == _digest(data) else None

    def write(self, kind: str, key: str, data: bytes) -> None:
        """Keep `data` for `key`; of several at once the last one stays."""
        if self.folder is None:
            return
        file = self._file(self.folder, kind, key)
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_digest(data))
                stream.write(data)
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _file(self, folder: Path, kind: str, key: str) -> Path:
        return folder / kind / hashlib.sha256(key.encode()).hexdigest()


def fingerprint(data: bytes) -> str:
    """A name for these bytes that no others have."""
    return _digest(data).hex()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()

"""What the files of a deployment hold; only those that may have changed since the last look are read."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from deploy_orchestrator.storage import Cache

_SETTLED: Final = 2 * 10**9
"""Nanoseconds after which a file that is changed has another time than it had."""


class Look(NamedTuple):
    """The SHA-256 of what a file held, and what was told of it then, in nanoseconds and bytes."""

    sha256: str
    modified: int
    size: int
    number: int


def sha256_of(folder: Path, paths: Iterable[str], cache: Cache, key: str) -> dict[str, str | None]:
    """The SHA-256 of the file at each of the `paths` below `folder`, in hex; None where it cannot be read.

    What was seen is kept in `cache` by `key`: a file with the same time, size and number is the same.
    """
    known = _known(cache, key)
    seen = {path: _look(f"{folder}/{path}", known.get(path)) for path in paths}
    settled = time.time_ns() - _SETTLED
    looks = {path: look for path, look in seen.items() if look and look.modified < settled}
    if looks != known:
        cache.write(key, json.dumps(looks).encode())
        known.clear()
        known.update(looks)
    return {path: look and look.sha256 for path, look in seen.items()}


@lru_cache(maxsize=4096)
def _known(cache: Cache, key: str) -> dict[str, Look]:
    """What this process knows of a deployment's files: what was kept, and what it saw since."""
    return {path: Look(*look) for path, look in json.loads(cache.read(key) or b"{}").items()}


def _look(file: str, before: Look | None) -> Look | None:
    try:
        told = os.stat(file)  # noqa: PTH116 - a Path takes longer to make than to look at
        now = (told.st_mtime_ns, told.st_size, told.st_ino)
        if before is not None and before[1:] == now:
            return before
        return Look(hashlib.sha256(Path(file).read_bytes()).hexdigest(), *now)
    except OSError:
        return None

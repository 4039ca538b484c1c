"""Files that appear whole or not at all. Only one writer at a time may write a file."""

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Puts `content` at `path`, which a power failure may undo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    draft.write_bytes(content)
    draft.replace(path)


def write_durably(path: Path, content: bytes) -> None:
    """Puts `content` at `path` for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Puts `content` at `path` whole or not at all. Nobody else may be writing there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)

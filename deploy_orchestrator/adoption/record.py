"""What was written last time, so that a second run changes nothing that people have edited."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.errors import AdoptionError
from deploy_orchestrator.errors import Place
from deploy_orchestrator.git import Changes, Tree

RECORD: Final = "adopted.json"


def settled(tree: Tree, files: Mapping[str, bytes]) -> tuple[Changes, tuple[str, ...]]:
    """The changes that bring `tree` to hold `files`, and the paths of those that stay as somebody edited
    them. What an earlier run wrote and this one does not is taken away, unless it was edited.

    Raises:
        AdoptionError: the record of the earlier run cannot be read.
    """
    known = _known(tree)
    writes: dict[str, bytes] = {}
    edited: list[str] = []
    for path, data in files.items():
        there = tree.read(path) if tree.exists(path) else None
        if there is None or there == data or _hash(there) == known.get(path):
            writes[path] = data
        else:
            edited.append(path)
    gone = [
        path
        for path, digest in known.items()
        if path not in files and tree.exists(path) and _hash(tree.read(path)) == digest
    ]
    record = {path: _hash(data) for path, data in files.items()}
    writes[RECORD] = (json.dumps({"files": record}, indent=1, sort_keys=True) + "\n").encode()
    return Changes("Adopt what runs", writes, gone), tuple(edited)


def _known(tree: Tree) -> dict[str, str]:
    if not tree.exists(RECORD):
        return {}
    value = documents.parse(tree.read(RECORD), RECORD).value
    found: Any = cast(dict[str, Any], value).get("files") if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise AdoptionError(
            "it is not what `adopt` writes", place=Place(RECORD), fix="put back what was there"
        )
    return {str(path): str(digest) for path, digest in cast(dict[str, Any], found).items()}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""What was written last time, so that a second run changes nothing that people have edited, and what of."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.errors import AdoptionError
from deploy_orchestrator.documents import Record
from deploy_orchestrator.errors import Place
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.manifests import untyped

RECORD: Final = "adopted.json"


class Recorded(Record):
    """What an `owner`, as `Application argocd/web`, delivers to an `environment`: the `tenant` that it
    became, or `why` it became none.
    """

    owner: str
    environment: str
    tenant: str | None = None
    why: str | None = None


def recorded(tree: Tree) -> tuple[Recorded, ...]:
    """What the last run of `adopt` read.

    Raises:
        AdoptionError: there was none, or the record of it cannot be read.
    """
    if not tree.exists(RECORD):
        raise AdoptionError(
            "nothing was adopted into this fleet",
            place=Place(RECORD),
            fix="merge the branch that adopt wrote",
        )
    found = _read(tree).get("releases")
    if not isinstance(found, list):
        raise AdoptionError(
            "it does not say what was adopted",
            place=Place(RECORD),
            fix="run adopt again, and merge its branch",
        )
    try:
        return tuple(Recorded.model_validate(each) for each in cast(list[Any], found))
    except pydantic.ValidationError as error:
        raise _unreadable() from error


def settled(
    tree: Tree,
    files: Mapping[str, bytes],
    releases: Sequence[Recorded] = (),
    gone: Sequence[Recorded] = (),
) -> tuple[Changes, tuple[str, ...]]:
    """The changes that bring `tree` to hold `files`, and the paths of those that stay as somebody edited
    them; a file that they took out of a chart stays out. What an earlier run wrote and this one does not is
    taken away, unless it was edited. What is recorded of the `releases` stands beside.

    Whoever is `gone` where it was delivered may be handed over: its tenant stays as it is, and with it
    fleet.yaml, and the charts that no other has.

    Raises:
        AdoptionError: the record of the earlier run cannot be read.
    """
    known = _known(tree)
    staying = _staying(known, files, {each.tenant for each in gone}) if gone else set[str]()
    writes: dict[str, bytes] = {}
    edited: list[str] = []
    for path, data in files.items():
        there = tree.read(path) if tree.exists(path) else None
        if there is None and path in known and path.startswith("charts/") and tree.exists(_folder(path)):
            edited.append(path)
        elif there is None or there == data:
            writes[path] = data
        elif _hash(there) != known.get(path):
            edited.append(path)
        elif path not in staying:
            writes[path] = data
    dropped = [
        path
        for path, digest in known.items()
        if path not in {*files, *staying} and tree.exists(path) and _hash(tree.read(path)) == digest
    ]
    hashes = {path: _hash(data) for path, data in files.items()}
    record = {
        "files": {**hashes, **{path: known[path] for path in staying}},
        "releases": [each.model_dump(exclude_none=True) for each in (*releases, *gone)],
    }
    writes[RECORD] = (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()
    return Changes("Adopt what runs", writes, dropped), tuple(edited)


def _staying(known: Collection[str], files: Collection[str], tenants: Collection[str | None]) -> set[str]:
    written = {_folder(path) for path in files}
    ours = {f"tenants/{each}" for each in tenants}
    return {
        path
        for path in known
        if path == "fleet.yaml"
        or (folder := _folder(path)) in ours
        or (path.startswith("charts/") and folder not in written)
    }


def _folder(path: str) -> str:
    """`charts/web` of all that is below it."""
    return "/".join(path.split("/")[:2])


def _known(tree: Tree) -> dict[str, str]:
    if not tree.exists(RECORD):
        return {}
    found = _read(tree).get("files")
    if not isinstance(found, dict):
        raise _unreadable()
    return {str(path): str(digest) for path, digest in cast(dict[str, Any], found).items()}


def _read(tree: Tree) -> Mapping[str, Any]:
    return untyped.mapping(documents.parse(tree.read(RECORD), RECORD).value)


def _unreadable() -> AdoptionError:
    return AdoptionError("it is not what `adopt` writes", place=Place(RECORD), fix="put back what was there")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

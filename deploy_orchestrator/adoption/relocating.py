"""A chart that stands elsewhere among those that it needs: its `file://` dependencies lead to them there."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.charts import Dependency, LockedDependency, lock_digest
from deploy_orchestrator.manifests import untyped

_DECLARED: Final = {"Chart.yaml": "Chart.lock", "requirements.yaml": "requirements.lock"}
"""The files that name dependencies, and their locks."""


def relocated(files: Mapping[str, bytes], moved: Mapping[str, str]) -> dict[str, bytes]:
    """The `files` of a chart with the URLs of its dependencies that have `moved` as they are now; a lock
    still fits.

    Raises:
        DocumentError: what names or locks the dependencies cannot be read.
        NotAdoptable: it names none that could be.
    """
    found = dict(files)
    for file, lock in _DECLARED.items():
        about = untyped.mapping(documents.parse(files.get(file, b"{}"), file).value)
        declared = untyped.mappings(about.get("dependencies"))
        if not any(each.get("repository") in moved for each in declared):
            continue
        now = [_moved(each, moved) for each in declared]
        found[file] = documents.dump({**about, "dependencies": now})
        if lock in files:
            found[lock] = _locked(files[lock], lock, now, moved)
    return found


def _moved(named: Mapping[str, Any], moved: Mapping[str, str]) -> dict[str, Any]:
    url = named.get("repository")
    return {**named, "repository": moved.get(url, url)} if isinstance(url, str) else dict(named)


def _locked(data: bytes, file: str, declared: list[dict[str, Any]], moved: Mapping[str, str]) -> bytes:
    about = documents.parse(data, file)
    entries = [
        _moved(each, moved) for each in untyped.mappings(untyped.mapping(about.value).get("dependencies"))
    ]
    try:
        needed = [Dependency.model_validate(each) for each in declared]
        held = [LockedDependency.model_validate(each) for each in entries]
    except ValidationError as error:
        raise NotAdoptable(f"{file} or what it locks is none of Helm's", fix="mend the chart") from error
    digest = lock_digest(needed, held)
    return documents.dump({**untyped.mapping(about.value), "dependencies": entries, "digest": digest})

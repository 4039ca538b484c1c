"""Whether a chart's lock still fits the chart.

The digest is Helm's own (`HashReq` and `HashV2Req` in `helm.sh/helm/v4/internal/resolver`): the SHA-256 of
the dependencies as they are declared and as they are locked, in the JSON that Go makes of them.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deploy_orchestrator.charts.constraint import Constraint, ConstraintError
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.metadata import Dependency, Lock, LockedDependency
from deploy_orchestrator.charts.version import VersionError

UPDATE = "run `deploy-orchestrator lock update`, or `helm dependency update`"


class LockProblem(StrEnum):
    """What can be wrong with a lock."""

    MISSING = "lock-missing"
    """There are dependencies and no lock."""
    STALE = "lock-stale"
    """A dependency is not locked, or what is locked is no dependency any more."""
    DRIFTED = "lock-drifted"
    """The locked version is not one that the constraint allows."""
    REPOSITORY_CHANGED = "lock-repository-changed"
    """The locked version came from another repository than the one that is named now."""
    DIGEST_WRONG = "lock-digest-wrong"
    """Dependencies were changed after they were locked; Helm refuses the lock though it still fits."""


@dataclass(frozen=True, slots=True)
class LockFinding:
    """Something wrong with a chart's lock, the dependency that it concerns if any, and what to do."""

    problem: LockProblem
    dependency: str | None
    message: str
    fix: str = UPDATE


def check_lock(chart: Chart) -> tuple[LockFinding, ...]:
    """Everything wrong with the lock of `chart`; empty where Helm builds from it what the chart asks for."""
    dependencies = chart.metadata.dependencies
    if chart.lock is None:
        missing = LockFinding(LockProblem.MISSING, None, f"{chart} has dependencies but no lock")
        return (missing,) if dependencies else ()
    findings = tuple(_mismatches(dependencies, chart.lock.dependencies))
    if findings or chart.lock.digest in _digests(chart, chart.lock):
        return findings
    message = f"the dependencies of {chart} were changed after they were locked"
    return (LockFinding(LockProblem.DIGEST_WRONG, None, message),)


def _mismatches(
    dependencies: Sequence[Dependency], locked: Sequence[LockedDependency]
) -> Iterator[LockFinding]:
    unclaimed: defaultdict[str, list[LockedDependency]] = defaultdict(list)
    for entry in locked:
        unclaimed[entry.name].append(entry)
    for dependency in dependencies:
        candidates = unclaimed[dependency.name]
        if not candidates:
            yield LockFinding(LockProblem.STALE, dependency.key, f"{dependency.key} is not locked")
            continue
        per_entry = [tuple(_misfits(dependency, entry)) for entry in candidates]
        closest = min(range(len(candidates)), key=lambda index: len(per_entry[index]))
        candidates.pop(closest)
        yield from per_entry[closest]
    for entry in (entry for entries in unclaimed.values() for entry in entries):
        yield LockFinding(
            LockProblem.STALE, entry.name, f"{entry.name} is locked but is no dependency any more"
        )


def _misfits(dependency: Dependency, entry: LockedDependency) -> Iterator[LockFinding]:
    named = dependency.repository
    if named != entry.repository and not _is_repository_alias(named):
        before, now = (repository or "charts/" for repository in (entry.repository, named))
        message = f"{dependency.key} was locked from {before} but comes from {now} now"
        yield LockFinding(LockProblem.REPOSITORY_CHANGED, dependency.key, message)
    if entry.version == dependency.version:
        return
    try:
        allowed = Constraint.parse(dependency.version).allows(entry.version)
    except (ConstraintError, VersionError) as error:
        yield LockFinding(
            LockProblem.DRIFTED, dependency.key, f"{dependency.key}: {error.what}", error.fix or UPDATE
        )
        return
    if not allowed:
        message = f"{dependency.key} is locked at {entry.version}, which {dependency.version} does not allow"
        yield LockFinding(LockProblem.DRIFTED, dependency.key, message)


def lock_digest(dependencies: Sequence[Dependency], locked: Sequence[LockedDependency]) -> str:
    """The digest of a lock that holds `locked` for these `dependencies`."""
    return _sha256([[*map(_declared, dependencies)], [*map(_locked, locked)]])


def _digests(chart: Chart, lock: Lock) -> set[str]:
    declared = chart.metadata.dependencies
    repositories = {entry.name: entry.repository for entry in lock.dependencies}
    resolved = [
        dependency.model_copy(update={"repository": repositories[dependency.name]})
        if _is_repository_alias(dependency.repository)
        else dependency
        for dependency in declared
    ]
    digests = {lock_digest(resolved, lock.dependencies)}
    if chart.metadata.api_version == "v1":
        digests.add(_sha256({"dependencies": [*map(_declared, declared)]}))
    return digests


def _is_repository_alias(repository: str) -> bool:
    return repository.startswith(("@", "alias:"))


def _declared(dependency: Dependency) -> dict[str, Any]:
    fields = {
        "condition": dependency.condition,
        "tags": list(dependency.tags),
        "enabled": dependency.enabled,
        "import-values": json.loads(json.dumps(dependency.import_values, sort_keys=True)),
        "alias": dependency.alias,
    }
    return _locked(dependency) | {name: field for name, field in fields.items() if field}


def _locked(entry: Dependency | LockedDependency) -> dict[str, Any]:
    version = {"version": entry.version} if entry.version else {}
    return {"name": entry.name, **version, "repository": entry.repository}


_GO_ESCAPES = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def _sha256(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_GO_ESCAPES)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

"""What programs are told of how everything stands: without what only pages need."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from deploy_orchestrator.delivery import Status
from deploy_orchestrator.pipeline import Overview, RulesWaiting, Standing, State, Waiting
from deploy_orchestrator.releases import Release
from deploy_orchestrator.web.board.details import Details
from deploy_orchestrator.web.board.rows import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One tenant in one environment; what the engine tells of it is on its own page alone."""

    environment: str
    tenant: str
    state: State
    release: Release | None
    message: str
    subject: str
    since: datetime | None
    waiting: Waiting | None

    @classmethod
    def of(cls, each: Standing) -> Self:
        return cls(**{name: getattr(each, name) for name in _LISTED})


_LISTED = tuple(each.name for each in fields(Listed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Everything at the moment `at`, of the fleet's commit `revision`; `trouble` says why nothing newer was
    seen, `attention` who needs somebody, those together that wait alike.
    """

    at: datetime
    revision: str
    environments: tuple[str, ...]
    attention: tuple[tuple[Listed, ...], ...]
    deployments: tuple[Listed, ...]
    rules: tuple[RulesWaiting, ...]
    paused: tuple[str, ...]
    trouble: str
    troubles: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, seen: Overview, wanted: Filter, trouble: str) -> Self:
        return cls(
            at=seen.at,
            revision=seen.revision,
            environments=seen.environments,
            attention=tuple(tuple(map(Listed.of, group)) for group in seen.attention),
            deployments=tuple(Listed.of(each) for each in seen.deployments if wanted.shows(each)),
            rules=seen.rules,
            paused=tuple(map(str, seen.paused)),
            trouble=trouble,
            troubles=seen.troubles,
            kinds=seen.kinds,
        )


@dataclass(frozen=True, kw_only=True)
class DeploymentPage(Details, Listed):
    """One tenant in one environment, with what its page tells beside how it stands."""

    status: Status | None

    @classmethod
    def with_details(cls, each: Standing, found: Details) -> Self:
        known: dict[str, Any] = {name: getattr(each, name) for name in (*_LISTED, "status")}
        return cls(**known, **{one.name: getattr(found, one.name) for one in fields(Details)})

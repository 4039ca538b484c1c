"""Every change of what was released, with its times, out of both repositories: gone through once, kept on
disk, and carried on from there.

What is kept holds nothing that Git does not: it is made anew where it is lost or a branch was rewritten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from deploy_orchestrator.git import Repository, RevisionNotFound
from deploy_orchestrator.releases import DELIVERIES, MAIN, Delivered, Deployments, ReleaseChange
from deploy_orchestrator.storage import cache_key

_FORMAT: Final = "2"


class ReleaseCommit(msgspec.Struct, frozen=True):
    """A commit that changed what is released for a tenant in an environment, `at` the time it was made.

    `source` is the commit of the fleet that it came from, `reverts` the release that it undid. `committed` is
    when the source was made, `planned` when its candidate was proposed, `approved` when the last of the
    approvals that let it through was given. `healthy` and `failed` are when its delivery first was so;
    `undone` is when it was reverted. None: not, or not known.
    """

    kind: Literal["release", "revert", "removal"]
    environment: str
    tenant: str
    chart: str
    commit: str
    at: datetime
    source: str
    reverts: str | None
    committed: datetime | None
    planned: datetime | None
    approved: datetime | None
    healthy: datetime | None = None
    failed: datetime | None = None
    undone: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.tenant}"


class _Kept(msgspec.Struct, frozen=True):
    """The changes by their commit, oldest first, up to the heads of `main` and of the deliveries."""

    main: str | None
    delivered: str | None
    changes: dict[str, ReleaseCommit]


_NOTHING: Final = _Kept(None, None, {})


@dataclass(slots=True)
class Past:
    """What became of the releases of one installation, as of the last fetch of its clones."""

    fleet: Repository
    deployments: Deployments
    _kept: _Kept | None = None
    _told: tuple[ReleaseCommit, ...] = ()

    def changes(self) -> tuple[ReleaseCommit, ...]:
        """Every change of what is released, oldest first; it costs what is new since it was asked last.

        Raises:
            GitError: the history cannot be read.
        """
        repository = self.deployments.repository
        kept = self._kept or self._read()
        heads = repository.head(MAIN), repository.head(DELIVERIES)
        if heads != (kept.main, kept.delivered):
            kept = self._carried_on(kept, *heads)
            self._write(kept)
        if kept is not self._kept:
            self._kept, self._told = kept, tuple(kept.changes.values())
        return self._told

    def _carried_on(self, kept: _Kept, main: str | None, delivered: str | None) -> _Kept:
        repository = self.deployments.repository
        if not all(
            _continues(repository, *each) for each in ((kept.main, main), (kept.delivered, delivered))
        ):
            kept = _NOTHING
        changes = dict(kept.changes)
        for each in self.deployments.changes(kept.main) if kept.main != main else ():
            changes[each.commit] = self._change(each)
            if each.reverts in changes:
                changes[each.reverts] = msgspec.structs.replace(changes[each.reverts], undone=each.at)
        if kept.delivered != delivered:
            changes |= _delivered(changes, self.deployments.deliveries(kept.delivered))
        return _Kept(main, delivered, changes)

    def _change(self, each: ReleaseChange) -> ReleaseCommit:
        release = each.release
        approved = [approval.at for approval in release.approvals] if each.kind != "revert" else []
        return ReleaseCommit(
            kind=each.kind,
            environment=release.environment,
            tenant=release.tenant,
            chart=release.chart.called,
            commit=each.commit,
            at=each.at,
            source=release.source.commit,
            reverts=each.reverts,
            committed=self._time(self.fleet, release.source.commit),
            planned=self._time(self.deployments.repository, release.revision),
            approved=max(approved, default=None),
        )

    def _time(self, repository: Repository, commit: str) -> datetime | None:
        """When it was made; None where it is gone from the repository."""
        try:
            return repository.commit(commit).time
        except RevisionNotFound:
            return None

    def _read(self) -> _Kept:
        data = self.deployments.repository.cache("telemetry").read(self._key)
        try:
            return _NOTHING if data is None else msgspec.json.decode(data, type=_Kept)
        except msgspec.DecodeError:
            return _NOTHING

    def _write(self, kept: _Kept) -> None:
        self.deployments.repository.cache("telemetry").write(self._key, msgspec.json.encode(kept))

    @property
    def _key(self) -> str:
        return cache_key(_FORMAT, self.fleet.url, self.deployments.repository.url)


def _continues(repository: Repository, older: str | None, newer: str | None) -> bool:
    return older is None or (newer is not None and repository.leads_to(older, newer))


def _delivered(
    changes: Mapping[str, ReleaseCommit], deliveries: Iterable[Delivered]
) -> dict[str, ReleaseCommit]:
    """The changes that deliveries tell something of, with the first of each outcome."""
    told: dict[str, ReleaseCommit] = {}
    for each in deliveries:
        change = told.get(each.release) or changes.get(each.release)
        if change and change.key == f"{each.environment}/{each.tenant}" and not getattr(change, each.outcome):
            told[each.release] = msgspec.structs.replace(change, **{each.outcome: each.at})
    return told

"""An Application, read into the terms of `Engine`, and the writes that ask it to sync."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.output import last_lines
from deploy_orchestrator.delivery.status import Health, Hook, Operation, Phase, Status, Sync
from deploy_orchestrator.manifests import ObjectKey
from deploy_orchestrator.releases import Release

Body = Mapping[str, Any]

OPTIONS: Final = ("ServerSideApply=true", "PruneLast=true", "FailOnSharedResource=true")
"""How everything is synced."""

_LOOK = timedelta(seconds=3)
"""How long Argo CD takes at most to compare an Application."""

_OVERDUE = timedelta(minutes=5)
"""After this long without a look, one is asked for; by default Argo CD looks every three minutes at most."""

_FORGOTTEN = timedelta(minutes=10)
"""What was seen so long ago is not known any more, where Argo CD does not answer."""

_LOOK_NOW = {names.REFRESH: "normal"}
"""The annotation that asks Argo CD to compare an Application with its target and the cluster now."""

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
"""What Go's `strconv.ParseBool` takes for true, by which Argo CD reads annotations."""

_ENDED = {Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR}


@dataclass(frozen=True, slots=True)
class Application:
    """One Application, as it was at one resource version and `read` at a moment."""

    body: Body
    read: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)

    @property
    def name(self) -> str:
        return self.body["metadata"]["name"]

    @property
    def target(self) -> str:
        """The commit it is pinned to."""
        return self._source.get("targetRevision", "")

    @property
    def operation(self) -> Operation | None:
        """The operation in progress or, where there is none, the last one."""
        state = self._status.get("operationState")
        if self.requested:
            asked = {"phase": Phase.RUNNING, "message": "requested"}
            return _operation(self.body["operation"], asked, self._source, self.read)
        return _operation(state["operation"], state, self._source, self.read) if state else None

    @property
    def requested(self) -> bool:
        """Whether an operation was asked for that Argo CD has yet to begin."""
        state = self._status.get("operationState")
        return bool(self.body.get("operation")) and (state is None or Phase(state["phase"]) in _ENDED)

    @property
    def ended(self) -> bool:
        """Whether no operation is in progress."""
        return self.operation is None or self.operation.phase in _ENDED

    @property
    def drifted(self) -> bool:
        """Whether what the last operation brought was seen to differ from its target since.

        What it removed and the cluster is still deleting is no such difference: another operation would run
        all hooks again, and delete nothing sooner.
        """
        operation = self.operation
        return (
            operation is not None
            and operation.phase is Phase.SUCCEEDED
            and self._looked
            and self._sync is Sync.OUT_OF_SYNC
            and not self._only_deletes
        )

    @property
    def settled(self) -> bool:
        """Whether Argo CD's last look surely began after the last operation ended; it tells whole seconds."""
        operation = self.operation
        return (
            operation is None or operation.finished is None or self._reconciled > operation.finished + _LOOK
        )

    @property
    def look(self) -> Body | None:
        """The write that asks for a look which is overdue; None where none is, or it was asked for."""
        told = self._status.get("sync", {}).get("status", Sync.UNKNOWN)
        wanted = self._unseen_for(_OVERDUE) and Sync(told) is not Sync.UNKNOWN and not self._unattended
        return self._change(_LOOK_NOW) if wanted and not self._asked_to_look else None

    @property
    def status(self) -> Status:
        environment, tenant = names.deployment(self.name)
        health = self._status.get("health", {})
        created = self.body["metadata"]["creationTimestamp"]
        return Status(
            environment=environment,
            tenant=tenant,
            sync=self._sync,
            health=Health(health.get("status", Health.UNKNOWN)),
            revision=self._live,
            since=max(_time(health.get("lastTransitionTime", created)), _time(self._live_since or created)),
            observed=self._observed,
            message="; ".join(self._messages()),
            operation=self.operation,
            drift=tuple(self._drift()),
            source=self,
        )

    def towards(self, release: Release, by: str | None = None) -> Body | None:
        """The write that brings `release` a step nearer, as asked for `by` somebody; None where Argo CD is at
        it, has done it, has yet to target it, or does not work on it: what is asked for then would begin at
        any later time.
        """
        operation = self.operation
        if self.target != release.revision or self._unattended:
            return None
        if operation and operation.serves(release) and operation.phase is Phase.SUCCEEDED:
            if not self._looked or self._unseen_for(_FORGOTTEN) or (self.drifted and not self.settled):
                return None if self._asked_to_look else self._change(_LOOK_NOW)
            return self._sync_to(release, by) if self.drifted else None
        if self.ended:
            return self._sync_to(release, by)
        if operation and operation.phase is Phase.RUNNING and not operation.serves(release):
            # Its state is Argo CD's to begin: a phase alone is refused, and there is nothing to end yet.
            return None if self.requested else self._terminate()
        return None

    def _sync_to(self, release: Release, by: str | None) -> Body:
        policy = self.body["spec"].get("syncPolicy", {})
        failing = self.operation.failed_since(release) if self.operation else None
        told = {names.RELEASE: release.commit, **({names.FAILING: failing.isoformat()} if failing else {})}
        told |= {names.ASKED_BY: by} if by else {}
        return {
            **self._change({}),
            "operation": {
                "initiatedBy": {"username": names.ACCOUNT},
                "info": [{"name": name, "value": value} for name, value in told.items()],
                "retry": policy.get("retry"),
                "sync": {
                    "revision": release.revision,
                    "prune": True,
                    "syncStrategy": {"hook": {}},
                    "syncOptions": [*OPTIONS, *release.destination.sync.options],
                },
            },
            "status": {"operationState": None},
        }

    def _terminate(self) -> Body:
        """Argo CD removes the hooks of the operation in progress too."""
        return {**self._change({}), "status": {"operationState": {"phase": Phase.TERMINATING}}}

    def _change(self, annotations: Mapping[str, str]) -> Body:
        version = self.body["metadata"]["resourceVersion"]
        return {"metadata": {"resourceVersion": version, "annotations": annotations}}

    @property
    def _asked_to_look(self) -> bool:
        return names.REFRESH in self.body["metadata"].get("annotations", {})

    @property
    def _unattended(self) -> str | None:
        """Why Argo CD does not keep to its target what it once said is so; None where it does."""
        metadata = self.body["metadata"]
        if "deletionTimestamp" in metadata:
            return "the Application is being deleted"
        if metadata.get("annotations", {}).get(names.SKIP) in _TRUE:
            return f"Argo CD does not look at it, by the annotation {names.SKIP}"
        return None

    @property
    def _source(self) -> Body:
        return self.body["spec"].get("source", {})

    @property
    def _status(self) -> Body:
        return self.body.get("status", {})

    @property
    def _reconciled(self) -> datetime:
        return _time(self._status.get("reconciledAt", self.body["metadata"]["creationTimestamp"]))

    @property
    def _looked(self) -> bool:
        """Whether Argo CD has compared and judged what the last operation left."""
        operation = self.operation
        return operation is None or operation.finished is None or self._reconciled >= operation.finished

    def _unseen_for(self, long: timedelta) -> bool:
        return self.read - self._reconciled > long

    @property
    def _observed(self) -> datetime:
        """When it was read, for Argo CD writes each change at once; its last look where it has yet to look
        again, or seems not to be there.
        """
        now = self.read.replace(microsecond=0)
        awake = self._looked and not self._unseen_for(_FORGOTTEN)
        return max(now, self._reconciled) if awake else self._reconciled

    @property
    def _history(self) -> Sequence[Body]:
        """The syncs that succeeded, newest first."""
        return self._status.get("history", [])[::-1]

    @property
    def _live(self) -> str | None:
        """The commit whose objects were applied last."""
        return self._history[0].get("revision") if self._history else None

    @property
    def _live_since(self) -> str | None:
        """When they were applied; healing, which applies them again, does not count."""
        return self._brought[-1]["deployedAt"] if self._brought else None

    @property
    def _brought(self) -> Sequence[Body]:
        """The syncs that brought what is live, and again, newest first."""
        return list(takewhile(lambda each: each.get("revision") == self._live, self._history))

    @property
    def _bare(self) -> bool:
        """Whether what is live may have been applied without its hooks, and so was never tested: history does
        not tell, and of what people had applied only the last operation does.
        """
        operation = self.operation
        return (
            operation is not None
            and not operation.whole
            and all(
                _is_by_hand(each)
                or ("deployStartedAt" in each and _time(each["deployStartedAt"]) == operation.started)
                for each in self._brought
            )
        )

    @property
    def _sync(self) -> Sync:
        """Argo CD's comparison, unless that is with another commit than the target, or says too little."""
        compared = self._status.get("sync", {})
        if self._unattended or self._unseen_for(_FORGOTTEN):
            return Sync.UNKNOWN
        if self._live != self.target or compared.get("revision") != self.target or self._bare:
            return Sync.OUT_OF_SYNC
        return Sync(compared["status"])

    def _messages(self) -> Iterator[str]:
        """What goes on: the operation, what is unhealthy and, where Argo CD tells, why; its conditions."""
        if self._unattended:
            yield self._unattended
        elif self._unseen_for(_FORGOTTEN):
            yield f"Argo CD has not looked at it since {self._reconciled:%Y-%m-%d %H:%M:%S} UTC"
        if self._brought and self._bare:
            yield "somebody may have had it applied without its hooks"
        if self.operation and not self.ended:
            yield self.operation.message
        for hook in self.operation.broken if self.operation else ():
            yield f"{hook.object} failed"
        unhealthy = [each for each in self._resources if each.get("health", {}).get("message")]
        for each in unhealthy:
            yield f"{_object(each)}: {each['health']['message']}"
        if not unhealthy and self._status.get("health", {}).get("message"):
            yield self._status["health"]["message"]
        for condition in self._status.get("conditions", []):
            yield condition["message"]

    def _drift(self) -> Iterator[str]:
        """Objects that differ from what was released; while a release waits for its sync, no object does."""
        if self._live == self.target:
            for each in self._resources:
                if each.get("status") == Sync.OUT_OF_SYNC:
                    yield _object(each)

    @property
    def _only_deletes(self) -> bool:
        differing = [each for each in self._resources if each.get("status") == Sync.OUT_OF_SYNC]
        return bool(differing) and all(map(_leaving, differing))

    @property
    def _resources(self) -> Sequence[Body]:
        return self._status.get("resources", [])


def _leaving(resource: Body) -> bool:
    """What Argo CD says of an object with a deletion timestamp, whatever its kind."""
    progressing = resource.get("health", {}).get("status") == Health.PROGRESSING
    return bool(resource.get("requiresPruning")) and progressing


def _operation(requested: Body, state: Body, source: Body, now: datetime) -> Operation:
    results = state.get("syncResult", {})
    revision = results.get("revision") or requested.get("sync", {}).get("revision", "")
    return Operation(
        key=_told(requested, names.RELEASE),
        revision=revision,
        phase=Phase(state["phase"]),
        started=_time(state["startedAt"]) if "startedAt" in state else now,
        finished=_time(state["finishedAt"]) if "finishedAt" in state else None,
        message=state.get("message", ""),
        hooks=tuple(_hook(each) for each in results.get("resources", []) if each.get("hookType")),
        failing=_failing(requested),
        by=_told(requested, names.ASKED_BY),
        whole=_is_whole(requested, source),
    )


def _is_by_hand(brought: Body) -> bool:
    by = brought.get("initiatedBy", {})
    return not by.get("automated") and by.get("username") != names.ACCOUNT


def _is_whole(operation: Body, source: Body) -> bool:
    """Healing is: it applies what differs of what a whole operation brought."""
    sync = operation.get("sync", {})
    return not (
        sync.get("dryRun")
        or (sync.get("resources") and not operation.get("initiatedBy", {}).get("automated"))
        or sync.get("manifests")
        or sync.get("sources")
        or "apply" in sync.get("syncStrategy", {})
        or _pinned(sync.get("source", source), "") != _pinned(source, "")
    )


def _pinned(source: Body, revision: str) -> Body:
    return {**source, "targetRevision": revision}


def _told(operation: Body, name: str) -> str | None:
    return next((info["value"] for info in operation.get("info", []) if info["name"] == name), None)


def _failing(operation: Body) -> datetime | None:
    try:
        return _time(_told(operation, names.FAILING) or "").astimezone(UTC)
    except ValueError:
        return None


def _object(resource: Body) -> str:
    key = ObjectKey(
        resource.get("group", ""), resource["kind"], resource.get("namespace") or None, resource["name"]
    )
    return str(key)


def _hook(result: Body) -> Hook:
    return Hook(
        object=_object(result),
        stage="after" if result["hookType"] in ("PostSync", "SyncFail") else "before",
        phase=Phase(result.get("hookPhase", Phase.RUNNING)),
        message=last_lines(result.get("message", "")),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

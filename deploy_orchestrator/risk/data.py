"""Objects that hold data, and objects that go."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import FieldChange, Object, hooks
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.images import repository_of
from deploy_orchestrator.risk.pods import containers_of, image_of
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_HOLDS_DATA: Final = {
    ("", "Namespace"): "everything in the namespace goes with it",
    ("", "PersistentVolume"): "the volume goes with it, as its reclaim policy says",
    ("", "PersistentVolumeClaim"): "the volume and its data go with it",
    ("", "Secret"): "what it holds may stand nowhere else",
    ("apiextensions.k8s.io", "CustomResourceDefinition"): "every object of its kind goes with it",
    ("apps", "StatefulSet"): "its pods stop, and its volumes belong to nobody",
}
_DATABASES: Final = frozenset(
    [
        "acid.zalan.do",
        "cassandra.datastax.com",
        "clickhouse.altinity.com",
        "elasticsearch.k8s.elastic.co",
        "k8s.mariadb.com",
        "kafka.strimzi.io",
        "kubedb.com",
        "mongodb.com",
        "mongodbcommunity.mongodb.com",
        "mysql.oracle.com",
        "postgresql.cnpg.io",
        "postgres-operator.crunchydata.com",
        "psmdb.percona.com",
        "pxc.percona.com",
        "rabbitmq.com",
        "redis.redis.opstreelabs.in",
        "scylla.scylladb.com",
    ]
)
"""API groups of operators whose objects are databases."""

_CLAIMS: Final = ("", "PersistentVolumeClaim")
_STATEFUL_SET: Final = ("apps", "StatefulSet")


class DataDeleted(Rule):
    id = "data-deleted"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an object that holds data, or that others hold data through, is removed"
    why = "What it holds is lost, and going back to the release before does not bring it back."
    do = "Make sure of a backup, and that nobody needs the data, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.removed:
            lost = _lost(each)
            if lost and not hooks.is_hook(each):
                yield Sighting(f"removed; {lost}", each.key, ((),))


class ObjectDeleted(Rule):
    id = "object-deleted"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an object without data is removed"
    why = "What it did is no longer done, and others may rely on it."
    do = "Check that nothing uses it any more, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.removed:
            if not _lost(each) and not hooks.is_hook(each):
                yield Sighting("removed", each.key, ((),))


class StatefulSetRecreated(Rule):
    id = "statefulset-recreated"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a StatefulSet is removed while another one with the same image is added"
    why = "The new one starts with empty volumes; the data stays behind with the old claims."
    do = "Move the data, or keep the name."

    def judge(self, change: Change) -> Iterator[Sighting]:
        added = [each for each in change.added if (each.key.group, each.kind) == _STATEFUL_SET]
        for old in change.removed:
            if (old.key.group, old.kind) != _STATEFUL_SET:
                continue
            for new in added:
                if _repositories(old) & _repositories(new):
                    yield Sighting(f"it takes the place of {old.name}", new.key)


class VolumeGrows(FieldRule):
    id = "volume-grows"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a PersistentVolumeClaim asks for more storage"
    why = "It cannot be made smaller again, and fails where the storage class does not allow it."
    do = "Check that the storage class allows expansion, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if (altered.key.group, altered.key.kind) != _CLAIMS:
            return None
        if field.path != ("spec", "resources", "requests", "storage"):
            return None
        before, after = quantity(field.before), quantity(field.after)
        if before is None or after is None or after <= before:
            return None
        return f"storage {field.before} → {field.after}"


class ClaimsNotKept(FieldRule):
    id = "claims-not-kept"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a StatefulSet comes to delete its volumes when it is scaled down or removed"
    why = "Scaling down, or a deletion by mistake, then loses data."
    do = "Keep `Retain`, unless the data can be made again."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if field.path[:2] != ("spec", "persistentVolumeClaimRetentionPolicy") or field.after != "Delete":
            return None
        return f"{field.path[-1]}: {field.before or 'Retain'} → Delete"


def _lost(each: Object) -> str | None:
    if each.key.group in _DATABASES:
        return "a database, which its operator deletes with it"
    return _HOLDS_DATA.get((each.key.group, each.kind))


def _repositories(each: Object) -> set[str]:
    return {repository_of(image_of(container)) for container in containers_of(each)}


RULES = (DataDeleted(), ObjectDeleted(), StatefulSetRecreated(), VolumeGrows(), ClaimsNotKept())

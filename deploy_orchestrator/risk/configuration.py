"""What the software is told: ConfigMaps, Secrets, environment variables."""

import re
from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import FieldChange, Manifests, Object, hooks, pod_of, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import spec_of
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_DATA: Final = frozenset({"data", "binaryData"})
_RUN_ANEW: Final = frozenset({("batch", "Job"), ("batch", "CronJob"), ("", "Pod")})
_SECRET_KINDS: Final = frozenset({"ExternalSecret", "SealedSecret", "Secret", "SopsSecret"})
_STORE: Final = re.compile(
    r"(?:^|[_.-])(?:database|db|postgres(?:ql)?|pg|mysql|mariadb|mongo(?:db)?|redis|rabbitmq|kafka|amqp|elasticsearch|"
    r"opensearch|s3|minio)(?:[_.-](?:[a-z0-9]+[_.-])*)?(?:addr(?:ess)?|bucket|database|dsn|endpoints?|hosts?|hostname|"
    r"name|port|servers?|uri|url)$|sqlalchemy.*(?:conn|ur[il])",
    re.IGNORECASE,
)
"""Names that tell where data is kept: `DATABASE_URL`, `DAGSTER_PG_HOST`, `redis.host`."""


class ConfigurationRolled(Rule):
    id = "configuration-rolled"
    severity = Verdict.SAFE
    sees = "the data of a ConfigMap changes, and every workload that uses it starts new pods for it"
    why = "The roll-out keeps the old pods until new ones are ready with the new configuration."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered, fields in _maps(change):
            users = _users(altered.after, change.after)
            if users and not _stale(users, change):
                yield Sighting(
                    f"{_keys(fields)}; rolls {_names(users)}", altered.key, tuple(f.path for f in fields)
                )


class ConfigurationNotRolled(Rule):
    id = "configuration-not-rolled"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the data of a ConfigMap changes, and what uses it goes on with the old data, or is not known"
    why = (
        "The new configuration takes effect at some later restart, when nobody looks, and not in all pods "
        "at once."
    )
    do = (
        "Annotate the pod template with a check sum of the ConfigMap (checksum/config), so that a change "
        "rolls it."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered, fields in _maps(change):
            users = _users(altered.after, change.after)
            stale = _stale(users, change)
            if stale or not users:
                whom = f"{_names(stale)} goes on with the old" if stale else "nothing here is seen to use it"
                yield Sighting(f"{_keys(fields)}; {whom}", altered.key, tuple(f.path for f in fields))


class SecretChanged(FieldRule):
    id = "secret-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the data of a Secret changes, or what one is made from (SealedSecret, ExternalSecret, SOPS)"
    why = "Credentials that do not fit lock the software out of what it needs."
    do = "Check that the other side takes the new value already, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        secret = altered.key.kind in _SECRET_KINDS and field.path[0] not in {"metadata", "apiVersion"}
        return f"{field.field} changes" if secret else None


class StoreChanged(Rule):
    id = "store-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a setting that tells where data is kept changes: a database's host, name or URL, a bucket, a broker"
    )
    why = "The software starts on other data, mostly none."
    do = "Make sure that the data is there, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            seen = [field for field in altered.fields if _is_store(altered, field)]
            if seen:
                names = ", ".join(field.field for field in seen)
                yield Sighting(f"{names} changes", altered.key, tuple(field.path for field in seen))


class EnvironmentChanged(FieldRule):
    id = "environment-changed"
    severity = Verdict.SAFE
    sees = "an environment variable that is written in the pod template is new, changed or gone"
    why = "The roll-out keeps the old pods until new ones are ready with the new value."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        name = _variable(altered, field)
        if (
            name is None
            or hooks.is_hook(altered.after)
            or _is_store(altered, field)
            or not _is_written(field)
        ):
            return None
        return f"variable {name}"


def _maps(change: Change) -> Iterator[tuple[Altered, list[FieldChange]]]:
    for altered in change.altered:
        if (altered.key.group, altered.key.kind) == ("", "ConfigMap") and not hooks.is_hook(altered.after):
            fields = [field for field in altered.fields if field.path[0] in _DATA]
            if fields:
                yield altered, fields


def _users(configuration: Object, manifests: Manifests) -> list[Object]:
    return [
        each
        for each in manifests.objects
        if each.namespace == configuration.namespace and configuration.name in _references(spec_of(each))
    ]


def _references(value: Any) -> Iterator[str]:
    """The names of all ConfigMaps that a pod reads: as a volume, an environment, or a variable."""
    for item in untyped.items(value):
        yield from _references(item)
    for name, below in untyped.mapping(value).items():
        if name in {"configMap", "configMapRef", "configMapKeyRef"}:
            yield untyped.text(untyped.at(below, "name"))
        yield from _references(below)


def _stale(users: list[Object], change: Change) -> list[Object]:
    """Those that go on with pods from before; a Job starts new ones when it runs next."""
    return [
        each
        for each in users
        if (each.key.group, each.kind) not in _RUN_ANEW
        and (old := change.before_of(each.key)) is not None
        and _pods(old) == _pods(each)
    ]


def _pods(each: Object) -> tuple[Any, Any]:
    pod = pod_of(each)
    return (pod.metadata, pod.spec) if pod else ({}, {})


def _is_store(altered: Altered, field: FieldChange) -> bool:
    if (altered.key.group, altered.key.kind) == ("", "ConfigMap"):
        return field.path[0] in _DATA and bool(_STORE.search(field.path[-1]))
    name = _variable(altered, field)
    return name is not None and bool(_STORE.search(name)) and field.before is not None


def _variable(altered: Altered, field: FieldChange) -> str | None:
    """The environment variable that a field is of."""
    path = altered.in_container(field) or ()
    return path[1].strip("[]") if len(path) > 1 and path[0] == "env" and path[1].startswith("[") else None


def _is_written(field: FieldChange) -> bool:
    """Whether the field is a variable's name or written value, not something that it is read from."""
    return field.path[-3] == "env" and field.path[-1] in {"name", "value"}


def _keys(fields: list[FieldChange]) -> str:
    keys = list(dict.fromkeys(field.path[-1] for field in fields))
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


def _names(objects: list[Object]) -> str:
    return ", ".join(str(each.key) for each in objects)


RULES = (
    ConfigurationRolled(),
    ConfigurationNotRolled(),
    SecretChanged(),
    StoreChanged(),
    EnvironmentChanged(),
)

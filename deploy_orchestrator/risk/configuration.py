"""What the software is told: ConfigMaps, Secrets, environment variables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import (
    FieldChange,
    ImageReference,
    NamedPath,
    NotAnImage,
    Object,
    hooks,
    untyped,
)
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.images import TagStep, step
from deploy_orchestrator.risk.mounted import is_dashboard, settings_in
from deploy_orchestrator.risk.pods import containers_of, held_back
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.settings import Setting, flags, is_own_bound, words_of
from deploy_orchestrator.risk.stores import store_of
from deploy_orchestrator.risk.tools import tool_in
from deploy_orchestrator.risk.verdict import Verdict

_DATA: Final = frozenset({"data", "binaryData"})
_RUN_ANEW: Final = frozenset({("batch", "Job"), ("batch", "CronJob"), ("", "Pod")})
_SECRET_KINDS: Final = frozenset({"ExternalSecret", "SealedSecret", "Secret", "SopsSecret"})
_SHOWN: Final = 5
_SELF: Final = frozenset(
    {"app", "application", "build", "chart", "dd", "image", "otel", "release", "service"}
)
"""Words by which software is told that something is its own; `DD_VERSION` is what Datadog traces."""


class ConfigurationRolled(Rule):
    id = "configuration-rolled"
    severity = Verdict.SAFE
    sees = "the data of a ConfigMap changes, and every workload that uses it starts new pods for it"
    why = (
        "The roll-out stops where new pods do not get ready with the new configuration, and is reverted. "
        "What its settings do is judged by itself."
    )
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered, fields in _maps(change):
            users = change.readers.get((altered.after.namespace, altered.after.name), ())
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
            users = change.readers.get((altered.after.namespace, altered.after.name), ())
            stale = _stale(users, change)
            if stale or not users:
                whom = f"{_names(stale)} goes on with the old" if stale else "nothing here is seen to use it"
                yield Sighting(f"{_keys(fields)}; {whom}", altered.key, tuple(f.path for f in fields))


class SecretChanged(Rule):
    id = "secret-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the data of a Secret changes, or what one is made from (SealedSecret, ExternalSecret, SOPS), or a "
        "setting that is named like a credential"
    )
    why = "Credentials that do not fit lock the software out of what it needs."
    do = "Check that the other side takes the new value already, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            fields = [field for field in altered.fields if field.path[0] not in {"metadata", "apiVersion"}]
            if altered.key.kind in _SECRET_KINDS and fields:
                words = "; ".join(f"{field.field} changes" for field in fields)
                yield Sighting(words, altered.key, tuple(field.path for field in fields))
        yield from _sightings(change, lambda told: told.setting.is_secret)


class StoreChanged(Rule):
    id = "store-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a setting (variable, argument, entry of a ConfigMap or of a file in one) changes that tells by its "
        "name or value where data is kept or how to get at it: a database's URL or user, a bucket, a broker"
    )
    why = "The software starts on other data, mostly none."
    do = "Make sure that the data is there, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        return _sightings(change, lambda told: told.kind is _Kind.STORE)


class SettingUnclear(Rule):
    id = "setting-unclear"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a setting changes of which neither name nor value shows what it does"
    why = "It may be an address, a path, or a switch that nobody can take back."
    do = "Look it up in the documentation of the software, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        return _sightings(change, lambda told: told.kind is _Kind.UNCLEAR)


class EnvironmentChanged(Rule):
    id = "environment-changed"
    severity = Verdict.SAFE
    sees = (
        "a variable or an argument changes that only says how much the software logs and how, how many "
        "processors it uses (within half and twice as many), what it shows to people, its image's version, "
        "or an image that it starts, in a later version by which data stays as it is"
    )
    why = "By its name and value it does no harm; a roll-out stops where new pods do not get ready."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        return _sightings(change, lambda told: told.kind is _Kind.HARMLESS and bool(told.paths))


class DashboardChanged(FieldRule):
    id = "dashboard-changed"
    severity = Verdict.SAFE
    sees = "a dashboard of Grafana in a ConfigMap is new or changes"
    why = "People look at it, and nothing else does."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        return f"dashboard {field.path[-1]}" if _shows(altered, field) else None


class _Kind(Enum):
    SECRET = auto()
    STORE = auto()
    UNCLEAR = auto()
    HARMLESS = auto()


@dataclass(frozen=True, slots=True)
class _Told:
    """A setting that changes, what it is called to people, and the fields that are no more than it."""

    setting: Setting
    kind: _Kind
    called: str
    paths: tuple[NamedPath, ...] = ()


def _sightings(change: Change, wanted: Callable[[_Told], bool]) -> Iterator[Sighting]:
    for altered in change.altered:
        found = [told for told in _settings(altered) if wanted(told)]
        if found:
            names = list(dict.fromkeys(told.called for told in found))
            paths = tuple(path for told in found for path in told.paths)
            yield Sighting(f"{first_few(names, _SHOWN)} changes", altered.key, paths)


def _settings(altered: Altered) -> Iterator[_Told]:
    """Every setting that changes in what stays; hooks are judged as a whole."""
    if hooks.is_hook(altered.after) or hooks.is_hook(altered.before):
        return
    if (altered.key.group, altered.key.kind) == ("", "ConfigMap"):
        yield from _in_map(altered)
    yield from _in_containers(altered)


def _in_map(altered: Altered) -> Iterator[_Told]:
    for field in altered.fields:
        if field.path[0] in _DATA and not _shows(altered, field):
            name = field.path[-1]
            before, after = (_entry(side, field) for side in (altered.before, altered.after))
            settings = (
                settings_in(name, before, after) if field.path[0] == "data" else [Setting(name, None, None)]
            )
            for setting in settings:
                yield _Told(setting, _kind(setting), name)


def _in_containers(altered: Altered) -> Iterator[_Told]:
    fields = [(field, inner) for field in altered.fields if (inner := altered.in_container(field))]
    owners = dict.fromkeys(field.path[: len(field.path) - len(inner)] for field, inner in fields)
    before, after = (
        {each.path: each.body for each in containers_of(side)} for side in (altered.before, altered.after)
    )
    for owner in owners:
        old, new = before.get(owner), after.get(owner)
        if old is not None and new is not None:
            own = [(field.path, inner) for field, inner in fields if field.path[: len(owner)] == owner]
            yield from _variables(old, new, own)
            yield from _arguments(old, new, own)


def _variables(
    old: Mapping[str, Any], new: Mapping[str, Any], fields: list[tuple[NamedPath, NamedPath]]
) -> Iterator[_Told]:
    before, after = (
        {untyped.text(each.get("name")): each for each in untyped.mappings(side.get("env"))}
        for side in (old, new)
    )
    touched: dict[str, list[NamedPath]] = {}
    for path, inner in fields:
        if len(inner) > 1 and inner[0] == "env":
            touched.setdefault(inner[1].strip("[]"), []).append(path)
    for name, paths in touched.items():
        was, now = before.get(name, {}), after.get(name, {})
        setting = Setting(name, was.get("value"), now.get("value"))
        kind = _kind(setting)
        if "valueFrom" in was or "valueFrom" in now:
            own = is_own_bound(name, untyped.mapping(now.get("valueFrom")))
            kind = _Kind.HARMLESS if own else _kind(Setting(name, None, None))
        elif kind is not _Kind.SECRET and (_tells_version(setting, old, new) or _raises_image(setting)):
            kind = _Kind.HARMLESS
        yield _Told(setting, kind, f"variable {name}", tuple(paths))


def _arguments(
    old: Mapping[str, Any], new: Mapping[str, Any], fields: list[tuple[NamedPath, NamedPath]]
) -> Iterator[_Told]:
    for path, inner in fields:
        if inner in {("args",), ("command",)}:
            before, after = (untyped.items(side.get(inner[0])) for side in (old, new))
            found = [
                (setting, _Kind.HARMLESS if _raises_image(setting) else _kind(setting))
                for setting in flags(before, after)
            ]
            harmless = found and all(kind is _Kind.HARMLESS for _, kind in found)
            for setting, kind in found:
                yield _Told(setting, kind, f"argument {setting.name}", (path,) if harmless else ())


def _kind(setting: Setting) -> _Kind:
    if setting.is_secret:
        return _Kind.SECRET
    if setting.harmless:
        return _Kind.HARMLESS
    return _Kind.STORE if setting.is_store else _Kind.UNCLEAR


def _tells_version(setting: Setting, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a variable says the version of its container's image, before and after, and is named after no
    more than that: the version of a schema may be the same by chance.
    """
    *of, last = setting.words or ("",)
    called = words_of(f"{untyped.text(new.get('name'))} {untyped.text(new.get('image')).partition(':')[0]}")
    if last != "version" or not _SELF.union(called).issuperset(of):
        return False
    tags = [untyped.text(side.get("image")).rpartition(":")[2].removeprefix("v") for side in (old, new)]
    return [str(each).removeprefix("v") for each in (setting.before, setting.after)] == tags


def _raises_image(setting: Setting) -> bool:
    """Whether a setting names an image in a later version than before, by which data stays as it is.

    What is made of it, and whether that mounts a volume, does not stand here: it may.
    """
    if setting.words[-1:] != ("image",) or tool_in(f"{setting.name} {setting.after}"):
        return False
    try:
        before, after = (ImageReference.parse(str(each)) for each in (setting.before, setting.after))
    except NotAnImage:
        return False
    return step(before, after, store_of(after.repository, writes=True)) is TagStep.MINOR


def _entry(each: Object, field: FieldChange) -> str | None:
    value = untyped.at(each.body, *field.path)
    return value if isinstance(value, str) else None


def _shows(altered: Altered, field: FieldChange) -> bool:
    return (
        (altered.key.group, altered.key.kind) == ("", "ConfigMap")
        and field.path[0] == "data"
        and len(field.path) > 1
        and is_dashboard(field.path[-1], _entry(altered.after, field))
        and (field.before is None or is_dashboard(field.path[-1], _entry(altered.before, field)))
    )


def _maps(change: Change) -> Iterator[tuple[Altered, list[FieldChange]]]:
    for altered in change.altered:
        if (altered.key.group, altered.key.kind) == ("", "ConfigMap") and not hooks.is_hook(altered.after):
            fields = [
                field for field in altered.fields if field.path[0] in _DATA and not _shows(altered, field)
            ]
            if fields:
                yield altered, fields


def _stale(users: Sequence[Object], change: Change) -> list[Object]:
    """Those that go on with pods from before; a Job starts new ones when it runs next."""
    return [
        each
        for each in users
        if (each.key.group, each.kind) not in _RUN_ANEW
        and change.before_of(each.key) is not None
        and (each.key not in change.rolled or held_back(each) is not None)
    ]


def _keys(fields: list[FieldChange]) -> str:
    return first_few(list(dict.fromkeys(field.path[-1] for field in fields)), _SHOWN)


def _names(objects: Sequence[Object]) -> str:
    return ", ".join(str(each.key) for each in objects)


RULES = (
    ConfigurationRolled(),
    ConfigurationNotRolled(),
    SecretChanged(),
    StoreChanged(),
    SettingUnclear(),
    DashboardChanged(),
    EnvironmentChanged(),
)

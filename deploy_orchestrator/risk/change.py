"""A change as the risk rules see it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deploy_orchestrator.fleet import Destination, IgnoredField, TakeoverEvidence
from deploy_orchestrator.manifests import (
    ChartUsed,
    Diff,
    FieldChange,
    Finding,
    Manifests,
    NamedPath,
    Object,
    ObjectKey,
    diff,
    hooks,
    is_built_in,
    standing_at,
    untyped,
)
from deploy_orchestrator.risk.amounts import is_same_amount
from deploy_orchestrator.risk.defaults import FOLLOW, follows, says_nothing
from deploy_orchestrator.risk.held import Held, held_by
from deploy_orchestrator.risk.named import named_in
from deploy_orchestrator.risk.pods import (
    containers_of,
    references,
    spec_of,
    template_path,
    within,
    within_container,
)
from deploy_orchestrator.risk.settings import Setting
from deploy_orchestrator.risk.told import told_by, told_to

_VARYING = re.compile(r"[-._]?(?:v?\d[\w.]*|[0-9a-f]{6,})(?=[-._]|$)")
_LONGEST_NAME = 253
_OF_SELECTORS = (b"match", b"selector", b"subsets")
"""What the names of all fields have that look for labels."""


@dataclass(frozen=True, slots=True)
class Altered:
    """An object that stays and differs, or that goes by another `key` now (`renamed`).

    `fields` are the smallest ones that differ: a mapping that came or went whole is told entry by entry.
    `defaults` are those that came or went and say what holds anyway. `template` is where the pods' template
    stands.
    """

    key: ObjectKey
    before: Object
    after: Object
    fields: tuple[FieldChange, ...]
    defaults: tuple[FieldChange, ...]
    template: NamedPath | None
    renamed: bool = False

    @classmethod
    def of(
        cls, before: Object, after: Object, fields: Sequence[FieldChange], *, renamed: bool = False
    ) -> "Altered":
        template = template_path(after)
        telling: list[FieldChange] = []
        idle: list[FieldChange] = []
        for field in (small for each in fields for small in _entries(each)):
            (idle if _says_default(before, after, template, field) else telling).append(field)
        return cls(after.key, before, after, tuple(telling), tuple(idle), template, renamed)

    def in_pod(self, field: FieldChange) -> NamedPath | None:
        """Where a field stands in the template of the pods; None where it stands elsewhere."""
        return within(field.path, self.template)

    def in_container(self, field: FieldChange) -> NamedPath | None:
        """Where a field stands in its container, as `("image",)`; None where it stands elsewhere."""
        return within_container(field.path, self.template)

    def is_same_amount(self, field: FieldChange) -> bool:
        return is_same_amount(self.key, self.template, field)


@dataclass(frozen=True)
class Change:
    """What a release would do to one tenant in one environment.

    For a `first` release nothing is replaced, so nothing is added, altered or removed. `ignored` are the
    fields that the policy says nobody need look at now. `into_existing` says that somebody else has made the
    namespace, or may have: things may be live in one that the environment does not give.
    `looked_up` are the names of images whose tags lead to their digests by what their registries say.
    `without_platform` says that the tenant's own chart makes its namespace. `takeover` is what the cluster
    says of what is live there.
    `excepted_before` are the checks, and their objects, that what is replaced fails and is excepted from.
    """

    before: Manifests | None
    after: Manifests
    chart_before: ChartUsed | None
    chart: ChartUsed
    findings: Sequence[Finding] = ()
    destination_before: Destination | None = None
    destination: Destination | None = None
    ignored: Sequence[IgnoredField] = ()
    into_existing: bool = False
    without_platform: bool = False
    takeover: TakeoverEvidence | None = None
    excepted_before: frozenset[tuple[str, ObjectKey | None]] = frozenset()
    looked_up: frozenset[str] = frozenset()

    @property
    def moved(self) -> tuple[Destination, Destination] | None:
        """Where all of it goes from and to; None where it stays where it is."""
        where = self.diff.moved
        return where if where and not where[0].is_at(where[1]) else None

    @property
    def first(self) -> bool:
        return self.before is None

    def before_of(self, key: ObjectKey) -> Object | None:
        """The object that is replaced by the one with this key."""
        return self._replaced.get(key)

    @cached_property
    def _replaced(self) -> Mapping[ObjectKey, Object]:
        changed = {each.key: each.before for each in self.diff.changed}
        return {**self.before.by_key, **changed} if self.before else {}

    @cached_property
    def diff(self) -> Diff:
        return diff(self.before, self.after).between(self.destination_before, self.destination)

    @cached_property
    def renamed(self) -> tuple[Altered, ...]:
        """One-off work (hooks and Jobs) that is removed under one name and added under another."""
        return () if self.first else tuple(_renames(self.diff))

    @cached_property
    def altered(self) -> tuple[Altered, ...]:
        stay = (Altered.of(each.before, each.after, each.fields) for each in self.diff.changed)
        return (*stay, *self.renamed)

    @cached_property
    def selected_labels(self) -> frozenset[str]:
        """The keys of all labels that a selector in either set of manifests looks at."""
        return frozenset(label for each in self._both for label in _selected_by(each))

    @cached_property
    def labels_of_anything(self) -> frozenset[str]:
        """Those that a custom kind looks at, on whatever it likes; Kubernetes' own select pods by them."""
        custom = (each for each in self._both if not is_built_in(each.key.group))
        return frozenset(label for each in custom for label in _selected_by(each))

    @property
    def _both(self) -> tuple[Object, ...]:
        """All that is there before or after, what stays the same once."""
        changed = (each.before for each in self.diff.changed)
        return (*changed, *self.diff.removed, *self.after.objects)

    @cached_property
    def kept(self) -> tuple[Object, ...]:
        """The objects that are there before and after, as they are after."""
        return tuple(each for each in self.after.objects if each.key in self._replaced)

    @cached_property
    def looked_for(self) -> Mapping[tuple[str, str | None, str], Object]:
        """What objects that stay name already, by kind, namespace and name, whether it is there or not; with
        one of those objects.
        """
        return {
            (kind, namespace or each.namespace, name): each
            for each in self.kept
            if each.kind != "CustomResourceDefinition"
            for kind, namespace, name in named_in(self._replaced[each.key].body)
        }

    @cached_property
    def readers(self) -> Mapping[tuple[str | None, str], Sequence[Object]]:
        """The objects after whose pods read a ConfigMap, by its namespace and name."""
        found: dict[tuple[str | None, str], list[Object]] = {}
        for each in self.after.objects:
            for kind, name in dict.fromkeys(references(spec_of(each))):
                if kind == "ConfigMap":
                    found.setdefault((each.namespace, name), []).append(each)
        return found

    @cached_property
    def held(self) -> Held:
        """What the ConfigMaps and Secrets hold that are there after."""
        return held_by(self.after.objects)

    @cached_property
    def told_before(self) -> Mapping[ObjectKey, Sequence[Setting]]:
        """What each object that stays, or its containers, told or were told before."""
        before = {each.key: self._replaced[each.key] for each in self.kept}
        held = held_by(self.before.objects if self.before else ())
        return {
            key: [
                *told_by(each),
                *(said for one in containers_of(each) for said in told_to(one, each, held)),
            ]
            for key, each in before.items()
        }

    @cached_property
    def rolled(self) -> frozenset[ObjectKey]:
        """The objects whose pods are not what they were, by more than how they are written."""
        return frozenset(
            altered.key
            for altered in self.altered
            if any(
                altered.in_pod(each) is not None and not altered.is_same_amount(each)
                for each in altered.fields
            )
        )

    @cached_property
    def added(self) -> tuple[Object, ...]:
        renamed = {each.key for each in self.renamed}
        return () if self.first else tuple(each for each in self.diff.added if each.key not in renamed)

    @cached_property
    def removed(self) -> tuple[Object, ...]:
        renamed = {each.before.key for each in self.renamed}
        return tuple(each for each in self.diff.removed if each.key not in renamed)


def _says_default(before: Object, after: Object, template: NamedPath | None, field: FieldChange) -> bool:
    if field.path[-1] in FOLLOW:
        side = before if field.after is None else after
        return follows(after.key, template, field, standing_at(side.body, field.path[:-1]))
    return says_nothing(after.key, template, field)


def _entries(field: FieldChange) -> Iterator[FieldChange]:
    old, new = _parts(field.before), _parts(field.after)
    if (old or field.before is None) and (new or field.after is None):
        for name in sorted({**old, **new}):
            yield from _entries(FieldChange((*field.path, name), old.get(name), new.get(name)))
    else:
        yield field


def _parts(value: Any) -> Mapping[str, Any]:
    """What a value is made of, by the steps of paths: the entries of a mapping, or items that have names."""
    items = untyped.items(value)
    named = {
        f"[{untyped.text(untyped.at(item, 'name'))}]": item
        for item in items
        if untyped.text(untyped.at(item, "name"))
    }
    return named if len(named) == len(items) > 0 else untyped.mapping(value)


def _renames(difference: Diff) -> Iterator[Altered]:
    waiting = [each for each in difference.removed if _runs_once(each)]
    for new in difference.added:
        old = next((each for each in waiting if _runs_once(new) and _same_role(each, new)), None)
        if old is not None:
            waiting.remove(old)
            namesake = Object({**old.body, "metadata": {**old.body["metadata"], "name": new.name}})
            changed = diff(Manifests((namesake,)), Manifests((new,))).changed
            yield Altered.of(old, new, changed[0].fields if changed else (), renamed=True)


def _runs_once(each: Object) -> bool:
    return hooks.is_hook(each) or (each.key.group, each.kind) == ("batch", "Job")


def _same_role(old: Object, new: Object) -> bool:
    return (
        (old.key.group, old.kind, old.namespace) == (new.key.group, new.kind, new.namespace)
        and sorted(old.hooks) == sorted(new.hooks)
        and _stem(old) == _stem(new)
    )


def _stem(each: Object) -> str:
    return _VARYING.sub("", each.name[:_LONGEST_NAME])


def _selected_by(each: Object) -> Iterator[str]:
    text = each.canonical.lower()
    return _selected(each.body) if any(word in text for word in _OF_SELECTORS) else iter(())


def _selected(value: Any) -> Iterator[str]:
    for item in untyped.items(value):
        yield from _selected(item)
    for name, below in untyped.mapping(value).items():
        if name in {"matchLabelKeys", "mismatchLabelKeys"}:
            yield from untyped.texts(below)
        elif name == "matchExpressions":
            yield from (untyped.text(untyped.at(item, "key")) for item in untyped.items(below))
        elif name == "matchLabels" or name.lower().endswith("selector"):
            yield from (label for label, wanted in untyped.mapping(below).items() if isinstance(wanted, str))
        elif name == "subsets":
            yield from (
                label
                for item in untyped.items(below)
                for label in untyped.mapping(untyped.at(item, "labels"))
            )
        yield from _selected(below)

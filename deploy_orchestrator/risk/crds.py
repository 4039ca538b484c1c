"""CustomResourceDefinitions: which objects of their kind are still valid, and still read."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import Object, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_CRD: Final = ("apiextensions.k8s.io", "CustomResourceDefinition")
_WORDS_ONLY: Final = frozenset({"description", "title", "example", "externalDocs", "x-kubernetes-map-type"})
"""What says nothing of what is valid: texts, and who owns which field of an applied object."""

_AS_A_WHOLE: Final = (None, "atomic")
_LOWER_BOUNDS: Final = frozenset({"minimum", "minLength", "minItems", "minProperties"})
_UPPER_BOUNDS: Final = frozenset({"maximum", "maxLength", "maxItems", "maxProperties"})
_OPENINGS: Final = frozenset(
    {"nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
)
_NEVER_TAKEN_AWAY: Final = frozenset({"type", "additionalProperties", "nullable"})
_RULES: Final = "x-kubernetes-validations"
"""The one word of Kubernetes' own that only refuses; the others say how objects are kept, cut and merged."""


class StoredVersionRemoved(Rule):
    id = "crd-stored-version"
    severity = Verdict.BLOCKED
    sees = "a CustomResourceDefinition loses the version that its objects are stored in"
    why = "The API server refuses it, for it could no longer read them."
    do = "Store objects in the new version first, migrate those there are, and remove the old version later."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in _definitions(change):
            old, new = _versions(altered.before), _versions(altered.after)
            gone = [
                name for name, version in old.items() if version.get("storage") is True and name not in new
            ]
            if gone:
                yield Sighting(
                    f"version {gone[0]} is removed", altered.key, (("spec", "versions", f"[{gone[0]}]"),)
                )


class SchemaNarrowed(Rule):
    id = "crd-narrowed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a CustomResourceDefinition accepts less, stores in another version, serves one no more or another "
        "one, has another default for a field that was there, or fills in a new one"
    )
    why = "Objects that are there may become invalid, lose fields, mean something else, or be out of reach."
    do = "Check the objects that are there against the new definition, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in _definitions(change):
            narrowed = list(_narrowed(altered))
            if narrowed:
                yield Sighting(first_few(narrowed, 5, "; "), altered.key, _VERSIONS)


class SchemaWidened(Rule):
    id = "crd-widened"
    severity = Verdict.SAFE
    sees = "a CustomResourceDefinition accepts all that it did, and perhaps more"
    why = "Every object that is there stays valid."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in _definitions(change):
            touched = any(field.path[:2] == ("spec", "versions") for field in altered.fields)
            if touched and not any(_narrowed(altered)):
                yield Sighting("it accepts all that it did", altered.key, _VERSIONS)


class DefinitionAdded(Rule):
    id = "crd-added"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a new CustomResourceDefinition"
    why = "It is for the whole cluster, and the first that defines a kind decides for all tenants."
    do = "Let the platform team install it, or check that nobody else defines the kind, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if (each.key.group, each.kind) == _CRD:
                yield Sighting("a new kind for the whole cluster", each.key, ((),))


_VERSIONS: Final = (("spec", "versions"),)


def _definitions(change: Change) -> Iterator[Altered]:
    return (each for each in change.altered if (each.key.group, each.key.kind) == _CRD)


def _versions(definition: Object) -> dict[str, Mapping[str, Any]]:
    return {
        untyped.text(untyped.at(each, "name")): untyped.mapping(each)
        for each in untyped.items(untyped.at(definition.body, "spec", "versions"))
    }


def _narrowed(altered: Altered) -> Iterator[str]:
    """Everything that objects could be or do before and no longer can."""
    old, new = _versions(altered.before), _versions(altered.after)
    for name in sorted(new.keys() - old.keys()):
        if new[name].get("served") is True:
            yield f"version {name} is served, and who writes by it drops what it does not know"
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            yield f"version {name} is removed"
            continue
        if before.get("served") is True and after.get("served") is not True:
            yield f"version {name} is served no more"
        if before.get("storage") != after.get("storage"):
            yield f"objects are {'' if after.get('storage') else 'no longer '}stored in {name}"
        schemas = (untyped.at(each, "schema", "openAPIV3Schema") for each in (before, after))
        yield from _narrower(name, *schemas)
        for other in sorted(
            {*before, *after} - {"name", "served", "storage", "schema", "additionalPrinterColumns"}
        ):
            if other not in {"deprecated", "deprecationWarning"} and before.get(other) != after.get(other):
                yield f"{name}: {other} changes"


def _narrower(place: str, before: Any, after: Any) -> Iterator[str]:
    """How one schema accepts less than another; what is not understood counts as less."""
    old, new = untyped.mapping(before), untyped.mapping(after)
    for word in sorted({*old, *new} - _WORDS_ONLY):
        was, now = old.get(word), new.get(word)
        if was != now:
            yield from _narrower_in(place, word, was, now, old, new)


def _narrower_in(
    place: str, word: str, was: Any, now: Any, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[str]:
    if word == "properties":
        yield from _narrower_properties(
            place, untyped.mapping(was), untyped.mapping(now), open_before=_is_open(old)
        )
    elif word in {"items", "additionalProperties"} and isinstance(was, Mapping) and isinstance(now, Mapping):
        yield from _narrower(f"{place}.{word}", was, now)
    elif word == "required":
        added = [field for field in untyped.items(now) if field not in untyped.items(was)]
        if added:
            yield f"{place} needs {', '.join(map(str, added))}"
    elif word == "x-kubernetes-list-type" and was in _AS_A_WHOLE and now in _AS_A_WHOLE:
        return
    elif word == "enum":
        lost = was is None or (
            now is not None and any(value not in untyped.items(now) for value in untyped.items(was))
        )
        if lost:
            yield f"{place} takes fewer values"
    elif word in _LOWER_BOUNDS or word in _UPPER_BOUNDS:
        if now is not None and not _is_wider(word, was, now):
            yield f"{place}: {word} {was} → {now}"
    elif word == "default" or (word in _OPENINGS and now is True):
        if word == "default" and (was, now) != (None, ""):
            yield f"{place}: another default" if was is not None else f"{place}: a default is new"
    elif (
        now is not None or word in _NEVER_TAKEN_AWAY or (word.startswith("x-kubernetes-") and word != _RULES)
    ):
        yield f"{place}: {word} changes"


def _is_wider(word: str, was: Any, now: Any) -> bool:
    """Whether a bound takes as much as before, as far as both are numbers."""
    before, after = quantity(was), quantity(now)
    if before is None or after is None:
        return False
    return after <= before if word in _LOWER_BOUNDS else after >= before


def _narrower_properties(
    place: str, old: Mapping[str, Any], new: Mapping[str, Any], *, open_before: bool
) -> Iterator[str]:
    for name in sorted({*old, *new}):
        if name not in new:
            yield f"{place}.{name} is removed"
        elif name in old:
            yield from _narrower(f"{place}.{name}", old[name], new[name])
        elif open_before:
            yield f"{place}.{name} is checked now"
        elif untyped.at(new[name], "default") is not None:
            yield f"{place}.{name} is new, and filled in where nobody says it"


def _is_open(schema: Mapping[str, Any]) -> bool:
    return schema.get("x-kubernetes-preserve-unknown-fields") is True or "additionalProperties" in schema


RULES = (StoredVersionRemoved(), SchemaNarrowed(), SchemaWidened(), DefinitionAdded())

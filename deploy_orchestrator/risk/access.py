"""Who may do what: roles and whom they are bound to."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import FieldChange, Object, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.metadata import FOR_PEOPLE, label_of
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = frozenset({"Role", "ClusterRole"})
_BINDINGS: Final = frozenset({"RoleBinding", "ClusterRoleBinding"})

Right = tuple[str, str, str, str, str | None]
"""`resource` with verb, API group, resource and name; or `url` with verb, "", URL and None. `*` is any, but
not as a name: any name is None. See `ResourceNameMatches` in Kubernetes' source.
"""

Subject = tuple[str, str, str]
"""Kind, namespace ("": none) and name."""


class RightsWidened(Rule):
    id = "rights-widened"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a role allows more, is bound to somebody it was not bound to, or gets a label by which other roles "
        "may gather its rights"
    )
    why = "Whoever takes over what runs under it can do more harm."
    do = "Check that the right is needed, and no wider than needed, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is(each, _ROLES) and "aggregationRule" in each.body:
                yield Sighting("a new role that gathers the rights of others", each.key, ((),))
            elif _is(each, _ROLES) and _rights(each):
                yield Sighting(f"a new role: {_named(_rights(each))}", each.key, ((),))
            elif _is(each, _BINDINGS) and _subjects(each):
                yield Sighting(f"a new binding: {_called(_subjects(each))}", each.key, ((),))
        for altered in change.altered:
            gained = _gained(altered.before, altered.after) if _paths(altered) else ""
            if gained:
                yield Sighting(f"it gains {gained}", altered.key, _paths(altered))
            if labels := [field for field in _gathering(altered) if field.after is not None]:
                names = ", ".join(f"{field.path[-1]}={field.after}" for field in labels)
                yield Sighting(
                    f"roles that gather others by the label {names} come to give its rights",
                    altered.key,
                    tuple(field.path for field in labels),
                )


class RightsNarrowed(Rule):
    id = "rights-narrowed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a role allows less, is no longer bound to somebody, or loses a label by which other roles may "
        "gather its rights"
    )
    why = "What relied on the right fails when it next needs it."
    do = "Check that nobody uses the right, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            lost = _gained(altered.after, altered.before) if _paths(altered) else ""
            if lost:
                yield Sighting(f"it loses {lost}", altered.key, _paths(altered))
            if labels := [field for field in _gathering(altered) if field.before is not None]:
                names = ", ".join(field.path[-1] for field in labels)
                yield Sighting(
                    f"roles that gather others by the label {names} no longer give its rights",
                    altered.key,
                    tuple(field.path for field in labels),
                )


class RightsRewritten(Rule):
    id = "rights-rewritten"
    severity = Verdict.SAFE
    sees = "a role says the same in other words"
    why = "The same rights are given."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if (
                not _paths(altered)
                or "aggregationRule" in altered.before.body
                or "aggregationRule" in altered.after.body
            ):
                continue
            if not _gained(altered.before, altered.after) and not _gained(altered.after, altered.before):
                yield Sighting("the same rights in other words", altered.key, _paths(altered))


def _is(each: Object, kinds: frozenset[str]) -> bool:
    return each.key.group == _GROUP and each.kind in kinds


def _paths(altered: Altered) -> tuple[tuple[str, ...], ...]:
    if not _is(altered.after, _ROLES | _BINDINGS):
        return ()
    return tuple(field.path for field in altered.fields if field.path[0] in {"rules", "subjects"})


def _gathering(altered: Altered) -> list[FieldChange]:
    """The labels that change by which an aggregated role may find this one: all that are not for people."""
    if not _is(altered.after, frozenset({"ClusterRole"})):
        return []
    labels = [(field, label_of(altered, field)) for field in altered.fields]
    return [field for field, label in labels if label is not None and label not in FOR_PEOPLE]


def _gained(before: Object, after: Object) -> str:
    """The rights or subjects that `after` has and `before` has not, in words."""
    if _is(after, _ROLES):
        old = _rights(before)
        return _named([right for right in _rights(after) if not any(_covers(wide, right) for wide in old)])
    if _is(after, _BINDINGS):
        return _called(_subjects(after) - _subjects(before))
    return ""


def _rights(role: Object) -> list[Right]:
    return [right for rule in untyped.items(role.body.get("rules")) for right in _rights_of(rule)]


def _rights_of(rule: Any) -> Iterator[Right]:
    verbs, names = _texts(rule, "verbs"), _texts(rule, "resourceNames") or [None]
    yield from product(["resource"], verbs, _texts(rule, "apiGroups"), _texts(rule, "resources"), names)
    yield from product(["url"], verbs, [""], _texts(rule, "nonResourceURLs"), [None])


def _texts(rule: Any, field: str) -> list[str]:
    return [untyped.text(item) for item in untyped.items(untyped.mapping(rule).get(field))]


def _covers(wide: Right, narrow: Right) -> bool:
    *wide_parts, wide_name = wide
    *narrow_parts, narrow_name = narrow
    return wide_name in (None, narrow_name) and all(
        have in {"*", want} for have, want in zip(wide_parts, narrow_parts, strict=True)
    )


def _subjects(binding: Object) -> frozenset[Subject]:
    found = untyped.mappings(binding.body.get("subjects"))
    return frozenset(
        (untyped.text(each.get("kind")), untyped.text(each.get("namespace")), untyped.text(each.get("name")))
        for each in found
    )


def _called(subjects: frozenset[Subject]) -> str:
    return ", ".join(sorted("/".join(filter(None, each)) for each in subjects))


def _named(rights: list[Right]) -> str:
    words = [
        " ".join(filter(None, (verb, ".".join(filter(None, (resource, group))), name)))
        for _, verb, group, resource, name in rights
    ]
    return first_few(words, 5)


RULES = (RightsWidened(), RightsNarrowed(), RightsRewritten())

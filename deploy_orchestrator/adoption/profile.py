"""What stands today and would block: exceptions that expire, and what an environment has to permit."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deploy_orchestrator.fleet import Environment, is_cluster_kind
from deploy_orchestrator.manifests import Finding, Manifests, is_cluster_scoped, scopes

UNKNOWN_SCOPE: Final = "unknown-scope"
NEVER: Final = frozenset(
    {"plain-secret", "volatile-output", "unknown-hook", "foreign-namespace", UNKNOWN_SCOPE}
)
"""Checks without an exception: it would publish a secret, hold nothing, or reach what is another's."""

_MANY: Final = 20
_REASON: Final = "stands so since before the adoption"


@dataclass(frozen=True, slots=True)
class ProfileNeeds:
    """The scopes of the `custom_kinds` that charts of an environment define for others, and the kinds outside
    of namespaces that its tenants make.
    """

    custom_kinds: Mapping[str, str]
    cluster_scoped: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.custom_kinds or self.cluster_scoped)


def needs_of(manifests: Iterable[Manifests], environment: Environment) -> ProfileNeeds:
    """What the releases of an environment need all together."""
    objects = [each for one in manifests for each in one.objects]
    known = scopes((each.body for each in objects), environment.custom_kinds)
    kinds = {
        kind: "Cluster" if whole else "Namespaced" for kind, whole in known.items() if is_cluster_kind(kind)
    }
    made = {each.key.group_kind for each in objects if is_cluster_scoped(each.key, known)}
    made = {kind for kind in made if is_cluster_kind(kind)}
    return ProfileNeeds(dict(sorted(kinds.items())), tuple(sorted(made - {"Namespace"})))


def unknown_kinds(findings: Iterable[Finding]) -> list[str]:
    """The custom kinds of which nobody says whether they are in namespaces."""
    return sorted({each.object.group_kind for each in findings if each.rule == UNKNOWN_SCOPE and each.object})


def exceptions_for(findings: Iterable[Finding], expires: datetime) -> list[dict[str, Any]]:
    """An exception for each rule that is broken and object that breaks it, until `expires`; one for all
    objects where there are many.
    """
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for each in findings:
        if each.severity == "error" and each.rule not in NEVER:
            found[each.rule].add(f"{each.object.kind}/{each.object.name}" if each.object else None)
    return [
        {
            "rule": rule,
            **({"object": name} if name else {}),
            "reason": _REASON,
            "expires": expires.isoformat(),
        }
        for rule, names in sorted(found.items())
        for name in ([None] if None in names or len(names) > _MANY else sorted(filter(None, names)))
    ]

"""What a pod may do on its node and in the cluster, apart from roles."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import FieldChange, NamedPath, Object, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import containers_of, held_back, spec_of
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_LEVELS: Final = ("restricted", "baseline", "privileged")
_LEVEL_LABEL: Final = "pod-security.kubernetes.io/enforce"
_TIGHTENED: Final[Mapping[NamedPath, tuple[tuple[Any, ...], Any]]] = {
    ("allowPrivilegeEscalation",): ((None, True), False),
    ("runAsNonRoot",): ((None, False), True),
    ("seccompProfile", "type"): ((None, "Unconfined"), "RuntimeDefault"),
}
"""What a security context may say before, and after."""

_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


class PrivilegeAdded(Rule):
    id = "privilege-added"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a pod may do more on its node: root, capabilities, host access, a weaker security context"
    why = "Whoever takes over the container can get out of it more easily."
    do = "Check that it is needed; prefer the narrowest right that does, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            granted = sorted(_granted(each))
            if granted:
                yield Sighting(f"a new pod with {', '.join(granted)}", each.key)
        for altered in change.altered:
            before, after = altered.before, altered.after
            gained = sorted((_granted(after) | _unconfined(after)) - (_granted(before) | _unconfined(before)))
            if gained:
                yield Sighting(f"it gains {', '.join(gained)}", altered.key, _context_paths(altered))


class Confined(FieldRule):
    id = "confined"
    severity = Verdict.SAFE
    sees = (
        "containers come to run without privilege escalation, with the runtime's seccomp profile, or with "
        "the word that they are no root where their user is another anyway"
    )
    why = "They may do less on their node, and a roll-out stops where new pods do not get ready."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        pod = altered.in_pod(field) or ()
        inner = altered.in_container(field) or (pod[1:] if pod[:1] == ("spec",) else ())
        known = [container.path for container in containers_of(altered.before)]
        new = (
            altered.in_container(field) is not None
            and field.path[: len(field.path) - len(inner)] not in known
        )
        rolls = altered.key.group == "apps" and held_back(altered.after) is None
        if inner[:1] != ("securityContext",) or new or not rolls:
            return None
        said = inner[1:]
        before, after = _TIGHTENED.get(said, ((), None))
        if field.after != after or field.before not in before:
            return None
        return None if said == ("runAsNonRoot",) and not _has_user(altered.after) else field.field


class PodSecurityLowered(FieldRule):
    id = "pod-security-lowered"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the Pod Security level of a namespace is lowered"
    why = "Pods that were refused until now are let in."
    do = "Put the level back, or check that every pod of the tenant needs the lower one."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.key.kind != "Namespace" or field.path != ("metadata", "labels", _LEVEL_LABEL):
            return None
        before, after = _level(field.before), _level(field.after)
        return f"{_LEVELS[before]} → {_LEVELS[after]}" if after > before else None


class IdentityChanged(FieldRule):
    id = "identity-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "pods run under another service account"
    why = "They gain and lose whatever the accounts may do, in the cluster and with the cloud."
    do = "Compare what both accounts may do, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.in_pod(field) not in {
            ("spec", "serviceAccountName"),
            ("spec", "serviceAccount"),
        }:
            return None
        return f"service account {field.before or 'default'} → {field.after or 'default'}"


def _level(value: Any) -> int:
    return _LEVELS.index(value) if value in _LEVELS else len(_LEVELS) - 1


def _has_user(each: Object) -> bool:
    """Whether every container runs under a user that is named and not root."""
    users = (_context(spec_of(each), container.body).get("runAsUser") for container in containers_of(each))
    return all(isinstance(user, int) and user > 0 for user in users)


def _granted(each: Object) -> set[str]:
    """What the pods of an object are given beyond what any pod has."""
    spec = spec_of(each)
    found = {name for name in _HOST if spec.get(name) is True}
    for volume in untyped.items(spec.get("volumes")):
        if untyped.mapping(volume).get("hostPath") is not None:
            found.add(f"the host's {untyped.text(untyped.at(volume, 'hostPath', 'path'))}")
    for container in containers_of(each):
        found |= {
            f"{word} ({container.name})"
            for word in _granted_to(container.body, _context(spec, container.body))
        }
    return found


def _granted_to(container: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("privileged") is True:
        yield "privileged"
    if context.get("runAsUser") == 0:
        yield "user 0"
    if context.get("procMount") not in {None, "Default"}:
        yield "unmasked /proc"
    yield from (
        f"capability {untyped.text(name)}"
        for name in untyped.items(untyped.at(context, "capabilities", "add"))
    )
    yield from (
        f"host port {untyped.at(port, 'hostPort')}"
        for port in untyped.items(container.get("ports"))
        if untyped.at(port, "hostPort")
    )


def _unconfined(each: Object) -> set[str]:
    """In what the pods of an object are less confined than Pod Security `restricted` and good practice ask
    for.
    """
    spec = spec_of(each)
    found = {
        f"{word} ({container.name})"
        for container in containers_of(each)
        for word in _missing(_context(spec, container.body))
    }
    return found | (
        {"a service account token"}
        if spec and spec.get("automountServiceAccountToken") is not False
        else set()
    )


def _missing(context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield "privilege escalation"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "a writable root file system"
    if context.get("runAsNonRoot") is not True:
        yield "root allowed"
    if untyped.at(context, "seccompProfile", "type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    if "ALL" not in untyped.items(untyped.at(context, "capabilities", "drop")):
        yield "default capabilities"


def _context(spec: Mapping[str, Any], container: Mapping[str, Any]) -> Mapping[str, Any]:
    own = untyped.mapping(container.get("securityContext"))
    return {
        **untyped.mapping(spec.get("securityContext")),
        **{field: value for field, value in own.items() if value is not None},
    }


def _context_paths(altered: Altered) -> tuple[tuple[str, ...], ...]:
    return tuple(field.path for field in altered.fields if _is_context(altered, field))


def _is_context(altered: Altered, field: FieldChange) -> bool:
    inner = altered.in_container(field)
    if inner is not None:
        return inner[:1] == ("securityContext",)
    path = altered.in_pod(field) or ()
    return path[:1] == ("spec",) and path[1:2] in {
        ("securityContext",),
        ("automountServiceAccountToken",),
        *((name,) for name in _HOST),
    }


RULES = (PrivilegeAdded(), Confined(), PodSecurityLowered(), IdentityChanged())

"""The accounts that pods run under, and what they are given."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import Object, untyped
from deploy_orchestrator.risk.pods import spec_of

_RBAC: Final = "rbac.authorization.k8s.io"
_WORKLOADS: Final = frozenset({"*", "daemonsets", "deployments", "replicasets", "statefulsets"})
_GROUPS: Final = frozenset({"*", "apps"})
_CHANGING: Final = frozenset({"*", "delete", "deletecollection", "patch", "update"})
_KUBERNETES: Final = frozenset({"admin", "cluster-admin", "edit"})
"""Roles that each cluster has and that give all that:
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles.
"""


def account_of(each: Object) -> str | None:
    """The account that the pods of an object run under; None for what makes no pods."""
    spec = spec_of(each)
    named = untyped.text(spec.get("serviceAccountName") or spec.get("serviceAccount"))
    return (named or "default") if spec else None


def is_given_to(account: str | None, binding: Object, namespace: str | None) -> bool:
    """Whether a binding gives rights to an account, by its name or by a group that it is in."""
    names = {
        "system:authenticated",
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        f"system:serviceaccount:{namespace}:{account}",
    }
    return binding.key.group == _RBAC and any(
        untyped.text(subject.get("name")) in names
        or (subject.get("kind"), subject.get("name")) == ("ServiceAccount", account)
        for subject in untyped.mappings(binding.body.get("subjects"))
    )


def changes_workloads(each: Object, objects: Iterable[Object]) -> bool:
    """Whether the pods of an object run under an account that may change workloads that are there, by the
    roles among `objects`.
    """
    account = account_of(each)
    if account is None:
        return False
    by_rbac = [other for other in objects if other.key.group == _RBAC]
    roles = {(other.kind, other.namespace, other.name): other for other in by_rbac}
    return any(_gives(other, roles) for other in by_rbac if is_given_to(account, other, each.namespace))


def _gives(binding: Object, roles: Mapping[tuple[str, str | None, str], Object]) -> bool:
    kind, name = (untyped.text(untyped.at(binding.body, "roleRef", step)) for step in ("kind", "name"))
    role = roles.get((kind, binding.namespace if kind == "Role" else None, name))
    if role is None:
        return kind == "ClusterRole" and name in _KUBERNETES
    return any(map(_lets_change, untyped.mappings(role.body.get("rules"))))


def _lets_change(rule: Mapping[str, Any]) -> bool:
    wanted = {"apiGroups": _GROUPS, "resources": _WORKLOADS, "verbs": _CHANGING}
    return not any(known.isdisjoint(untyped.texts(rule.get(field))) for field, known in wanted.items())

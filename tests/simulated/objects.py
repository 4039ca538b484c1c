"""Objects of a cluster as plain data: what they are called, how they are changed, why one is refused."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

Body = dict[str, Any]

_ADMISSION = "admissionregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io/v1"
_ARGO = "argoproj.io/v1alpha1"
_CLUSTER_SCOPED = frozenset(
    {
        "CustomResourceDefinition",
        "Namespace",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
_SERVED = {
    "v1": {
        "configmaps": "ConfigMap",
        "namespaces": "Namespace",
        "pods": "Pod",
        "resourcequotas": "ResourceQuota",
        "secrets": "Secret",
        "serviceaccounts": "ServiceAccount",
    },
    "batch/v1": {"jobs": "Job"},
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": "CustomResourceDefinition"},
    _ADMISSION: {
        "validatingadmissionpolicies": "ValidatingAdmissionPolicy",
        "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
    },
    _RBAC: {"rolebindings": "RoleBinding", "roles": "Role"},
    _ARGO: {
        "applications": "Application",
        "applicationsets": "ApplicationSet",
        "appprojects": "AppProject",
    },
}


class Refused(Exception):
    """What the server answers in place of an object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    @property
    def status(self) -> Body:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }


class Kind(NamedTuple):
    api_version: str
    plural: str
    name: str

    @property
    def namespaced(self) -> bool:
        return self.name not in _CLUSTER_SCOPED

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def resource(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Key(NamedTuple):
    kind: Kind
    namespace: str
    name: str

    def missing(self) -> Refused:
        return Refused(404, "NotFound", f'{self.kind.resource} "{self.name}" not found')


def invalid(key: Key, why: str) -> Refused:
    return Refused(422, "Invalid", f'{key.kind.name} "{key.name}" is invalid: {why}')


SERVED = {
    (version, plural): Kind(version, plural, name)
    for version, served in _SERVED.items()
    for plural, name in served.items()
}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(into: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    result = dict(into) if isinstance(into, dict) else {}
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def without(live: Any, before: Any, wanted: Any) -> Any:
    """`live` without the fields that a manager applied `before` and no longer wants."""
    if not (isinstance(live, dict) and isinstance(before, dict) and isinstance(wanted, dict)):
        return live
    kept = {name: value for name, value in live.items() if name in wanted or name not in before}
    return {name: without(value, before.get(name), wanted.get(name)) for name, value in kept.items()}


def matching(text: str) -> Callable[[Body], bool]:
    """A label selector of `name`, `name=value` and `name in (one,two)`."""
    wanted: list[tuple[str, set[str] | None]] = []
    for each in re.findall(r"(?:[^,(]|\([^)]*\))+", text):
        name, equals, value = each.partition("=")
        if " in (" in each:
            name, _, values = each.partition(" in (")
            wanted.append((name, set(values.rstrip(")").split(","))))
        else:
            wanted.append((name, {value} if equals else None))

    def selects(body: Body) -> bool:
        labels = body["metadata"].get("labels") or {}
        return all(name in labels and (values is None or labels[name] in values) for name, values in wanted)

    return selects

"""Roles give a tenant's workloads what they need, and no way to more."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests, Object

_GROUP: Final = "rbac.authorization.k8s.io"
_ESCALATING_VERBS: Final = frozenset({"bind", "escalate", "impersonate"})
_WRITING_VERBS: Final = frozenset({"create", "update", "patch", "*"})
_GRANTING: Final = frozenset(
    {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts/token"}
)
_POWERFUL: Final = frozenset({"admin", "cluster-admin", "edit"})
_OF_CONTROLLERS: Final = ("system:aggregate-to-", "system:controller:", "system:kube-", "system:node")
"""How roles begin that Kubernetes has for itself, and those that `admin` and `edit` are made of."""
_EVERYBODY: Final = frozenset(
    {"system:anonymous", "system:authenticated", "system:serviceaccounts", "system:unauthenticated"}
)
_ACCOUNTS: Final = re.compile(r"system:serviceaccounts?:([^:]+)")
"""The names under which the ServiceAccounts of a namespace are users and a group."""


def _rules(manifests: Manifests) -> Iterator[tuple[Object, str, Mapping[str, Any]]]:
    for object_ in manifests.objects:
        if object_.key.group == _GROUP and object_.kind in {"Role", "ClusterRole"}:
            for index, rule in enumerate(untyped.mappings(object_.body.get("rules"))):
                yield object_, f"rules[{index}]", rule


def _bindings(manifests: Manifests) -> Iterator[Object]:
    for object_ in manifests.objects:
        if object_.key.group == _GROUP and object_.kind in {"RoleBinding", "ClusterRoleBinding"}:
            yield object_


def _wildcards(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_, where, rule in _rules(manifests):
        for field in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
            if any("*" in each for each in untyped.texts(rule.get(field))):
                yield Broken(object_.key, f"{where}.{field} has a wildcard")


def _escalations(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_, where, rule in _rules(manifests):
        verbs, resources = set(untyped.texts(rule.get("verbs"))), set(untyped.texts(rule.get("resources")))
        for verb in sorted(verbs & _ESCALATING_VERBS):
            yield Broken(object_.key, f"{where} allows to {verb}")
        if verbs & _WRITING_VERBS:
            for resource in sorted(resources & _GRANTING):
                yield Broken(object_.key, f"{where} allows to write {resource}")
    for binding in _bindings(manifests):
        role = untyped.mapping(binding.body.get("roleRef"))
        name = untyped.text(role.get("name"))
        if role.get("kind") == "ClusterRole" and (name in _POWERFUL or name.startswith(_OF_CONTROLLERS)):
            yield Broken(binding.key, f"it binds the cluster's role {name}")


def _strangers(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    own = deployment.namespaces
    for binding in _bindings(manifests):
        for subject in untyped.mappings(binding.body.get("subjects")):
            name, namespace = subject.get("name"), subject.get("namespace")
            if subject.get("kind") == "ServiceAccount" and namespace not in (None, *own):
                yield Broken(binding.key, f"it lets {namespace}/{name} in")
            elif (found := _ACCOUNTS.match(str(name))) and found[1] not in own:
                yield Broken(binding.key, f"it lets {name} in")
            if str(name) in _EVERYBODY:
                yield Broken(binding.key, f"it lets {name} in")


MANIFEST_CHECKS = (
    ManifestCheck(
        "rbac-wildcard",
        "error",
        "A wildcard grants what nobody has thought of, and what the next version adds.",
        "name the verbs, resources and API groups that are needed",
        _wildcards,
    ),
    ManifestCheck(
        "rbac-escalation",
        "error",
        "Whoever may do this can give themselves any right in the namespace.",
        "take the right away, or let the platform team bind the role",
        _escalations,
    ),
    ManifestCheck(
        "rbac-stranger",
        "error",
        "Rights in a tenant's namespace are for the tenant's own.",
        "bind the role to a ServiceAccount of the tenant's namespace, or to its owners",
        _strangers,
    ),
)

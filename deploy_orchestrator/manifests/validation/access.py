"""Who may do what: roles and their bindings.

After `k8s.io/kubernetes/pkg/apis/rbac/validation`.
"""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Rule, Shape, found, is_absent

_GROUP: Final = "rbac.authorization.k8s.io"


def _rules(role: Fields) -> Iterator[Refusal]:
    for index, rule in enumerate(untyped.mappings(role.get("rules"))):
        if rule.get("nonResourceURLs"):
            yield Refusal(("rules", index, "nonResourceURLs"), "may not be set in a namespace")


def _policy(rule: Fields) -> Iterator[Refusal]:
    if rule.get("nonResourceURLs"):
        for field in ("apiGroups", "resources", "resourceNames"):
            if rule.get(field):
                yield Refusal((field,), "may not be set beside nonResourceURLs")
        return
    for field in ("apiGroups", "resources"):
        if is_absent(rule.get(field)):
            yield Refusal((field,), "required, and absent")


def _aggregation(role: Fields) -> Iterator[Refusal]:
    rule = role.get("aggregationRule")
    if rule is not None and not untyped.at(rule, "clusterRoleSelectors"):
        yield Refusal(("aggregationRule", "clusterRoleSelectors"), "required, and absent")


def _refers_to(*kinds: str) -> Rule:
    known = formats.one_of(*kinds)

    def rule(binding: Fields) -> Iterator[Refusal]:
        role = untyped.mapping(binding.get("roleRef"))
        if (group := role.get("apiGroup") or _GROUP) != _GROUP:
            yield Refusal(("roleRef", "apiGroup"), found(f"must be {_GROUP}", group))
        if said := known(role.get("kind")):
            yield Refusal(("roleRef", "kind"), found(said, role.get("kind")))
        if is_absent(role.get("name")):
            yield Refusal(("roleRef", "name"), "required, and absent")
        elif said := formats.path_segment(role.get("name")):
            yield Refusal(("roleRef", "name"), found(said, role.get("name")))

    return rule


def _namespaces(binding: Fields) -> Iterator[Refusal]:
    for index, subject in enumerate(untyped.mappings(binding.get("subjects"))):
        if subject.get("kind") == "ServiceAccount" and is_absent(subject.get("namespace")):
            yield Refusal(("subjects", index, "namespace"), "required, and absent")


def _subject(subject: Fields) -> Iterator[Refusal]:
    kind, group = subject.get("kind"), subject.get("apiGroup")
    if kind == "ServiceAccount":
        if group:
            yield Refusal(("apiGroup",), found("must be empty for a ServiceAccount", group))
        if subject.get("name") and (said := formats.dns_subdomain(subject["name"])):
            yield Refusal(("name",), found(said, subject["name"]))
    elif kind in {"Group", "User"} and (group or _GROUP) != _GROUP:
        yield Refusal(("apiGroup",), found(f"must be {_GROUP}", group))


SHAPES: Final = {
    "rbac.v1.Role": Shape(rules=(_rules,)),
    "rbac.v1.ClusterRole": Shape(rules=(_aggregation,)),
    "rbac.v1.PolicyRule": Shape(required=("verbs",), rules=(_policy,)),
    "rbac.v1.RoleBinding": Shape(rules=(_refers_to("ClusterRole", "Role"),)),
    "rbac.v1.ClusterRoleBinding": Shape(rules=(_refers_to("ClusterRole"), _namespaces)),
    "rbac.v1.Subject": Shape(
        required=("name", "kind"),
        fields={"kind": formats.one_of("Group", "ServiceAccount", "User")},
        rules=(_subject,),
    ),
}

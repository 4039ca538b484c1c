"""What judges other objects on their way in: webhooks and admission policies.

After `k8s.io/kubernetes/pkg/apis/admissionregistration/validation`. Expressions are not compiled.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    each,
    exactly_one,
    found,
    is_absent,
    no_duplicates,
)

_VERSIONS: Final = frozenset({"v1", "v1beta1"})
_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_LEAST_LABELS: Final = 3
_DECISIONS: Final = formats.one_of("Fail", "Ignore")
_MATCHING: Final = formats.one_of("Equivalent", "Exact")


def _qualified(value: str) -> str | None:
    if said := formats.dns_subdomain(value):
        return said
    return (
        None if value.count(".") >= _LEAST_LABELS - 1 else "must have three parts at least, with dots between"
    )


def _url(value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.netloc:
        return "must be https://host with a path or without"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "must have no user, query or fragment"
    return None


def _reviews(webhook: Fields) -> Iterator[Refusal]:
    versions = untyped.texts(webhook.get("admissionReviewVersions"))
    if len(set(versions)) < len(versions):
        yield Refusal(("admissionReviewVersions",), found("must be each once", versions))
    elif versions and _VERSIONS.isdisjoint(versions):
        yield Refusal(("admissionReviewVersions",), found("must have v1 among them", versions))


def _rule(rule: Fields) -> Iterator[Refusal]:
    for field in ("apiGroups", "apiVersions", "resources"):
        values = untyped.texts(rule.get(field))
        if not values:
            yield Refusal((field,), "required, and absent")
        if "*" in values and len(values) > 1 and field != "resources":
            yield Refusal((field,), "must be * alone where it is *")
        if field != "apiGroups" and "" in values:
            yield Refusal((field,), "may not be empty")
    operations = untyped.texts(rule.get("operations"))
    if not operations:
        yield Refusal(("operations",), "required, and absent")
    if "*" in operations and len(operations) > 1:
        yield Refusal(("operations",), "must be * alone where it is *")


def _policy(spec: Fields) -> Iterator[Refusal]:
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        yield Refusal(("validations",), "needs validations or auditAnnotations")
    if is_absent(untyped.at(spec, "matchConstraints", "resourceRules")):
        yield Refusal(("matchConstraints", "resourceRules"), "required, and absent")


_WEBHOOK: Final = Shape(
    required=("name", "admissionReviewVersions", "sideEffects"),
    fields={
        "admissionReviewVersions": each(formats.dns_1035_label),
        "failurePolicy": _DECISIONS,
        "matchPolicy": _MATCHING,
        "name": _qualified,
        "reinvocationPolicy": formats.one_of("IfNeeded", "Never"),
        "sideEffects": formats.one_of("None", "NoneOnDryRun"),
        "timeoutSeconds": formats.within(1, 30),
    },
    not_empty=("failurePolicy", "matchPolicy", "reinvocationPolicy"),
    rules=(_reviews,),
)
_WEBHOOKS: Final = Shape(rules=(no_duplicates("webhooks", "name"),))
_RULE: Final = Shape(
    fields={
        "operations": each(formats.one_of(*_OPERATIONS)),
        "scope": formats.one_of("*", "Cluster", "Namespaced"),
    },
    not_empty=("scope",),
    rules=(_rule,),
)
_SERVICE: Final = Shape(
    required=("name", "namespace"), fields={"port": formats.port_number, "path": formats.url_path}
)
_CLIENT: Final = Shape(fields={"url": _url}, rules=(exactly_one("url", "service", of="address"),))

SHAPES: Final = {
    "admissionregistration.v1.MutatingWebhook": _WEBHOOK,
    "admissionregistration.v1.MutatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.v1.ValidatingWebhook": _WEBHOOK,
    "admissionregistration.v1.ValidatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.v1.RuleWithOperations": _RULE,
    "admissionregistration.v1.NamedRuleWithOperations": _RULE,
    "admissionregistration.v1.WebhookClientConfig": _CLIENT,
    "admissionregistration.v1.ServiceReference": _SERVICE,
    "admissionregistration.v1.MatchCondition": Shape(
        required=("name", "expression"), fields={"name": formats.label_key}
    ),
    "admissionregistration.v1.MatchResources": Shape(
        fields={"matchPolicy": _MATCHING}, not_empty=("matchPolicy",)
    ),
    "admissionregistration.v1.ParamKind": Shape(required=("apiVersion", "kind")),
    "admissionregistration.v1.Validation": Shape(
        required=("expression",),
        fields={"reason": formats.one_of("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")},
    ),
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": Shape(
        fields={"failurePolicy": _DECISIONS}, not_empty=("failurePolicy",), rules=(_policy,)
    ),
    "admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec": Shape(
        required=("policyName", "validationActions"),
        fields={
            "policyName": formats.dns_subdomain,
            "validationActions": each(formats.one_of("Audit", "Deny", "Warn")),
        },
    ),
    "admissionregistration.v1.ParamRef": Shape(
        required=("parameterNotFoundAction",),
        fields={"parameterNotFoundAction": formats.one_of("Allow", "Deny")},
        rules=(exactly_one("name", "selector", of="way to find it"),),
    ),
}

"""What the orchestrator may do in the cluster: read Applications, and have them sync what is released.

RBAC grants `patch` on whole objects; the admission policy narrows it to the fields that a sync needs.
"""

from typing import Any

from deploy_orchestrator.delivery.argocd.names import ACCOUNT, REFRESH, REFRESH_SET

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io/v1"
_KINDS = ["applications", "applicationsets"]


def access(namespace: str) -> list[dict[str, Any]]:
    """The ServiceAccount in Argo CD's `namespace`, its Role, and the ValidatingAdmissionPolicy that binds it.

    The policy has no namespace of its own: its name tells which Argo CD of the cluster it is for.
    """
    named = {"name": ACCOUNT, "namespace": namespace}
    user = f"system:serviceaccount:{namespace}:{ACCOUNT}"
    policy = f"{ACCOUNT}.{namespace}"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": named,
            "rules": [
                {
                    "apiGroups": ["argoproj.io"],
                    "resources": _KINDS,
                    "verbs": ["get", "list", "watch", "patch"],
                }
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", **named}],
        },
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": policy},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": ["argoproj.io"],
                            "apiVersions": ["*"],
                            "resources": ["*"],
                            "operations": ["CREATE", "UPDATE", "DELETE"],
                        }
                    ]
                },
                "matchConditions": [
                    {"name": ACCOUNT, "expression": f"request.userInfo.username == {user!r}"}
                ],
                "validations": _VALIDATIONS,
            },
        },
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": policy},
            "spec": {"policyName": policy, "validationActions": ["Deny"]},
        },
    ]


def _same(field: str) -> str:
    """CEL: a field, optional at every step, is as it was."""
    return f"object.?{field} == oldObject.?{field}"


def _same_but(field: str, *keys: str) -> str:
    """CEL: all keys of an optional map are as they were, but those named."""
    now, before = (f"{which}.?{field}.orValue({{}})" for which in ("object", "oldObject"))
    named = f"key in {list(keys)}"
    return (
        f"{now}.all(key, {named} || (key in {before} && {now}[key] == {before}[key])) && "
        f"{before}.all(key, {named} || key in {now})"
    )


_VALIDATIONS = [
    {
        "expression": "request.operation == 'UPDATE'",
        "message": "the orchestrator creates and deletes nothing",
    },
    {
        "expression": " && ".join(_same(field) for field in ("spec", "metadata.?labels")),
        "message": "the orchestrator changes neither spec nor labels",
    },
    {
        "expression": " && ".join(_same(f"metadata.?{field}") for field in ("finalizers", "ownerReferences")),
        "message": "the orchestrator changes neither finalizers nor owners",
    },
    {
        "expression": _same_but("metadata.?annotations", REFRESH, REFRESH_SET),
        "message": "the orchestrator changes no annotations but those that ask for a refresh",
    },
    {
        "expression": _same_but("status", "operationState"),
        "message": "the orchestrator changes no status but the operation's",
    },
    {
        # Argo CD resumes what stands in the state of an operation, so nothing new may be put there.
        "expression": (
            f"!object.?status.?operationState.hasValue() || {_same('status.?operationState')}"
            " || (object.status.operationState.?phase.orValue('') == 'Terminating'"
            f" && {_same_but('status.?operationState', 'phase')})"
        ),
        "message": "the orchestrator changes no operation's state but to clear or to end it",
    },
    {
        "expression": (
            f"!has(object.operation) || {_same('operation')} || (has(object.operation.sync)"
            " && object.operation.sync.?revision.orValue('') == object.spec.source.targetRevision"
            " && !object.operation.?retry.?refresh.orValue(false)"
            " && object.operation.sync.?syncOptions == object.spec.?syncPolicy.?syncOptions"
            " && object.operation.sync.all(key, key in ['revision', 'prune', 'syncStrategy', 'syncOptions']))"
        ),
        "message": "the orchestrator syncs nothing but what the Application targets",
    },
]

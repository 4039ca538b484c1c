"""What a namespace that somebody else has made gives its tenant, and what it lacks."""

from typing import Final

from deploy_orchestrator.delivery.cluster import ClusterClient
from deploy_orchestrator.delivery.errors import DeliveryError
from deploy_orchestrator.manifests import Object
from deploy_orchestrator.risk import Reason, Verdict

_ENFORCED: Final = "pod-security.kubernetes.io/enforce"
_RESTRICTED: Final = "restricted"


def lacking(cluster: ClusterClient, namespace: str) -> tuple[Reason, ...]:
    """A reason for each thing that the platform chart would have given, and the `namespace` has not: that it
    is there, Pod Security at `restricted`, and a quota. Where the cluster does not tell, that is one.
    """
    try:
        found = cluster.read(_namespace(namespace), "")
        quotas = cluster.list("v1", "ResourceQuota", namespace) if found else []
    except DeliveryError as error:
        return (
            _reason("existing-namespace-unknown", Verdict.NEEDS_APPROVAL, f"it cannot be read: {error.what}"),
        )
    if found is None:
        said = f"the namespace {namespace} is not there, and nobody makes it"
        return (_reason("existing-namespace-missing", Verdict.BLOCKED, said),)
    enforced = found.labels.get(_ENFORCED)
    reasons: list[Reason] = []
    if enforced != _RESTRICTED:
        said = f"{namespace} enforces Pod Security {enforced or 'not at all'}, not {_RESTRICTED}"
        reasons.append(_reason("existing-namespace-open", Verdict.NEEDS_APPROVAL, said))
    if not quotas:
        said = f"{namespace} has no ResourceQuota"
        reasons.append(_reason("existing-namespace-open", Verdict.NEEDS_APPROVAL, said))
    return tuple(reasons)


def _namespace(name: str) -> Object:
    return Object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _reason(rule: str, severity: Verdict, saw: str) -> Reason:
    return Reason(
        rule=rule,
        severity=severity,
        saw=saw,
        why="Somebody else has made the namespace, so that the platform chart gives it nothing.",
        do="Let whoever made it mend that, or approve it as it is.",
    )

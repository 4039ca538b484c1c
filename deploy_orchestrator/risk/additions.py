"""New objects that no other rule minds."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import Object, hooks
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.network import is_open_service
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_HARMLESS: Final = frozenset(
    {
        ("", "ConfigMap"),
        ("", "PersistentVolumeClaim"),
        ("", "Secret"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("bitnami.com", "SealedSecret"),
        ("external-secrets.io", "ExternalSecret"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ServiceMonitor"),
    }
)


class ObjectAdded(Rule):
    id = "object-added"
    severity = Verdict.SAFE
    sees = "a new object of a kind that by itself changes nothing for what runs already"
    why = "Nothing that runs is replaced, and the quota bounds what it takes."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_harmless(each):
                yield Sighting(f"a new {each.kind}", each.key, ((),))


def _is_harmless(each: Object) -> bool:
    return (each.key.group, each.kind) in _HARMLESS and not hooks.is_hook(each) and not is_open_service(each)


RULES = (ObjectAdded(),)

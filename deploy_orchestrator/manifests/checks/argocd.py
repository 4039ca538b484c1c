"""What steers Argo CD is not a tenant's.

Whoever writes Applications, AppProjects or the settings of Argo CD is an administrator of all that it
deploys: https://argo-cd.readthedocs.io/en/stable/operator-manual/security/.
"""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests

_GROUP: Final = "argoproj.io"
_OF_OTHER_PROGRAMS: Final = frozenset(
    {
        "AnalysisRun",
        "AnalysisTemplate",
        "CronWorkflow",
        "EventBus",
        "EventSource",
        "Experiment",
        "Rollout",
        "Sensor",
        "Workflow",
        "WorkflowArtifactGCTask",
        "WorkflowEventBinding",
        "WorkflowTaskResult",
        "WorkflowTaskSet",
        "WorkflowTemplate",
    }
)
"""Kinds within a namespace of Argo Rollouts, Workflows and Events, which share Argo CD's group."""

_NAMES: Final = "argocd-"
_SECRET_TYPE: Final = "argocd.argoproj.io/secret-type"  # noqa: S105


def _steering(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        if object_.key.group == _GROUP and object_.kind not in _OF_OTHER_PROGRAMS:
            yield Broken(object_.key, f"a {object_.kind} steers Argo CD")
        elif object_.name.startswith(_NAMES):
            yield Broken(object_.key, f"Argo CD reads objects that are called {_NAMES}*")
        elif _SECRET_TYPE in object_.labels:
            yield Broken(object_.key, f"Argo CD reads what has the label {_SECRET_TYPE}")


MANIFEST_CHECKS = (
    ManifestCheck(
        "argocd-steered",
        "error",
        "Whoever writes what Argo CD goes by is an administrator of every tenant that it deploys.",
        "leave it to the platform team, or give the object another name; where a tenant may have it, "
        "make an exception in its tenant.yaml",
        _steering,
    ),
)

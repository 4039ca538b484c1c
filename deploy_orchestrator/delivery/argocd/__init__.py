"""Argo CD, driven through the Kubernetes API."""

from deploy_orchestrator.delivery.argocd.bootstrap import bootstrap, unsaid_windows
from deploy_orchestrator.delivery.argocd.engine import ArgoCD
from deploy_orchestrator.delivery.argocd.instances import Contexts, Instances
from deploy_orchestrator.delivery.argocd.names import delivers_release
from deploy_orchestrator.delivery.argocd.unused import unused_projects

__all__ = [
    "ArgoCD",
    "Contexts",
    "Instances",
    "bootstrap",
    "delivers_release",
    "unsaid_windows",
    "unused_projects",
]

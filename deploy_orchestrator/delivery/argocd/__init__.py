"""Argo CD, driven through the Kubernetes API."""

from deploy_orchestrator.delivery.argocd.bootstrap import bootstrap
from deploy_orchestrator.delivery.argocd.engine import ArgoCD

__all__ = ["ArgoCD", "bootstrap"]

"""Make releases live and watch them: one interface to what delivers, and the engines behind it."""

from deploy_orchestrator.delivery.argocd import ArgoCD, bootstrap
from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.errors import (
    DeliveryError,
    EngineUnreachable,
    NotDeployed,
    SyncError,
    SyncFailed,
    SyncSuperseded,
    SyncTimedOut,
)
from deploy_orchestrator.delivery.follow import follow
from deploy_orchestrator.delivery.sandbox import Sandbox
from deploy_orchestrator.delivery.status import Health, Hook, Operation, Phase, Status, Sync

__all__ = [
    "ArgoCD",
    "DeliveryError",
    "Engine",
    "EngineUnreachable",
    "Health",
    "Hook",
    "NotDeployed",
    "Operation",
    "Phase",
    "Sandbox",
    "Status",
    "Sync",
    "SyncError",
    "SyncFailed",
    "SyncSuperseded",
    "SyncTimedOut",
    "bootstrap",
    "follow",
]

"""Make releases live and watch them: one interface to what delivers, and the engines behind it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.delivery.applying import apply
    from deploy_orchestrator.delivery.argocd import (
        ArgoCD,
        Contexts,
        Instances,
        bootstrap,
        delivers_release,
        unsaid_windows,
        unused_projects,
    )
    from deploy_orchestrator.delivery.by_environment import ByEnvironment
    from deploy_orchestrator.delivery.cluster import ClusterClient
    from deploy_orchestrator.delivery.engine import Engine
    from deploy_orchestrator.delivery.errors import (
        ClusterRefused,
        DeliveryError,
        EngineUnreachable,
        KubeconfigRunsProgram,
        NotDeployed,
        SyncError,
        SyncFailed,
        SyncSuperseded,
        SyncTimedOut,
        SyncUnhealthy,
    )
    from deploy_orchestrator.delivery.existing import lacking
    from deploy_orchestrator.delivery.following import follow
    from deploy_orchestrator.delivery.inspection import Inspection, inspect
    from deploy_orchestrator.delivery.observation import states
    from deploy_orchestrator.delivery.sandbox import Sandbox
    from deploy_orchestrator.delivery.status import Health, Hook, Operation, Phase, Status, Sync
    from deploy_orchestrator.delivery.verification import Verification, verifications
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ArgoCD",
    "ByEnvironment",
    "ClusterClient",
    "ClusterRefused",
    "Contexts",
    "DeliveryError",
    "Engine",
    "EngineUnreachable",
    "Health",
    "Hook",
    "Inspection",
    "Instances",
    "KubeconfigRunsProgram",
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
    "SyncUnhealthy",
    "Verification",
    "apply",
    "bootstrap",
    "delivers_release",
    "follow",
    "inspect",
    "lacking",
    "states",
    "unsaid_windows",
    "unused_projects",
    "verifications",
]

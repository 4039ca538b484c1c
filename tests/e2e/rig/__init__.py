"""A real cluster with Argo CD and a Git forge as plain processes on loopback, without containers."""

from rig.argocd import ArgoCD, repository
from rig.cluster import CONSENT, FAILING_POD, Cluster
from rig.control_plane import ControlPlane
from rig.gitea import Gitea, User
from rig.processes import MissingProgram, Process, ProcessFailed

__all__ = [
    "CONSENT",
    "FAILING_POD",
    "ArgoCD",
    "Cluster",
    "ControlPlane",
    "Gitea",
    "MissingProgram",
    "Process",
    "ProcessFailed",
    "User",
    "repository",
]

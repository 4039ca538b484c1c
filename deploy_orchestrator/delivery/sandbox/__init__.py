"""The engine without a cluster: real Git, and a folder in place of Kubernetes."""

from deploy_orchestrator.delivery.sandbox.engine import Sandbox

__all__ = ["Sandbox"]

"""Tenants, environments, clusters, value layers and policies, read from the fleet repository at a commit."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.fleet.changes import basis, changed, configured, differing, gone
    from deploy_orchestrator.fleet.charts import LocalChart
    from deploy_orchestrator.fleet.destination import Destination
    from deploy_orchestrator.fleet.draft import Edit
    from deploy_orchestrator.fleet.errors import FleetError
    from deploy_orchestrator.fleet.fields import (
        is_cluster_kind,
        is_image_place,
        kubernetes_versions,
        steps_of,
    )
    from deploy_orchestrator.fleet.fleet import Deployment, Fleet, ValueLayer, takeover_path
    from deploy_orchestrator.fleet.layering import DEFAULT_VALUES
    from deploy_orchestrator.fleet.layout import ALLOWED_SIGNERS, FLEET_FILE, PLATFORM
    from deploy_orchestrator.fleet.loading import last_readable, load
    from deploy_orchestrator.fleet.model import (
        ApprovalRule,
        ArgoCDInstance,
        BreakGlass,
        ChartReference,
        ChartRepository,
        CheckException,
        Cluster,
        Environment,
        Freeze,
        IgnoredField,
        ImageField,
        ImageMirror,
        ImagePolicy,
        Issuer,
        MachineToken,
        PauseRule,
        Placement,
        Policy,
        Quota,
        Reviews,
        RuleOverride,
        Subscription,
        Tenant,
        TenantNamespace,
        TenantRelease,
        ValueSource,
        Wave,
        Window,
    )
    from deploy_orchestrator.fleet.reserved import is_of_kubernetes
    from deploy_orchestrator.fleet.rules import (
        Rules,
        differences,
        neighbours,
        restricted,
        rules_of,
        under,
    )
    from deploy_orchestrator.fleet.schemas import json_schemas
    from deploy_orchestrator.fleet.signers import among, principals
    from deploy_orchestrator.fleet.syncing import AS_USUAL, IgnoredDifference, Syncing, SyncOption
    from deploy_orchestrator.fleet.takeover import TakeoverEvidence
    from deploy_orchestrator.fleet.template import new_tenant
    from deploy_orchestrator.fleet.upgrade import ChartUpgrade, UpgradedFleet, Wanted, upgraded
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ALLOWED_SIGNERS",
    "AS_USUAL",
    "DEFAULT_VALUES",
    "FLEET_FILE",
    "PLATFORM",
    "ApprovalRule",
    "ArgoCDInstance",
    "BreakGlass",
    "ChartReference",
    "ChartRepository",
    "ChartUpgrade",
    "CheckException",
    "Cluster",
    "Deployment",
    "Destination",
    "Edit",
    "Environment",
    "Fleet",
    "FleetError",
    "Freeze",
    "IgnoredDifference",
    "IgnoredField",
    "ImageField",
    "ImageMirror",
    "ImagePolicy",
    "Issuer",
    "LocalChart",
    "MachineToken",
    "PauseRule",
    "Placement",
    "Policy",
    "Quota",
    "Reviews",
    "RuleOverride",
    "Rules",
    "Subscription",
    "SyncOption",
    "Syncing",
    "TakeoverEvidence",
    "Tenant",
    "TenantNamespace",
    "TenantRelease",
    "UpgradedFleet",
    "ValueLayer",
    "ValueSource",
    "Wanted",
    "Wave",
    "Window",
    "among",
    "basis",
    "changed",
    "configured",
    "differences",
    "differing",
    "gone",
    "is_cluster_kind",
    "is_image_place",
    "is_of_kubernetes",
    "json_schemas",
    "kubernetes_versions",
    "last_readable",
    "load",
    "neighbours",
    "new_tenant",
    "principals",
    "restricted",
    "rules_of",
    "steps_of",
    "takeover_path",
    "under",
    "upgraded",
]

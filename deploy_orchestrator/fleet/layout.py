"""Where things stand in the fleet repository."""

from deploy_orchestrator.fleet.model import Tenant

FLEET_FILE = "fleet.yaml"
ALLOWED_SIGNERS = "allowed_signers"
CHARTS = "charts"
TENANTS = "tenants"
TENANT_FILE = "tenant.yaml"
TEMPLATE = f"{TENANTS}/_template"
LAYER_PREFIX = "values-"
PLATFORM = "platform"
"""The name of the Helm release that the platform chart makes in the namespace of each tenant."""


def layer_paths(tenant: Tenant, environment: str) -> tuple[str, ...]:
    """Where values for the tenant's chart in `environment` may stand; the later ones win."""
    names = layer_names(tenant.name, environment)
    from_chart = (
        () if tenant.chart.repository else tuple(f"{CHARTS}/{tenant.chart.name}/{name}" for name in names)
    )
    return (*from_chart, *(f"{TENANTS}/{tenant.name}/{name}" for name in ("values.yaml", *names)))


def layer_names(tenant: str, environment: str) -> tuple[str, ...]:
    """The values files that stand beside a `values.yaml` for a tenant in an environment."""
    return (
        f"{LAYER_PREFIX}{environment}.yaml",
        f"{LAYER_PREFIX}tenant-{tenant}.yaml",
        f"{LAYER_PREFIX}tenant-{tenant}-{environment}.yaml",
    )

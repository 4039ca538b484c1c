"""One AppProject for each tenant: what its Applications may read, and where they may write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.argocd.windows import sync_windows
from deploy_orchestrator.fleet import ArgoCDInstance, Deployment, Destination, Fleet


def project(
    fleet: Fleet,
    instance: ArgoCDInstance,
    deployments: str,
    mine: list[Deployment],
    now: datetime,
    released: Sequence[Destination] = (),
) -> dict[str, Any]:
    """The AppProject of the tenant whose deployments by this Argo CD are `mine`.

    It may read the deployments repository only, write into its own namespaces only, and make no cluster-
    scoped object but those namespaces and the kinds that a policy of its environments permits. Where its
    releases stand now (`released`), they may stand until they have moved. Its owners may look at it.
    """
    tenant = mine[0].tenant
    permitted = {kind for each in mine for kind in each.environment.policy.cluster_scoped}
    servers = {cluster.name: cluster.server for cluster in fleet.clusters}
    places = dict.fromkeys(
        [
            *((servers[each.environment.cluster], own) for each in mine for own in each.namespaces),
            *(
                (server, own)
                for each in released
                if (server := each.server or servers.get(each.cluster))
                for own in each.namespaces
            ),
        ]
    )
    not_its_own = {
        (servers[each.environment.cluster], namespace)
        for each in mine
        for namespace in (each.namespaces[1:] if each.makes_namespace else each.namespaces)
    }
    return names.argo_object(
        "AppProject",
        tenant.name,
        instance.namespace,
        spec={
            "description": f"Tenant {tenant.name}",
            "sourceRepos": [deployments],
            "destinations": [{"server": server, "namespace": namespace} for server, namespace in places],
            "clusterResourceWhitelist": [
                *(
                    {"group": "", "kind": "Namespace", "name": name}
                    for name in sorted({namespace for _, namespace in places.keys() - not_its_own})
                ),
                *map(_kind, sorted(permitted)),
            ],
            "roles": [
                {
                    "name": "owner",
                    "groups": list(tenant.owners),
                    "policies": [
                        f"p, proj:{tenant.name}:owner, {resource}, get, {tenant.name}/*, allow"
                        for resource in ("applications", "logs")
                    ],
                }
            ],
            "syncWindows": [
                window
                for each in mine
                for window in sync_windows(
                    each.environment, names.application(each.environment.name, tenant.name), now
                )
            ],
        },
    )


def _kind(permitted: str) -> dict[str, str]:
    group, _, kind = permitted.rpartition("/")
    return {"group": group, "kind": kind}

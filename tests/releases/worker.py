"""A process that proposes and releases one first release for each tenant.

`worker.py release|killed REMOTE CLONE TENANT…`; `killed` ends itself at once between candidate and release.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from deploy_orchestrator.fleet import ChartReference, Deployment, Environment, Policy, Quota, Tenant
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.releases import Conditions, Deployments, SourceChange, make_plan

SOURCE = SourceChange(commit="1" * 40, authors=("author@example.com",), signed=True)


def deploy(deployments: Deployments, name: str, killed: bool) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"tenant": name}}
    candidate = Manifests((Object(body),), ChartUsed(name="dagster-tenant", version="1.0.0"))
    tenant = Tenant(
        name=name,
        chart=ChartReference(name="dagster-tenant", version="1.0.0"),
        environments=("dev",),
        quota=Quota(cpu="1", memory="1Gi", storage="1Gi", pods=1),
        owners=("owner@example.com",),
    )
    environment = Environment(name="dev", cluster="main", kubernetes="1.34")
    plan = make_plan(
        Deployment(environment, tenant, f"{name}-dev", "https://main.example.com"),
        source=SOURCE,
        candidate=candidate,
        released=None,
        released_manifests=None,
        findings=(),
        after=(),
    )
    deployments.propose(plan, candidate, lambda older, newer: older == newer)
    if killed:
        os.kill(os.getpid(), signal.SIGKILL)
    conditions = Conditions(Policy(), b"", (), datetime.now(UTC))
    raised(deployments.release_plans([plan], lambda: lambda _: conditions)[0])


if __name__ == "__main__":
    mode, remote, clone, *tenants = sys.argv[1:]
    opened = Deployments(Repository.clone(remote, Path(clone)))
    for each in tenants:
        deploy(opened, each, killed=mode == "killed")

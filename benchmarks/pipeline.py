"""How long a push takes to be live, with all that is between: forge, webhook, Dagster, our runs and Argo CD.

    PYTHONPATH=tests/e2e python benchmarks/pipeline.py [--tenants 20] [--pushes 3]

It boots the cluster, Argo CD and Git forge of the end-to-end tests (`make .venv/installed-e2e` first),
`dagster dev` and the receiver of webhooks, and ships a Deployment for each tenant in dev and production. Then
each push changes a value of all tenants in dev. All times count from the beginning of `git push`.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delivery import lay_out
from installation import ARGO
from kubernetes.client import CustomObjectsApi
from kubernetes.watch import Watch
from pushing import PATIENCE, Project, pushing, until
from results import Results
from rig import ArgoCD, Cluster, ControlPlane, Gitea, User, repository

from deploy_orchestrator.delivery import bootstrap
from deploy_orchestrator.fleet import load
from deploy_orchestrator.git import History

LABEL = "deploy-orchestrator.io/environment"


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--pushes", type=int, default=3)
    arguments = parser.parse_args()
    names = [f"tenant-{number:03}" for number in range(arguments.tenants)]
    results = Results("pipeline")
    with tempfile.TemporaryDirectory() as folder, booted(Path(folder), names) as (k8s, project):
        began = time.time()
        for environment in ("dev", "production"):
            until_live(k8s, environment, {f"{environment}.{name}": "" for name in names})
        first = time.time() - began
        print(f"first release of {len(names)} tenants: {first:.1f} s", flush=True)
        results.add(f"first release of {len(names)} tenants", "s", first)
        seen = [push(k8s, project, names, str(number)) for number in range(arguments.pushes)]
    print(f"{len(names)} tenants changed by one commit; load {os.getloadavg()[0]:.1f}")
    for what, seconds in zip(
        ("run asked for", "run started", "all live"), zip(*seen, strict=True), strict=True
    ):
        print(f"{what}: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s")
        results.add(what, "s", *seconds)
    results.write()


def push(k8s: Cluster, project: Project, names: list[str], value: str) -> tuple[float, float, float]:
    """Seconds until a run was asked for, until it started, and until all tenants were live."""
    until(lambda: all(run.is_finished for run in project.instance.get_runs()))
    before = targets(k8s)
    for name in names:
        (project.fleet / "tenants" / name / "values-dev.yaml").write_text(f"x: '{value} {time.time()}'\n")
    head, began = project.commit()
    until_live(k8s, "dev", before)
    live = time.time() - began
    ship = next(each for each in project.runs(head) if each.dagster_run.job_name == "ship")
    asked, started = ship.create_timestamp.timestamp() - began, (ship.start_time or 0) - began
    print(f"asked for {asked:.1f} s, started {started:.1f} s, live {live:.1f} s", flush=True)
    return asked, started, live


def targets(k8s: Cluster) -> dict[str, str]:
    """The commit that each tenant in dev is pinned to."""
    with k8s.client() as client:
        found = CustomObjectsApi(client).list_namespaced_custom_object(
            **ARGO, plural="applications", label_selector=f"{LABEL}=dev"
        )
    return {each["metadata"]["name"]: each["spec"]["source"]["targetRevision"] for each in found["items"]}


def until_live(k8s: Cluster, environment: str, before: Mapping[str, str]) -> None:
    """Wait until every Application in `before` is live and healthy at another commit than that."""
    waiting = set(before)
    end = time.monotonic() + PATIENCE
    with k8s.client() as client:
        while waiting:
            assert time.monotonic() < end, waiting
            events = Watch().stream(
                CustomObjectsApi(client).list_namespaced_custom_object,
                **ARGO,
                plural="applications",
                label_selector=f"{LABEL}={environment}",
                timeout_seconds=60,
            )
            for event in events:
                name = event["object"]["metadata"]["name"]
                if is_live(event["object"], before.get(name, "")):
                    waiting.discard(name)
                if not waiting:
                    return


def is_live(application: Mapping[str, Any], before: str) -> bool:
    target, status = application["spec"]["source"]["targetRevision"], application.get("status", {})
    compared, operation = status.get("sync", {}), status.get("operationState", {})
    return target != before and (
        compared.get("revision"),
        compared.get("status"),
        status.get("health", {}).get("status"),
        operation.get("phase"),
        operation.get("syncResult", {}).get("revision"),
    ) == (target, "Synced", "Healthy", "Succeeded", target)


@contextmanager
def booted(folder: Path, names: list[str]) -> Iterator[tuple[Cluster, Project]]:
    """A cluster with Argo CD, and a forge whose pushes reach a Dagster."""
    for each in ("cluster", "forge", "project"):
        (folder / each).mkdir()

    def laid_out(fleet: Path, deployments: str, owner: User) -> None:
        lay_out(fleet, names)
        k8s.apply(repository("deployments", deployments, owner.name, owner.password))
        history = History.around(fleet)
        assert history
        made = load(history.at("main"))
        k8s.apply(*bootstrap(made, made.argocd[0], deployments, datetime.now(UTC)))

    engine = {"DEPLOY_ORCHESTRATOR_ENGINE": "argocd"}
    with ControlPlane(folder / "cluster") as k8s, ArgoCD(k8s), Gitea(folder / "forge") as forge:
        engine["DEPLOY_ORCHESTRATOR_KUBECONFIG"] = str(k8s.kubeconfig)
        dagster = pushing(forge, folder / "project", "dagster", "dev", lay_out=laid_out, engine=engine)
        with dagster as project:
            yield k8s, project


if __name__ == "__main__":
    main()

"""How long a commit takes to go live: our share of it, Argo CD's, and Argo CD alone, which polls Git.

python benchmarks/delivery.py                  20 tenants
python benchmarks/delivery.py --tenants 200
python benchmarks/delivery.py --tenants 200 --ours

It boots the cluster, Argo CD and Git forge of the end-to-end tests (`make e2e` builds them). A tenant is the
platform chart that ships and a Deployment. "Ours" is the time from the commit, or what else starts it, until
the last release is pushed; "live" is when all of them are synced and healthy.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import CustomObjectsApi
from kubernetes.watch import Watch
from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.cli.init import init
from deploy_orchestrator.delivery import bootstrap
from deploy_orchestrator.git import Ident, Signer
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release
from deploy_orchestrator.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "tests" / "e2e"))

from installation import ARGO
from objects import config_map, deployment, pod
from rig import FAILING_POD, ArgoCD, Cluster, ControlPlane, Gitea, repository
from steps import propose, released

SOON = timedelta(minutes=30)
FEW = 20
CONTAINER = {
    "name": "main",
    "image": "{{ .Values.image }}",
    "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"memory": "10Mi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
"""As Pod Security asks for in a tenant's namespace."""

requests = 0


def count(event: str, arguments: tuple[Any, ...]) -> None:
    """Count requests to the API server; their bodies are sent by themselves."""
    global requests
    requests += event == "http.client.send" and b" HTTP/1.1\r\n" in arguments[1]


@dataclass
class Bench:
    """A fleet, and an orchestrator that ships it."""

    folder: Path
    k8s: Cluster
    orchestrator: Orchestrator
    tenants: list[str]
    deployments: str
    remote: str
    table: Table
    results: Results

    def commit(self, tenants: list[str], **values: Any) -> None:
        """Change values of tenants in all environments, in one signed commit."""
        change(self.folder / "fleet", tenants, **values)

    def ship(self, what: str, environment: str, tenants: list[str]) -> None:
        """From a commit that was just made until all of `tenants` are live."""
        before, start = requests, time.perf_counter()
        releases = release_all(self.orchestrator, environment, tenants)
        ours = time.perf_counter() - start
        for _, outcome in self.orchestrator.deliver_all(releases):
            raised(outcome)
        self.row(what, ours, time.perf_counter() - start, requests - before)

    def release(self, environment: str, tenant: str) -> Release:
        plan = propose(self.orchestrator, environment, tenant)
        assert plan
        return released(self.orchestrator, plan)

    def row(self, what: str, ours: float | None, live: float, sent: int | None) -> None:
        self.results.add(what, "s until live", live)
        if ours is not None:
            self.results.add(what, "s of ours", ours)
        if sent is not None:
            self.results.add(what, "requests", sent)
        self.table.add_row(
            what, f"{ours:.2f} s" if ours else "", f"{live:.2f} s", str(sent) if sent is not None else ""
        )
        print(what, ours, live, sent, file=sys.stderr)


def change(fleet: Path, tenants: list[str], **values: Any) -> None:
    for tenant in tenants:
        path = fleet / "tenants" / tenant / "values.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "Change values"]):
        subprocess.run(["git", *command], cwd=fleet, check=True)


def release_all(orchestrator: Orchestrator, environment: str, tenants: list[str]) -> list[Release]:
    """Take the newest fleet commit as far as the releases, as a run does."""
    orchestrator.fleet_repository.fetch()
    fleet = orchestrator.fleet()
    deployments = [fleet.deployment(environment, each) for each in tenants]
    previews = [raised(each) for _, each in orchestrator.previews(deployments, fleet)]
    plans = [plan for each in orchestrator.propose(previews) if (plan := raised(each))]
    return [raised(each) for each in orchestrator.release_all(plans)]


def alone_here(folder: Path, tenants: int) -> None:
    """Our share with repositories in folders: no forge, no cluster."""
    names = [f"tenant-{number:03}" for number in range(tenants)]
    results = Results("delivery-ours")
    init(folder)
    lay_out(folder / "fleet", names)
    fleet, deployments = str(folder / "fleet"), str(folder / "deployments.git")
    settings = Settings(fleet=fleet, deployments=deployments, home=folder / "state")
    for what in ("first release", "all changed by one commit"):
        start, used = time.perf_counter(), processors()
        with Orchestrator.open(settings) as made:
            released = release_all(made, "dev", names)
            taken = time.perf_counter() - start
        used = processors() - used
        print(f"{what}: {len(released)} tenants in {taken:.1f} s, {used:.1f} s of processors")
        results.add(f"{what}: {len(released)} tenants", "s of ours", taken)
        results.add(f"{what}: {len(released)} tenants, processors", "s of ours", used)
        change(folder / "fleet", names, x=what)
    results.write()


def processors() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenants", type=int, default=FEW)
    parser.add_argument("--ours", action="store_true", help="our share alone, with repositories in folders")
    arguments = parser.parse_args()
    sys.addaudithook(count)
    if arguments.ours:
        with tempfile.TemporaryDirectory() as folder:
            alone_here(Path(folder), arguments.tenants)
        return
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder), arguments.tenants) as made:
        run(made)
        Console().print(made.table)
        made.results.write()


def run(bench: Bench) -> None:
    """All measurements, one after another."""
    first, few = bench.tenants[0], bench.tenants[:FEW]
    number = len(bench.tenants)
    bench.ship(f"first release of {number} tenants", "dev", bench.tenants)
    bench.commit([first], x="2")
    bench.ship(f"one changed among {number}", "dev", [first])
    bench.commit(few, x="3")
    bench.ship(f"{len(few)} changed by one commit", "dev", few)
    bench.orchestrator.deliver(bench.release("production", first))
    approve(bench, first)
    revert(bench, first)
    alone(bench, few)


def approve(bench: Bench, tenant: str) -> None:
    """From a signed approval until production is live."""
    orchestrator = bench.orchestrator
    bench.commit([tenant], image="registry.example/app:2")
    orchestrator.fleet_repository.fetch()
    orchestrator.deliver(bench.release("dev", tenant))
    plan = propose(orchestrator, "production", tenant)
    assert plan
    assert plan.verdict == "needs-approval"
    bob = Signer(Ident("Bob", "bob@example.com"), str(bench.folder / "keys" / "bob"))
    before, start = requests, time.perf_counter()
    orchestrator.decide(plan, "approve", "seen", bob)
    release = released(orchestrator, plan)
    ours = time.perf_counter() - start
    orchestrator.deliver(release)
    bench.row("approval → production", ours, time.perf_counter() - start, requests - before)


def revert(bench: Bench, tenant: str) -> None:
    """From a release seen unhealthy, with no grace, until the one before is live again."""
    orchestrator = bench.orchestrator
    bench.commit([tenant], fails=True)
    orchestrator.fleet_repository.fetch()
    release = bench.release("dev", tenant)
    orchestrator.engine.announce(release)
    for status in orchestrator.engine.watch("dev", [tenant], SOON):
        if status.failing_since(release, SOON):
            break
        orchestrator.engine.sync(release, status)
    time.sleep(1)  # Argo CD tells whole seconds
    before, start = requests, time.perf_counter()
    reverted = orchestrator.revert_unhealthy("dev", tenant)
    assert reverted
    ours = time.perf_counter() - start
    orchestrator.deliver(reverted)
    bench.row("unhealthy → reverted", ours, time.perf_counter() - start, requests - before)


def alone(bench: Bench, tenants: list[str]) -> None:
    """Argo CD as it comes, following a branch with automated syncs: from a push until all are live."""
    work = bench.folder / "alone"
    git = ("git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=alone", str(work)], check=True)

    def push(x: str) -> str:
        for tenant in tenants:
            path = work / tenant / "objects.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump_all([config_map("alone", x=x), deployment("alone")]))
        for command in (["add", "."], ["commit", "--quiet", "--message", x]):
            subprocess.run([*git, *command], check=True)
        subprocess.run([*git, "push", "--quiet", bench.remote, "alone"], check=True)
        return subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()

    def until_live(revision: str) -> None:
        waiting = {f"alone-{tenant}" for tenant in tenants}
        with bench.k8s.client() as client:
            events = Watch().stream(
                CustomObjectsApi(client).list_namespaced_custom_object, **ARGO, plural="applications"
            )
            for event in events:
                status = event["object"].get("status", {})
                compared, health = status.get("sync", {}), status.get("health", {})
                if (compared.get("revision"), compared.get("status"), health.get("status")) == (
                    revision,
                    "Synced",
                    "Healthy",
                ):
                    waiting.discard(event["object"]["metadata"]["name"])
                if not waiting:
                    return

    revision = push("1")
    bench.k8s.apply(*(_application(bench, tenant) for tenant in tenants))
    until_live(revision)
    start = time.perf_counter()
    until_live(push("2"))
    bench.row(f"{len(tenants)} changed, Argo CD alone", None, time.perf_counter() - start, None)


def _application(bench: Bench, tenant: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"alone-{tenant}", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": bench.deployments, "targetRevision": "alone", "path": tenant},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": f"alone-{tenant}"},
            "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
        },
    }


@contextmanager
def bench(folder: Path, tenants: int) -> Iterator[Bench]:
    """A fleet of so many tenants, and everything that it needs."""
    for each in ("cluster", "forge"):
        (folder / each).mkdir()
    names = [f"tenant-{number:03}" for number in range(tenants)]
    results = Results("delivery-ours")
    init(folder)
    lay_out(folder / "fleet", names)
    with ControlPlane(folder / "cluster") as k8s, ArgoCD(k8s), Gitea(folder / "forge") as forge:
        owner = forge.user("platform")
        url = forge.repository(owner, "deployments")
        settings = Settings(
            fleet=str(folder / "fleet"),
            deployments=forge.signed_in(url, owner),
            home=folder / "state",
            engine="argocd",
            kubeconfig=k8s.kubeconfig,
        )
        k8s.apply(repository("deployments", url, owner.name, owner.password))
        with Orchestrator.open(settings) as orchestrator:
            fleet = orchestrator.fleet()
            k8s.apply(*bootstrap(fleet, fleet.argocd[0], url, datetime.now(UTC)))
            table = Table("what", "ours", "live", "requests")
            results = Results("delivery")
            yield Bench(folder, k8s, orchestrator, names, url, settings.deployments, table, results)


def lay_out(fleet: Path, tenants: list[str]) -> None:
    """The example fleet, with other tenants and without waits."""
    for tenant in (fleet / "tenants").iterdir():
        shutil.rmtree(tenant)
    settings = yaml.safe_load((fleet / "fleet.yaml").read_text())
    settings["environments"] = [each for each in settings["environments"] if each["name"] != "staging"]
    for environment in settings["environments"]:
        environment["policy"] |= {"soak": "0s", "rollbackAfter": "0s"}
    web, broken = deployment(), pod("broken", FAILING_POD)
    for each in (web["spec"]["template"], broken):
        each["spec"] = {"containers": [CONTAINER]}
    failing = yaml.safe_dump(broken)
    files: dict[str, Any] = {
        "fleet.yaml": yaml.safe_dump(settings),
        "charts/web/Chart.yaml": yaml.safe_dump({"apiVersion": "v2", "name": "web", "version": "1.0.0"}),
        "charts/web/values.yaml": yaml.safe_dump(
            {"x": "1", "image": "registry.example/app:1", "fails": False}
        ),
        "charts/web/templates/web.yaml": yaml.safe_dump_all([config_map(x="{{ .Values.x }}"), web]),
        "charts/web/templates/broken.yaml": f"{{{{ if .Values.fails }}}}\n{failing}{{{{ end }}}}\n",
    }
    for tenant in tenants:
        files[f"tenants/{tenant}/values.yaml"] = "x: '1'\n"
        files[f"tenants/{tenant}/tenant.yaml"] = yaml.safe_dump(
            {
                "chart": {"name": "web", "version": "1.0.0"},
                "environments": ["dev", "production"],
                "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
                "owners": ["owners@example.com"],
            }
        )
    for path, content in files.items():
        (fleet / path).parent.mkdir(parents=True, exist_ok=True)
        (fleet / path).write_text(content)
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "Lay out the fleet"]):
        subprocess.run(["git", *command], cwd=fleet, check=True)


if __name__ == "__main__":
    main()

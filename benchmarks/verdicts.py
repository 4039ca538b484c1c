"""Judge changes of Dagster tenants: what the checks say, what changes, and the verdict on it.

python benchmarks/verdicts.py               3,000 changes
python benchmarks/verdicts.py --sets 300

Each set is everything that a tenant of examples/fleet runs, rendered with the charts of charts/, and compared
with itself after one of the changes that people make. All are read from canonical bytes, as after a restart.
"""

import argparse
import copy
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from rendering import lay, sound
from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.fleet import Deployment, load
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object, Workspace, check, render_all
from deploy_orchestrator.risk import Change, judge

Body = dict[str, Any]
CHART = ChartUsed(name="dagster-tenant", version="0.1.0")


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=3000)
    sets = parser.parse_args().sets
    with tempfile.TemporaryDirectory() as folder:
        rendered = list(tenants(Path(folder)))
    edits = [unchanged, newer_image, more_replicas, other_setting, fewer_rules, newer_chart]
    kinds = [(*of, edit) for edit in edits for of in rendered]
    judged: Counter[str] = Counter()
    spent = {"checks": 0.0, "diff and verdict": 0.0, "text of the diff": 0.0}
    for deployment, before, edit in islice(cycle(kinds), sets):
        old, new = reread(before), reread(Manifests(map(edited(edit), before.objects), before.chart))
        start = time.process_time()
        findings = check(new, deployment)
        checked = time.process_time()
        change = Change(old, new, CHART, CHART, findings)
        reasons = judge(change, deployment.environment.policy)
        decided = time.process_time()
        change.diff.unified()
        ended = time.process_time()
        judged[max((reason.severity.value for reason in reasons), default="nothing changed")] += 1
        for what, seconds in zip(spent, (checked - start, decided - checked, ended - decided), strict=True):
            spent[what] += seconds
    table, results = Table("what", "all (s)", "each (ms)"), Results("verdicts")
    for what, seconds in spent.items():
        table.add_row(what, f"{seconds:.1f}", f"{seconds / sets * 1000:.2f}")
        results.add(what, "ms each", seconds / sets * 1000)
    objects = sum(len(before.objects) for _, before in rendered) / len(rendered)
    console = Console()
    console.print(table)
    console.print(f"{sets:,} changes of {objects:.0f} objects on average: {dict(judged)}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"memory: {memory:.0f} MB")
    results.add("memory", "MB", memory)
    results.write()


def tenants(folder: Path) -> Iterator[tuple[Deployment, Manifests]]:
    lay(folder / "fleet", 3)
    fleet = load(Repository.clone(str(folder / "fleet"), folder / "clone").at("main"))
    with closing(Workspace(folder / "cache")) as workspace:
        for deployment, result in render_all(fleet.deployments(), fleet, workspace):
            yield deployment, sound(result)


def reread(manifests: Manifests) -> Manifests:
    return Manifests.from_canonical(manifests.canonical, manifests.chart)


def edited(edit: Callable[[Body], None]) -> Callable[[Object], Object]:
    def apply(object_: Object) -> Object:
        body = copy.deepcopy(dict(object_.body))
        edit(body)
        return Object(body)

    return apply


def unchanged(body: Body) -> None:
    pass


def newer_image(body: Body) -> None:
    for container in body.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        container["image"] = f"{container['image'].partition('@')[0].rpartition(':')[0]}:9.9.9"


def more_replicas(body: Body) -> None:
    if body["kind"] in ("Deployment", "StatefulSet"):
        body["spec"]["replicas"] = body["spec"].get("replicas", 1) + 1


def other_setting(body: Body) -> None:
    if body["kind"] == "ConfigMap":
        body["data"] = {**body.get("data", {}), "setting": json.dumps([body["metadata"]["name"]])}


def fewer_rules(body: Body) -> None:
    if body["kind"] == "NetworkPolicy":
        body["spec"]["ingress"] = body["spec"].get("ingress", [])[1:]


def newer_chart(body: Body) -> None:
    labels = body["metadata"].get("labels", {})
    if "helm.sh/chart" in labels:
        labels["helm.sh/chart"] = "dagster-tenant-0.1.1"


if __name__ == "__main__":
    main()

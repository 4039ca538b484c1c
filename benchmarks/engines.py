"""Whether Helm in process gives the objects that the `helm` program gives, of public charts.

python benchmarks/engines.py bitnami/charts.git:bitnami argo-helm.git:charts --each 40

Each argument is the Git directory of a clone and a folder of charts in it. The newest of each chart is
rendered twice in process with its own values, and once by the `helm` on PATH for the same version of
Kubernetes; other charts that it needs are taken from the same folder. What differs between two renders in one
process is random.
"""

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import helm_python
import yaml
from results import Results
from routine import Release, extract, git

from deploy_orchestrator.manifests import helm
from deploy_orchestrator.terms import HELM_HOOK_EVENTS


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", metavar="CLONE:FOLDER")
    parser.add_argument("--each", type=int, default=40, help="charts of each folder")
    asked = parser.parse_args()
    program = shutil.which("helm")
    if program is None:
        parser.error("there is no helm on PATH")
    outcomes: Counter[str] = Counter()
    objects = 0
    for argument in asked.folders:
        clone, _, folder = argument.partition(":")
        names = git(clone, "ls-tree", "--name-only", "-d", "HEAD", f"{folder}/").decode().split()
        for name in names[: asked.each]:
            outcome, count = compared(Release(clone, name, "HEAD", ""), program)
            outcomes[outcome] += 1
            objects += count
            print(f"{outcome:24} {count:4} {name}", flush=True)
    print(dict(outcomes), objects)
    results = Results("engines")
    for outcome, count in outcomes.items():
        results.add(outcome, "charts", count)
    results.add("objects", "objects", objects)
    results.write()


def compared(release: Release, program: str) -> tuple[str, int]:
    """How the two engines agree on a chart, and of how many objects."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder, "chart")
        try:
            about = extract(release, release.folder, chart)
        except (OSError, yaml.YAMLError):
            return "no chart", 0
        if about.get("type") == "library":
            return "a library", 0
        shared = {"name": "release", "namespace": "here", "chart": str(chart), "layers": [], "apis": []}
        request = {**shared, "hookEvents": list(HELM_HOOK_EVENTS), "seconds": 60}
        try:
            inside = helm.template({**request, "binary": None, "times": 2})
            kubernetes = helm.about({})["kubernetes"].removeprefix("v").rpartition(".")[0]
            outside = helm.template({**request, "binary": program, "kubernetes": kubernetes, "times": 1})
        except (helm.Failure, helm_python.HelmError):
            return "refused with its values", 0
        if inside["again"]:
            return "random", len(inside["objects"])
        same = bodies(inside) == bodies(outside)
        return "the same" if same else "not the same", len(inside["objects"])


def bodies(rendered: dict[str, Any]) -> list[str]:
    return sorted(json.dumps(each["body"], sort_keys=True) for each in rendered["objects"])


if __name__ == "__main__":
    main()

"""Render a fleet of Dagster tenants: all of it, none of it, one value of it, and with its peers.

python benchmarks/rendering.py                    20 tenants in 3 environments; `helm`, `helmfile` from PATH
python benchmarks/rendering.py --tenants 1000 --no-peers

The tenants are those of examples/fleet over and over, with the charts of charts/. The peers render the same
charts with the same values. Times are those of the wall, and of all processors together.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml
from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.fleet import Fleet, changed, load
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Manifests, Workspace, check, diff, render_all
from deploy_orchestrator.manifests.composition import releases_of

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ("dev", "staging", "production")


class Stopwatch:
    """The rows of the table that is printed at the end."""

    def __init__(self) -> None:
        self.table = Table("what", "wall (s)", "processors (s)", "each (ms)")
        self.results = Results("rendering")

    def time(self, what: str, work: Callable[[], int]) -> float:
        """Seconds that `work` takes; it returns how many things it did."""
        before, start = _processor_seconds(), time.perf_counter()
        count = work()
        wall, used = time.perf_counter() - start, _processor_seconds() - before
        self.table.add_row(what, f"{wall:.3f}", f"{used:.3f}", f"{wall / count * 1000:.2f}" if count else "")
        self.results.add(what, "s", wall)
        self.results.add(what, "s of processors", used)
        return wall


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.tenants, arguments.processes, peers=arguments.peers)


def run(folder: Path, tenants: int, processes: int, *, peers: bool) -> None:
    watch = Stopwatch()
    ratios: list[str] = []
    lay(folder / "fleet", tenants)
    repository = Repository.clone(str(folder / "fleet"), folder / "clone")
    fleet = load(repository.at("main"))

    def all_of(fleet: Fleet) -> int:
        with closing(Workspace(folder / "cache", processes=processes)) as workspace:
            return len([sound(result) for _, result in render_all(fleet.deployments(), fleet, workspace)])

    cold = watch.time("cold", lambda: all_of(fleet))
    unchanged = watch.time("unchanged, after a restart", lambda: all_of(fleet))
    values = folder / "fleet/tenants/t0000/values-dev.yaml"
    values.write_text(f"{values.read_text()}\nwebserver: {{replicas: 2}}\n")
    commit(folder / "fleet")

    def one_value() -> int:
        repository.fetch()
        after = load(repository.at("main"))
        deployments = changed(fleet, after)
        with closing(Workspace(folder / "cache", processes=processes)) as workspace:
            for deployment, result in render_all(deployments, after, workspace):
                manifests = sound(result)
                check(manifests, deployment)
                diff(None, manifests)
        return len(deployments)

    watch.time("one value changed: from commit to checked diff", one_value)
    if peers and shutil.which("helm"):
        releases = helm_releases(folder, fleet, processes)
        commands = [each.command() for each in releases]
        others = {
            "helm template, one after another": lambda: one_by_one(commands),
            f"helm template, xargs -P {processes}": lambda: xargs(commands, processes),
        }
        if shutil.which("helmfile"):
            others["helmfile template"] = lambda: helmfile(folder, releases, processes)
        for what, work in others.items():
            ratio = watch.time(what, work) / cold
            ratios.append(f"{what} takes {ratio:.1f} times as long as cold")
    console = Console()
    console.print(watch.table)
    console.print(f"{len(fleet.deployments())} deployments; cold is {cold / unchanged:.0f} times unchanged")
    for ratio in ratios:
        console.print(ratio)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"memory: {memory:.0f} MB")
    watch.results.add("memory of the main process", "MB", memory)
    watch.results.write()


def sound(result: Manifests | Exception) -> Manifests:
    if isinstance(result, Exception):
        raise result
    return result


def lay(fleet: Path, tenants: int) -> None:
    """A fleet repository of `tenants` tenants."""
    shutil.copytree(ROOT / "charts", fleet / "charts")
    (fleet / "allowed_signers").touch()
    environments = [{"name": name, "cluster": "here", "kubernetes": "1.34"} for name in ENVIRONMENTS]
    about = {
        "clusters": [{"name": "here", "server": "https://kubernetes.default.svc"}],
        "environments": environments,
        "platform": {"name": "tenant-platform", "version": "0.1.0"},
    }
    (fleet / "fleet.yaml").write_text(yaml.safe_dump(about))
    examples = [ROOT / "examples/fleet/tenants" / name for name in ("analytics", "data", "ml")]
    for number in range(tenants):
        shutil.copytree(examples[number % len(examples)], fleet / f"tenants/t{number:04}")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=fleet, check=True)
    commit(fleet)


def commit(fleet: Path) -> None:
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    subprocess.run(["git", "add", "--all"], cwd=fleet, check=True)
    subprocess.run(["git", *author, "commit", "--quiet", "--message=x"], cwd=fleet, check=True)


@dataclass(frozen=True)
class HelmRelease:
    """What a peer is asked to render."""

    name: str
    namespace: str
    chart: Path
    values: list[Path]

    def command(self) -> list[str]:
        command = ["helm", "template", self.name, str(self.chart), "--include-crds"]
        command += ["--namespace", self.namespace]
        return [*command, *(word for file in self.values for word in ("--values", str(file)))]


def helm_releases(folder: Path, fleet: Fleet, processes: int) -> list[HelmRelease]:
    """Each Helm release of each deployment, with the same charts and values as ours."""
    releases: list[HelmRelease] = []
    with closing(Workspace(folder / "cache", processes=processes)) as workspace:
        for deployment in fleet.deployments():
            for release in releases_of(deployment, fleet, workspace):
                files: list[Path] = []
                for number, layer in enumerate(release.layers):
                    file = folder / "values" / deployment.key / f"{release.name}-{number}.yaml"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(layer.data)
                    files.append(file)
                releases.append(HelmRelease(release.name, release.namespace, release.chart.path, files))
    return releases


def one_by_one(commands: list[list[str]]) -> int:
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return len(commands)


def xargs(commands: list[list[str]], processes: int) -> int:
    lines = "\n".join(" ".join(command[1:]) for command in commands)
    xargs = ["xargs", "-P", str(processes), "-L", "1", "helm"]
    subprocess.run(xargs, input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
    return len(commands)


def helmfile(folder: Path, releases: list[HelmRelease], processes: int) -> int:
    about = [
        {
            "name": each.name,
            "namespace": each.namespace,
            "chart": str(each.chart),
            "values": [str(file) for file in each.values],
        }
        for each in releases
    ]
    state = folder / "helmfile.yaml"
    state.write_text(yaml.safe_dump({"releases": about}))
    command = ["helmfile", "--file", str(state), "--quiet", "template", "--include-crds", "--skip-deps"]
    command += ["--concurrency", str(processes)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return len(releases)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()

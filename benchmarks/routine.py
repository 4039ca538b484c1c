"""How many routine upgrades of public charts need approval, and why.

python benchmarks/routine.py bitnami/charts.git:bitnami/nginx argo-helm.git:charts/argo-cd --releases 4

Each argument is the Git directory of a clone and the folder of a chart in it. Its last releases of one major
version are taken two by two, rendered with their own values (and passwords kept elsewhere) by the `helm` on
PATH, and judged as a pull request is. Other charts that it needs are taken from the same folder at the same
commit; those from elsewhere are left out.
"""

import argparse
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from results import Results

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, load
from deploy_orchestrator.foresight import compare
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Limits, Workspace
from deploy_orchestrator.risk import Verdict

LOOKED_AT = 60
KEPT = {"existingSecret": "kept", "existingPasswordSecret": "kept", "existingErlangSecret": "kept"}
VALUES = {"auth": KEPT, "tls": KEPT, "existingSecret": "kept", "admin": KEPT, "wordpressPassword": "kept"}
"""Charts that make up passwords are told where theirs is kept, as in production."""


@dataclass(frozen=True)
class Release:
    """A chart as its repository had it at a commit."""

    clone: str
    folder: str
    commit: str
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("charts", nargs="+", metavar="CLONE:FOLDER")
    parser.add_argument("--releases", type=int, default=4, help="upgrades of each chart")
    asked = parser.parse_args()
    charts = [chart.partition(":") for chart in asked.charts]
    pairs = [pair for clone, _, folder in charts for pair in upgrades(clone, folder, asked.releases)]
    verdicts: Counter[Verdict] = Counter()
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for what, verdict, rules in judged(pairs, Path(folder)):
            verdicts[verdict] += 1
            reasons.update(rules)
            print(f"{verdict:15} {what}  {', '.join(sorted(rules))}", flush=True)
    print(dict(verdicts), reasons.most_common())
    results = Results("routine")
    results.add("upgrades", "upgrades", verdicts.total())
    results.add("that need approval", "upgrades", verdicts.total() - verdicts[Verdict.SAFE])
    results.write()


def git(clone: str, *arguments: str) -> bytes:
    return subprocess.run(["git", f"--git-dir={clone}", *arguments], capture_output=True, check=True).stdout


def upgrades(clone: str, folder: str, count: int) -> Iterator[tuple[Release, Release]]:
    """The last upgrades of a chart within a major version, the newest first."""
    found: list[Release] = []
    log = git(clone, "log", "--format=%H", f"-n{LOOKED_AT}", "--", f"{folder}/Chart.yaml").decode()
    for commit in log.split():
        about = yaml.safe_load(git(clone, "show", f"{commit}:{folder}/Chart.yaml"))
        if not found or found[-1].version != str(about["version"]):
            found.append(Release(clone, folder, commit, str(about["version"])))
    pairs = [(old, new) for new, old in pairwise(found) if old.major == new.major]
    yield from pairs[:count]


def judged(pairs: list[tuple[Release, Release]], folder: Path) -> Iterator[tuple[str, Verdict, set[str]]]:
    """What each upgrade is called, its verdict, and the rules for that."""
    before, after = fleets(pairs, folder / "fleet")
    deployments = after.deployments()
    with closing(Workspace(folder / "work", processes=2, limits=Limits())) as workspace:
        for key, proposal in compare(before, after, deployments, workspace):
            old, new = pairs[int(key.rpartition("-")[2])]
            what = f"{PurePosixPath(new.folder).name} {old.version} → {new.version}"
            if isinstance(proposal, OrchestratorError) or proposal.unreadable:
                print(f"not rendered    {what}  {str(proposal)[:200]}", flush=True)
                continue
            verdict = proposal.judgement.verdict
            yield (
                what,
                verdict,
                {each.rule for each in proposal.judgement.reasons if each.severity is verdict},
            )


def fleets(pairs: list[tuple[Release, Release]], folder: Path) -> tuple[Fleet, Fleet]:
    """A fleet in which each upgrade is a tenant's, before and after."""
    checks = {"check-failed": {"severity": "safe", "reason": "charts are judged, not what tenants may do"}}
    write(folder / "charts/ground/Chart.yaml", {"apiVersion": "v2", "name": "ground", "version": "0.1.0"})
    ground = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ground"}}
    write(folder / "charts/ground/templates/one.yaml", ground)
    environment = {"name": "dev", "cluster": "here", "kubernetes": "1.34", "policy": {"rules": checks}}
    fleet = {
        "clusters": [{"name": "here", "server": "https://kubernetes.default.svc"}],
        "environments": [{**environment, "apiVersions": ["monitoring.coreos.com/v1"]}],
        "platform": {"name": "ground", "version": "0.1.0"},
    }
    write(folder / "fleet.yaml", fleet)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    commits: list[str] = []
    for side in (0, 1):
        for number, pair in enumerate(pairs):
            lay(pair[side], f"tenant-{number}", folder)
        as_somebody = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        run = ["git", "-C", str(folder), *as_somebody]
        subprocess.run([*run, "add", "-A", "-f"], check=True)
        subprocess.run([*run, "commit", "-qm", "State", "--allow-empty"], check=True)
        commits.append(git(f"{folder}/.git", "rev-parse", "HEAD").decode().strip())
    repository = Repository.clone(str(folder), folder.parent / "clone")
    before, after = (load(repository.at(commit)) for commit in commits)
    return before, after


def lay(release: Release, tenant: str, folder: Path) -> None:
    """A tenant that runs this release of a chart."""
    chart = folder / "charts" / tenant
    subprocess.run(["rm", "-rf", str(chart)], check=True)
    about = extract(release, release.folder, chart)
    write(chart / "Chart.yaml", {**about, "name": tenant})
    quota = {"cpu": "1000", "memory": "1000Gi", "storage": "1000Gi", "pods": 1000}
    asked = {"chart": {"name": tenant, "version": release.version}, "environments": ["dev"]}
    write(folder / "tenants" / tenant / "values.yaml", VALUES)
    write(folder / "tenants" / tenant / "tenant.yaml", {**asked, "quota": quota, "owners": ["a@example.com"]})


def extract(release: Release, path: str, to: Path) -> dict[str, Any]:
    """Lay out a chart with what it needs of its own repository; what its Chart.yaml says then."""
    archive = git(release.clone, "archive", f"{release.commit}:{path}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(to, filter="data")
    about = yaml.safe_load((to / "Chart.yaml").read_text())
    kept: list[dict[str, Any]] = []
    for need in about.get("dependencies", ()):
        beside = str(PurePosixPath(path).parent / need["name"])
        if git(release.clone, "ls-tree", release.commit, f"{beside}/Chart.yaml"):
            version = extract(release, beside, to / "charts" / need["name"])["version"]
            kept.append({**need, "version": str(version), "repository": f"file://charts/{need['name']}"})
    about = {**{name: value for name, value in about.items() if name != "kubeVersion"}, "dependencies": kept}
    write(to / "Chart.yaml", about)
    (to / "Chart.lock").unlink(missing_ok=True)
    return about


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


if __name__ == "__main__":
    main()

"""How many routine upgrades of public charts need approval, and why.

python benchmarks/routine.py bitnami/charts.git:bitnami/nginx argo-helm.git:charts/argo-cd --releases 4

Each argument is the Git directory of a clone and the folder of a chart in it. Its last releases of one major
version are taken two by two, rendered with their own values (and passwords kept elsewhere) by the `helm` on
PATH, and judged as a pull request is. Other charts that it needs are taken from the same folder at the same
commit; those from elsewhere are left out.

Routine is an upgrade in which nothing comes or goes, and nothing differs but labels, annotations, and images
of no hook: of the same flavour, in a later patch version, or a later minor of what is no StatefulSet, from
1.0.0 on.
"""

import argparse
import io
import re
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
from deploy_orchestrator.manifests import Diff, FieldChange, Limits, Workspace
from deploy_orchestrator.risk import Judgement, Verdict

LOOKED_AT = 60
IMAGE = r"(?P<name>[^@]+):v?(?P<version>\d+(?:\.\d+)*)(?P<flavour>(?:-(?!r\d+$)[^@-]+)*)(?:-r(?P<build>\d+))?"
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
    routine: Counter[Verdict] = Counter()
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for what, judgement in judged(pairs, Path(folder)):
            verdict = judgement.verdict
            rules = {each.rule for each in judgement.reasons if each.severity is verdict}
            verdicts[verdict] += 1
            reasons.update(rules)
            routine[verdict] += is_routine(judgement.difference)
            word = "routine" if is_routine(judgement.difference) else "more"
            print(f"{verdict:15} {word:8} {what}  {', '.join(sorted(rules))}", flush=True)
    print(dict(verdicts), dict(routine), reasons.most_common())
    results = Results("routine")
    for name, counted in (("upgrades", verdicts), ("routine upgrades", routine)):
        results.add(name, "upgrades", counted.total())
        results.add(f"{name} that need approval", "upgrades", counted.total() - counted[Verdict.SAFE])
    results.write()


def is_routine(difference: Diff) -> bool:
    """Whether an upgrade is routine by what it changes, whatever any rule says of it."""
    if difference.added or difference.removed:
        return False
    return all(
        not {"labels", "annotations"}.isdisjoint(field.path[-2:-1])
        or (not change.after.hooks and raises_image(field, stateful=change.key.kind == "StatefulSet"))
        for change in difference.changed
        for field in change.fields
    )


def raises_image(field: FieldChange, *, stateful: bool) -> bool:
    if field.path[-1] != "image":
        return False
    before, after = (re.fullmatch(IMAGE, str(value)) for value in (field.before, field.after))
    if before is None or after is None or any(before[part] != after[part] for part in ("name", "flavour")):
        return False
    old, new = ([int(number) for number in each["version"].split(".")] for each in (before, after))
    kept = 2 if stateful or not old[0] else 1
    return (old, int(before["build"] or 0)) <= (new, int(after["build"] or 0)) and old[:kept] == new[:kept]


def git(clone: str, *arguments: str) -> bytes:
    return subprocess.run(["git", f"--git-dir={clone}", *arguments], capture_output=True, check=True).stdout


def upgrades(clone: str, folder: str, count: int) -> Iterator[tuple[Release, Release]]:
    """The last upgrades of a chart within a major version, the newest first."""
    found: list[Release] = []
    log = git(clone, "log", "--format=%H", f"-n{LOOKED_AT}", "--", f"{folder}/Chart.yaml").decode()
    for commit in log.split():
        if not git(clone, "ls-tree", commit, f"{folder}/Chart.yaml"):
            continue
        try:
            about = yaml.safe_load(git(clone, "show", f"{commit}:{folder}/Chart.yaml"))
        except yaml.YAMLError:
            continue
        if not found or found[-1].version != str(about["version"]):
            found.append(Release(clone, folder, commit, str(about["version"])))
    pairs = [(old, new) for new, old in pairwise(found) if old.major == new.major]
    yield from pairs[:count]


def judged(pairs: list[tuple[Release, Release]], folder: Path) -> Iterator[tuple[str, Judgement]]:
    """What each upgrade is called, and what the rules say of it."""
    before, after = fleets(pairs, folder / "fleet")
    deployments = after.deployments()
    with closing(Workspace(folder / "work", processes=2, limits=Limits())) as workspace:
        for key, proposal in compare(before, after, deployments, workspace):
            old, new = pairs[int(key.rpartition("-")[2])]
            what = f"{PurePosixPath(new.folder).name} {old.version} → {new.version}"
            if isinstance(proposal, OrchestratorError) or proposal.unreadable:
                print(f"not rendered    {what}  {str(proposal)[:200]}", flush=True)
                continue
            yield what, proposal.judgement


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

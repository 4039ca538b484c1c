"""DORA's figures once more, by another way: `git log` and the files in it, with nothing of the product."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def commits(repository: Path, branch: str, folder: str) -> list[tuple[str, datetime, list[str]]]:
    """Each commit of a branch, oldest first, with its time and the files below `folder` that it changed."""
    known = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet", branch], capture_output=True
    )
    if known.returncode:
        return []
    log = git(repository, "log", "--reverse", "--format=@%H %cI", "--name-only", branch, "--", folder)
    found: list[tuple[str, datetime, list[str]]] = []
    for line in filter(None, log.splitlines()):
        if line.startswith("@"):
            commit, at = line[1:].split(" ")
            found.append((commit, moment(at), []))
        else:
            found[-1][2].append(line)
    return found


def outcomes(deployments: Path) -> dict[str, dict[str, datetime]]:
    """When each release first got healthy, and when it first failed, by its commit."""
    told: dict[str, dict[str, datetime]] = {}
    for commit, _, files in commits(deployments, "deliveries", "."):
        for file in files:
            one = yaml.load(git(deployments, "show", f"{commit}:{file}"), yaml.BaseLoader)
            told.setdefault(one["release"], {}).setdefault(one["outcome"], moment(one["at"]))
    return told


def runs(fleet: Path, deployments: Path) -> dict[str, tuple[str, datetime, datetime]]:
    """Of each release and revert that is over, by its commit: the commit of the fleet that its trace is of,
    when it began and when it ended.
    """
    told, found = outcomes(deployments), {}
    for commit, at, files in commits(deployments, "main", "releases"):
        message = git(deployments, "show", "-s", "--format=%(trailers:key=Reverts,valueonly)", commit).strip()
        for file in files if commit in told else ():
            of = message or commit
            source = yaml.load(git(deployments, "show", f"{of}:{file}"), yaml.BaseLoader)["source"]["commit"]
            made = at if message else moment(git(fleet, "show", "-s", "--format=%cI", source).strip())
            ended = told[commit].get("failed") or told[commit]["healthy"]
            found[commit] = source, made, max(made, ended)
    return found


def figures(fleet: Path, deployments: Path, since: datetime, until: datetime) -> dict[str, object]:
    """Of all environments together: what the command's `all` says."""
    told = outcomes(deployments)
    healthy = {release: each["healthy"] for release, each in told.items() if "healthy" in each}
    failed = {release: each["failed"] for release, each in told.items() if "failed" in each}
    lead, restores, waits = [], [], []
    releases = wrong = open_ones = untold = 0
    steps: list[tuple[str, str, datetime, dict[str, Any], str]] = []
    for commit, at, files in commits(deployments, "main", "releases"):
        for file in files:
            text = subprocess.run(
                ["git", "-C", str(deployments), "show", f"{commit}:{file}"], capture_output=True, text=True
            )
            if text.returncode == 0:
                message = git(deployments, "show", "-s", "--format=%(trailers:key=Reverts,valueonly)", commit)
                steps.append((file, commit, at, yaml.load(text.stdout, yaml.BaseLoader), message.strip()))
    undone = {reverts for *_, reverts in steps if reverts}
    for number, (file, commit, at, release, reverts) in enumerate(steps):
        if reverts or not since <= at < until:
            continue
        releases += 1
        if commit in healthy:
            made = moment(git(fleet, "show", "-s", "--format=%cI", release["source"]["commit"]).strip())
            lead.append(healthy[commit] - made)
        if commit not in healthy and commit not in failed:
            untold += 1
        if approvals := release.get("approvals"):
            proposed = moment(git(deployments, "show", "-s", "--format=%cI", release["revision"]).strip())
            waits.append(max(moment(each["at"]) for each in approvals) - proposed)
        if commit in undone or commit in failed:
            wrong += 1
            after = [
                healthy[other]
                for other_file, other, *_ in steps[number + 1 :]
                if other_file == file and other in healthy
            ]
            if commit in failed and healthy.get(commit, failed[commit]) > failed[commit]:
                after = [healthy[commit]]
            if after:
                restores.append(after[0] - at)
            else:
                open_ones += 1
    return {
        "deployments": releases,
        "per_day": releases / ((until - since) / timedelta(days=1)),
        "lead_time": spans(lead),
        "failed": wrong,
        "failure_rate": wrong / releases if releases else None,
        "restore": spans(restores),
        "unrestored": open_ones,
        "approval": spans(waits),
        "unconfirmed": untold,
    }


def spans(found: list[timedelta]) -> dict[str, float] | None:
    seconds = sorted(each.total_seconds() for each in found if each >= timedelta(0))
    if not seconds:
        return None
    half = len(seconds) // 2
    middle = seconds[half] if len(seconds) % 2 else (seconds[half - 1] + seconds[half]) / 2
    ninth = next(each for place, each in enumerate(seconds, 1) if place * 10 >= len(seconds) * 9)
    return {"count": len(seconds), "median": middle, "p90": ninth, "longest": seconds[-1]}


if __name__ == "__main__":
    fleet, deployments, since, until = sys.argv[1:]
    print(json.dumps(figures(Path(fleet), Path(deployments), moment(since), moment(until))))

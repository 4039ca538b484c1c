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


def figures(fleet: Path, deployments: Path, since: datetime, until: datetime) -> dict[str, object]:
    """Of all environments together: what the command's `all` says."""
    healthy: dict[str, datetime] = {}
    failed: dict[str, datetime] = {}
    for commit, _, files in commits(deployments, "deliveries", "."):
        for file in files:
            told = yaml.load(git(deployments, "show", f"{commit}:{file}"), yaml.BaseLoader)
            (healthy if told["outcome"] == "healthy" else failed).setdefault(
                told["release"], moment(told["at"])
            )
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

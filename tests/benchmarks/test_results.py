"""A run of a benchmark is kept as JSON, and two runs can be compared."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
WRITE = """\
import pathlib, sys
from results import Results
made = Results("example")
made.add("cold", "s", *map(float, sys.argv[2:]))
made.add("requests", "requests", 47)
made.write(pathlib.Path(sys.argv[1]))
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=FOLDER, capture_output=True, text=True)


def written(folder: Path, *seconds: float) -> Path:
    done = run("-c", WRITE, folder, *map(str, seconds))
    assert done.returncode == 0, done.stderr
    [path] = folder.glob("example-*.json")
    return path


def test_a_file_holds_figures_with_their_spread_and_what_they_were_measured_on(tmp_path: Path) -> None:
    kept: dict[str, Any] = json.loads(written(tmp_path, 3.0, 1.0, 1.5).read_text())
    cold, requests = kept["figures"]
    assert cold == {"what": "cold", "unit": "s", "values": [3, 1, 1.5], "min": 1, "median": 1.5, "max": 3}
    assert requests["median"] == 47
    assert kept["machine"].keys() >= {"system", "processor", "cores", "memory in GiB", "load before"}
    assert kept["versions"].keys() >= {"python", "deploy-orchestrator", "dagster"}
    assert len(kept["commit"]["id"]) == 40


@pytest.mark.parametrize(
    ("after", "said"),
    [((1.0, 1.1), "less"), ((1.9, 2.2), "alike"), ((4.0, 4.4), "more"), ((1.0,), "one value")],
)
def test_two_runs_differ_where_their_ranges_do_not_touch(
    tmp_path: Path, after: tuple[float, ...], said: str
) -> None:
    files = []
    for name, seconds in (("before", (2.0, 2.4)), ("after", after)):
        (tmp_path / name).mkdir()
        files.append(written(tmp_path / name, *seconds))
    compared = run("compare.py", *files)
    assert compared.returncode == 0, compared.stderr
    [row] = [line for line in compared.stdout.splitlines() if "cold" in line]
    assert said in row


def test_runs_of_two_benchmarks_are_not_compared(tmp_path: Path) -> None:
    one = written(tmp_path, 1.0)
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**json.loads(one.read_text()), "benchmark": "another"}))
    compared = run("compare.py", one, other)
    assert compared.returncode == 1
    assert compared.stderr.strip() == "these are runs of two benchmarks: example and another"

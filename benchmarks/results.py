"""The figures of one run of a benchmark, kept as JSON beside the table that it prints.

A file holds what was measured (`figures`: each with its unit, all values, min, median and max) and all that
it takes to compare it: the command, the machine with its load, the versions, and the commit.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".benchmarks"
PACKAGES = ("deploy-orchestrator", "dagster", "helm-python-sdk", "kubernetes", "pygit2", "pydantic")


@dataclass
class Results:
    """What one run measured. `benchmark` is the name of its program."""

    benchmark: str
    figures: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    load: tuple[float, float, float] = field(default_factory=os.getloadavg)

    def add(self, what: str, unit: str, *values: float) -> None:
        """Keep a figure; several values are those of its repetitions."""
        spread = {"min": min(values), "median": statistics.median(values), "max": max(values)}
        self.figures.append({"what": what, "unit": unit, "values": list(values), **spread})

    def write(self, folder: Path = FOLDER) -> Path:
        """Write the file of this run, and say where it is."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.benchmark}-{self.began:%Y%m%dT%H%M%S}.json"
        about = {
            "benchmark": self.benchmark,
            "command": [Path(sys.executable).name, *sys.argv],
            "began": self.began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.began).total_seconds(), 1),
            "machine": {**_machine(), "load before": self.load, "load after": os.getloadavg()},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "commit": _commit(),
            "figures": self.figures,
        }
        path.write_text(json.dumps(about, indent=2) + "\n")
        print(f"kept in {path}", file=sys.stderr)
        return path


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory in GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def _commit() -> dict[str, Any]:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return {"id": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}

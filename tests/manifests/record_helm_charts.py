"""Record what the `helm` on PATH renders of the charts that Helm itself is tested with.

    python -m tests.manifests.record_helm_charts CLONE

CLONE is the Git directory of a clone of https://github.com/helm/helm. The charts of its newest commit, with
what `helm` makes of each, go into `tests/data/helm-charts.json.gz`; left out are those that it refuses, and
those with links or large files.
"""

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from tests.manifests.test_helm_charts import RECORDED, rendered

LARGEST = 100_000
MANY = 400


def main() -> None:
    """Record all charts of a clone."""
    program = shutil.which("helm")
    if program is None or len(sys.argv) != 2:
        sys.exit(__doc__)
    archive = subprocess.run(
        ["git", f"--git-dir={sys.argv[1]}", "archive", "HEAD"], capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "x", "-C", folder], input=archive, check=True)
        charts = sorted(path.parent for path in Path(folder).rglob("Chart.yaml") if "testdata" in path.parts)
        recorded: dict[str, Any] = {}
        files_of: dict[str, str] = {}
        for chart in charts:
            files_here = {str(each.relative_to(chart)): each for each in chart.rglob("*") if each.is_file()}
            if any(each.is_symlink() for each in chart.rglob("*")):
                continue
            if len(files_here) > MANY or any(each.stat().st_size > LARGEST for each in files_here.values()):
                continue
            name = str(PurePosixPath(chart.relative_to(folder)))
            if (objects := rendered(chart, program)) is None:
                continue
            kept: dict[str, str] = {}
            for path, file in files_here.items():
                content = base64.b64encode(file.read_bytes()).decode()
                kept[path] = hashlib.sha256(content.encode()).hexdigest()[:16]
                files_of[kept[path]] = content
            recorded[name] = {"files": kept, "objects": objects}
    said = {"charts": recorded, "files": files_of}
    RECORDED.write_bytes(gzip.compress(json.dumps(said, sort_keys=True).encode(), mtime=0))


if __name__ == "__main__":
    main()

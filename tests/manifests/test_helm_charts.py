"""The charts that Helm is tested with come to the same objects in process as by the `helm` program.

What the program made of each stands in `tests/data/helm-charts.json.gz` (`record_helm_charts.py`).
"""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import helm_python
import pytest

from deploy_orchestrator.manifests import helm
from deploy_orchestrator.terms import HELM_HOOK_EVENTS

RECORDED: Final = Path(__file__).parents[1] / "data" / "helm-charts.json.gz"
OTHER_EACH_TIME: Final = "random"


def rendered(chart: Path, program: str | None) -> str | None:
    """The SHA-256 of a chart's objects, in process or by a program; None where the chart is refused."""
    kubernetes = helm.about({})["kubernetes"].removeprefix("v").rpartition(".")[0]
    request: dict[str, Any] = {
        "name": "release",
        "namespace": "here",
        "chart": str(chart),
        "layers": [],
        "apis": [],
    }
    request |= {"hookEvents": list(HELM_HOOK_EVENTS), "seconds": 60, "binary": program, "times": 2}
    try:
        found = helm.template({**request, "kubernetes": kubernetes} if program else request)
    except (helm.Failure, helm_python.HelmError):
        return None
    if found["again"]:
        return OTHER_EACH_TIME
    bodies = sorted(json.dumps(each["body"], sort_keys=True) for each in found["objects"])
    return hashlib.sha256("\n".join(bodies).encode()).hexdigest()


CORPUS: Final[dict[str, Any]] = (
    json.loads(gzip.decompress(RECORDED.read_bytes())) if RECORDED.exists() else {}
)


@pytest.mark.parametrize("name", sorted(CORPUS.get("charts", ())))
def test_a_chart_of_helms_own_comes_to_the_same_in_process(name: str, tmp_path: Path) -> None:
    recorded = CORPUS["charts"][name]
    for path, content in recorded["files"].items():
        file = tmp_path / "chart" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(CORPUS["files"][content]))
    assert rendered(tmp_path / "chart", None) == recorded["objects"]


def test_the_corpus_is_there() -> None:
    said = [each["objects"] for each in CORPUS["charts"].values()]
    assert (len(said), said.count(OTHER_EACH_TIME)) == (104, 3)

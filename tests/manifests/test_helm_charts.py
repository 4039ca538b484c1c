"""The charts that Helm is tested with come to the same objects in process as by the `helm` program.

What the program made of each stands in `tests/data/helm-charts.json.gz` (`record_helm_charts.py`), and what
Helm's own tests expect of `helm template` in `tests/data/helm-goldens.yaml`.
"""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import helm_python
import pytest
import yaml

from deploy_orchestrator.manifests import helm
from deploy_orchestrator.terms import HELM_HOOK_EVENTS

DATA: Final = Path(__file__).parents[1] / "data"
RECORDED: Final = DATA / "helm-charts.json.gz"
GOLDENS: Final = yaml.load((DATA / "helm-goldens.yaml").read_text(), yaml.CSafeLoader)
OF_CAPABILITIES: Final = ("kube-version/", "kube-api-version/")
"""Labels by which Helm's charts say for which Kubernetes they are rendered: another one in process."""
OTHER_EACH_TIME: Final = "random"


def template(chart: Path, release: str, namespace: str, values: str = "", program: str | None = None) -> Any:
    kubernetes = helm.about({})["kubernetes"].removeprefix("v").rpartition(".")[0]
    request: dict[str, Any] = {
        "name": release,
        "namespace": namespace,
        "chart": str(chart),
        "layers": [{"file": "values.yaml", "text": values}],
        "apis": [],
    }
    request |= {"hookEvents": list(HELM_HOOK_EVENTS), "seconds": 60, "binary": program, "times": 2}
    return helm.template({**request, "kubernetes": kubernetes} if program else request)


def rendered(chart: Path, program: str | None) -> str | None:
    """The SHA-256 of a chart's objects, in process or by a program; None where the chart is refused."""
    try:
        found = template(chart, "release", "here", program=program)
    except (helm.Failure, helm_python.HelmError):
        return None
    if found["again"]:
        return OTHER_EACH_TIME
    return digest([each["body"] for each in found["objects"]])


def digest(bodies: list[Any]) -> str:
    texts = sorted(json.dumps(each, sort_keys=True) for each in bodies)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


CORPUS: Final[dict[str, Any]] = (
    json.loads(gzip.decompress(RECORDED.read_bytes())) if RECORDED.exists() else {}
)


@pytest.mark.parametrize("name", sorted(CORPUS.get("charts", ())))
def test_a_chart_of_helms_own_comes_to_the_same_in_process(name: str, tmp_path: Path) -> None:
    assert rendered(laid_out(name, tmp_path), None) == CORPUS["charts"][name]["objects"]


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: Path(golden["golden"]).stem)
def test_what_helms_own_tests_expect_comes_out_in_process(golden: dict[str, str], tmp_path: Path) -> None:
    chart = laid_out(golden["chart"], tmp_path)
    found = template(chart, "release-name", "default", golden["values"])
    bodies = [each["body"] for each in found["objects"]]
    for labels in (each.get("metadata", {}).get("labels") or {} for each in bodies):
        for name in [each for each in labels if each.startswith(OF_CAPABILITIES)]:
            del labels[name]
    plain = [each for each in bodies if each.get("kind") != "CustomResourceDefinition"]
    assert digest(plain) == golden["objects"]


def laid_out(name: str, folder: Path) -> Path:
    for path, content in CORPUS["charts"][name]["files"].items():
        file = folder / "chart" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(CORPUS["files"][content]))
    return folder / "chart"


def test_the_corpus_is_there() -> None:
    said = [each["objects"] for each in CORPUS["charts"].values()]
    assert (len(said), said.count(OTHER_EACH_TIME)) == (104, 3)

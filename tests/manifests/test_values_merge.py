"""Value layers merge as `helm template --values a --values b` merges them, nulls and oddities included."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.manifests.workers import Limits, Workers

names = st.sampled_from(["a", "b", "c", "sub", "global", "1", "y", "null", "with.dot", "ü"])
scalars = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
layers = st.lists(
    st.dictionaries(names.filter(lambda name: name not in {"sub", "global"}), values, max_size=4), max_size=3
)


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chart") / "c"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text("a: {b: 1, c: {d: [1, 2]}}\nb: text\nc: null\n")
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: {{ .Values | toJson | quote }}}\n"
    )
    (folder / "templates/a.yaml").write_text(template)
    return folder


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(1, Limits())
    yield workers
    workers.close()


@pytest.mark.helm
@settings(max_examples=40)
@given(layers=layers)
def test_layers_merge_as_the_helm_program_merges_them(
    chart: Path, workers: Workers, layers: list[dict[str, Any]]
) -> None:
    texts = [yaml.safe_dump(layer, allow_unicode=True) for layer in layers]
    files = [chart.parent / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    command = ["helm", "template", "r", str(chart), *(f"--values={file}" for file in files)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    request = {
        "hookEvents": [],
        "chart": str(chart),
        "name": "r",
        "namespace": "default",
        "layers": [{"file": file.name, "text": text} for file, text in zip(files, texts, strict=True)],
        "times": 1,
        "binary": None,
    }
    (ours,) = json.loads(workers.ask("template", request))["result"]["objects"]
    assert json.loads(ours["body"]["data"]["v"]) == json.loads(yaml.safe_load(printed)["data"]["v"])

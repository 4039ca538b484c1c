from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import helm_python
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from deploy_orchestrator.charts import ChartInvalid, Dependency, Processed, enabled, load, processed
from deploy_orchestrator.documents import dump


def dependency(**fields: object) -> Dependency:
    return Dependency.model_validate({"name": "redis", "version": "1.x", **fields})


@pytest.mark.parametrize(
    ("condition", "values", "on"),
    [
        ("", {}, True),
        ("redis.enabled", {}, True),
        ("redis.enabled", {"redis": {"enabled": False}}, False),
        ("redis.enabled", {"redis": {"enabled": None}}, True),
        ("redis.enabled", {"redis": {"enabled": "false"}}, True),
        ("redis.enabled", {"redis": {"enabled": 0}}, True),
        ("redis.enabled", {"redis": {"enabled": {"x": False}}}, True),
        ("redis.enabled", {"redis": False}, True),
        ("redis", {"redis": False}, False),
        ("a.on,b.on", {"a": {"on": False}, "b": {"on": True}}, False),
        ("a.on,b.on", {"a": {"on": "no"}, "b": {"on": False}}, False),
        (" a.on, b.on ", {"b": {"on": False}}, True),
        (",a.on", {"a": {"on": False}}, False),
    ],
)
def test_the_first_condition_that_is_true_or_false_decides(
    condition: str, values: dict[str, Any], on: bool
) -> None:
    assert enabled(dependency(condition=condition), values) is on


@pytest.mark.parametrize(
    ("tags", "on"),
    [
        ({}, True),
        ({"back": False}, False),
        ({"back": False, "front": True}, True),
        ({"back": False, "front": "yes"}, False),
        ({"other": False}, True),
        ("all", True),
        (None, True),
    ],
)
def test_any_true_tag_switches_on_and_a_false_one_alone_off(tags: object, on: bool) -> None:
    assert enabled(dependency(tags=["back", "front"]), {"tags": tags}) is on


def test_conditions_override_tags() -> None:
    values = {"tags": {"back": False}, "redis": {"enabled": True}}
    assert enabled(dependency(condition="redis.enabled", tags=["back"]), values)


def test_a_nested_condition_is_looked_up_below_its_parent() -> None:
    values = {"redis": {"enabled": True}, "app": {"redis": {"enabled": False}}}
    assert not enabled(dependency(condition="redis.enabled"), values, "app.")


def write(folder: Path, chart: Mapping[str, Any]) -> None:
    (folder / "templates").mkdir(parents=True)
    metadata = {"apiVersion": "v2", "name": chart["name"], "version": "1.0.0"}
    if chart["dependencies"] is not None:
        metadata["dependencies"] = chart["dependencies"]
    (folder / "Chart.yaml").write_bytes(dump(metadata))
    (folder / "values.yaml").write_bytes(dump(chart["values"]))
    (folder / "templates" / "x.yaml").write_text("kind: ConfigMap\nmetadata: {name: x}\n")
    for subchart in chart["subcharts"]:
        write(folder / "charts" / subchart["name"], subchart)


def rendered_by_us(chart: Processed) -> Iterator[str]:
    yield f"{chart.files}/templates/x.yaml"
    for subchart in chart.subcharts:
        yield from rendered_by_us(subchart)


names = st.sampled_from(["a", "b", "c"])
paths = st.sampled_from(["on", "a.on", "b.on", "c.on", "a-y.on", "b-z.on", "a.b.on", "global.on", "b"])
conditions = st.lists(paths, max_size=2).map(",".join)
switches = st.sampled_from([True, False, False, None, "false"])
leaves = st.dictionaries(st.sampled_from(["on", "off"]), switches, max_size=2)
tables = st.dictionaries(st.sampled_from(["a", "b", "c", "global"]), leaves, max_size=3)
values = st.fixed_dictionaries(
    {},
    optional={
        "on": switches,
        "a-y": leaves,
        "b-z": leaves,
        "global": leaves,
        "tags": st.dictionaries(st.sampled_from(["t", "u"]), switches, max_size=2),
        **dict.fromkeys("abc", st.builds(dict.__or__, leaves, tables) | st.none()),
    },
)


ALIASES = (("",), ("",), ("",), (), ("y",), ("", "y"), ("y", "z"))
"""Those under which a chart is asked for, each once."""


@st.composite
def charts(draw: st.DrawFn, name: str = "root", depth: int = 3) -> dict[str, Any]:
    inside = draw(st.lists(names, unique=True, max_size=3)) if depth else []
    dependencies = [
        {
            "name": chart,
            "version": draw(st.sampled_from(["1.x", "1.x", "1.x", "2.x", ""])),
            "repository": "",
            "condition": draw(conditions),
            "tags": draw(st.lists(st.sampled_from(["t", "u"]), unique=True, max_size=2)),
            "alias": alias and f"{chart}-{alias}",
        }
        for chart in inside
        for alias in draw(st.sampled_from(ALIASES))
    ]
    return {
        "name": name,
        "dependencies": dependencies or draw(st.sampled_from([None, []])),
        "values": draw(values),
        "subcharts": [draw(charts(chart, depth - 1)) for chart in inside],
    }


@settings(max_examples=50, deadline=None)
@given(charts(), values)
def test_what_is_switched_on_is_what_helm_renders(
    chart: dict[str, Any], given_values: dict[str, Any]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "root"
        write(path, chart)
        try:
            theirs = set(helm_python.Chart.load(path).render(given_values))
        except helm_python.HelmError:
            reject()
        assert set(rendered_by_us(processed(load(path), given_values))) == theirs


def test_values_of_a_subchart_that_are_no_mapping_are_told(tmp_path: Path) -> None:
    inside = {"name": "a", "dependencies": None, "values": {}, "subcharts": []}
    root = {"name": "root", "dependencies": [{"name": "a", "version": "1.x", "repository": ""}]}
    write(tmp_path / "root", {**root, "values": {}, "subcharts": [inside]})
    with pytest.raises(ChartInvalid, match="the values of the subchart a are 3"):
        processed(load(tmp_path / "root"), {"a": 3})

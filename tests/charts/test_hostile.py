"""Whatever is wrong with a chart, its packages or its metadata ends in a `ChartError` and nothing else."""

import gzip
import io
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.charts import ChartError, Repositories, assemble, load, load_package, resolve
from deploy_orchestrator.documents import dump
from deploy_orchestrator.registries import Offline

MakePackage = Callable[..., bytes]

FUZZ = settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CHART_YAML = dump(
    {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.2.3",
        "type": "application",
        "dependencies": [
            {
                "name": "redis",
                "version": "~1.2 || >3",
                "repository": "https://charts.example.com",
                "condition": "redis.enabled",
                "tags": ["store"],
                "import-values": ["data", {"child": "a", "parent": "b"}],
                "alias": "cache",
            }
        ],
    }
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    "apiVersion",
    "name",
    "version",
    "type",
    "dependencies",
    "deprecated",
    "maintainers",
    "annotations",
    "sources",
)


def survives(files: dict[str, bytes], make_package: MakePackage) -> None:
    package = make_package({"name": "web"}, files)
    with suppress(ChartError):
        resolve(load_package(package, "web.tgz"), Repositories(web=Offline()))


@FUZZ
@given(at=st.integers(0, len(CHART_YAML)), cut=st.integers(0, 20), insert=st.binary(max_size=8))
def test_a_mutated_chart_yaml(make_package: MakePackage, at: int, cut: int, insert: bytes) -> None:
    survives({"Chart.yaml": CHART_YAML[:at] + insert + CHART_YAML[at + cut :]}, make_package)


@FUZZ
@given(fields=st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_a_chart_yaml_of_wrong_types(make_package: MakePackage, fields: dict[str, object]) -> None:
    survives({"Chart.yaml": dump({"name": "web", "version": "1.0.0", **fields})}, make_package)


@FUZZ
@given(
    file=st.sampled_from(
        (
            "values.yaml",
            "values.schema.json",
            "Chart.lock",
            "requirements.yaml",
            "requirements.lock",
            ".helmignore",
        )
    ),
    data=st.binary(max_size=200),
)
def test_any_bytes_in_any_file(make_package: MakePackage, file: str, data: bytes) -> None:
    survives({file: data}, make_package)


@FUZZ
@given(at=st.integers(0, 400), flip=st.binary(min_size=1, max_size=6))
def test_a_mutated_package(make_package: MakePackage, at: int, flip: bytes) -> None:
    package = make_package(
        {"name": "web"}, {"values.yaml": "a: 1", "charts/x.tgz": make_package({"name": "x"})}
    )
    for data in (
        package[:at] + flip + package[at + len(flip) :],
        package[:at],
        gzip.compress((tar := gzip.decompress(package))[:at] + flip + tar[at + len(flip) :]),
    ):
        with suppress(ChartError):
            load_package(data, "web.tgz")


@FUZZ
@given(
    name=st.text(max_size=60), kind=st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, b"Z"])
)
def test_any_name_of_any_kind_in_a_package(name: str, kind: bytes) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", errors="surrogateescape") as archive:
        member = tarfile.TarInfo(f"web/{name}".encode("utf-8", "replace").decode())
        member.type = kind
        archive.addfile(member)
    with suppress(ChartError):
        load_package(stream.getvalue(), "web.tgz")


def test_nothing_of_a_hostile_package_is_written(
    tmp_path: Path, make_package: MakePackage, make_chart: Callable[..., Path]
) -> None:
    chart = make_chart(
        {"name": "web", "dependencies": [{"name": "x", "version": "*"}]}, {"charts/x.tgz": b"no"}
    )
    with pytest.raises(ChartError):
        assemble(chart, tmp_path / "out", Repositories())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web"]


def test_a_thousand_folders_deep_is_refused_and_not_a_crash(
    tmp_path: Path, make_package: MakePackage
) -> None:
    package = make_package({"name": "web"}, {"templates/" + "a/" * 480 + "x": "x"})
    assert load_package(package, "web.tgz").templates
    deep = make_package({"name": "web"}, {"templates/" + "a/" * 1_000 + "x": "x"})
    (tmp_path / "deep.tgz").write_bytes(deep)
    with pytest.raises(ChartError, match="path"):
        load(tmp_path / "deep.tgz")

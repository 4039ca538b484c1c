import gzip
import os
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from deploy_orchestrator.charts import ChartInvalid, ChartNotFound, UnsafeChart, load

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]


@pytest.fixture
def save(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        file = tmp_path / "chart.tgz"
        file.write_bytes(data)
        return file

    return write


Save = Callable[[bytes], Path]


def test_a_folder_is_read_into_its_parts(make_chart: MakeChart) -> None:
    chart = load(
        make_chart(
            {"name": "web", "version": "1.2.3", "type": "application"},
            {
                "values.yaml": "replicas: 2\n",
                "values.schema.json": '{"type": "object"}',
                "templates/web.yaml": "kind: Service",
                "crds/web.yaml": "kind: CustomResourceDefinition",
                "files/motd": "hello",
                "Chart.lock": "dependencies: [{name: common, version: 1.0.0}]\ndigest: sha256:0\n",
            },
        )
    )
    assert (chart.name, chart.version) == ("web", "1.2.3")
    assert chart.values == {"replicas": 2}
    assert chart.schema == {"type": "object"}
    assert chart.templates == {"templates/web.yaml": b"kind: Service"}
    assert chart.crds == {"crds/web.yaml": b"kind: CustomResourceDefinition"}
    assert chart.files == {"files/motd": b"hello"}
    assert chart.lock is not None
    assert [(locked.name, locked.version) for locked in chart.lock.dependencies] == [("common", "1.0.0")]


def test_a_package_and_its_folder_are_the_same_chart(
    make_chart: MakeChart, make_package: MakePackage, save: Save
) -> None:
    parts = (
        {"name": "web"},
        {"values.yaml": "a: 1", "templates/a.yaml": "b", "charts/x/Chart.yaml": "name: x\nversion: 1.0.0"},
    )
    folder, packed = load(make_chart(*parts)), load(save(make_package(*parts)))
    assert folder.digest == packed.digest
    assert folder.metadata == packed.metadata
    assert folder.path is not None
    assert packed.path is None


def test_packages_inside_packages_are_read_to_the_bottom(make_package: MakePackage, save: Save) -> None:
    bottom = make_package({"name": "bottom"})
    middle = make_package({"name": "middle"}, {"charts/bottom-1.0.0.tgz": bottom})
    top = load(save(make_package({"name": "top"}, {"charts/middle-1.0.0.tgz": middle})))
    assert [str(chart) for chart in top.subcharts] == ["middle@1.0.0"]
    assert [str(chart) for chart in top.subcharts[0].subcharts] == ["bottom@1.0.0"]


def test_hidden_entries_of_charts_are_skipped_as_helm_does(make_chart: MakeChart) -> None:
    chart = load(
        make_chart(
            {"name": "web"}, {"charts/_old/Chart.yaml": "{", "charts/.x/y": "", "charts/a.tgz.prov": ""}
        )
    )
    assert chart.subcharts == ()


def test_dependencies_of_requirements_yaml_count_as_the_charts_own(make_chart: MakeChart) -> None:
    chart = load(
        make_chart(
            {"apiVersion": "v1", "name": "old"},
            {
                "requirements.yaml": "dependencies: [{name: redis, version: ~1.2, alias: cache, "
                "condition: cache.on, tags: [store], import-values: [data]}]\n",
                "requirements.lock": "dependencies: [{name: redis, version: 1.2.3}]\n",
            },
        )
    )
    (dependency,) = chart.metadata.dependencies
    assert (dependency.name, dependency.key, dependency.version) == ("redis", "cache", "~1.2")
    assert (dependency.condition, dependency.tags, dependency.import_values) == (
        "cache.on",
        ("store",),
        ("data",),
    )
    assert chart.lock is not None


def test_a_number_for_a_version_is_read_as_helm_reads_it(make_chart: MakeChart) -> None:
    chart = load(make_chart({"name": "web", "version": 1.1, "appVersion": 2}))
    assert (chart.version, chart.metadata.app_version) == ("1.1", "2")


def test_documents_in_values_yaml_are_merged(make_chart: MakeChart) -> None:
    chart = load(make_chart({"name": "web"}, {"values.yaml": "a: {b: 1, c: 1}\n---\na: {c: 2}\n"}))
    assert chart.values == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("*.txt", {"README.md", "docs/a.md", "docs/deep/b.md"}),
        ("docs/", {"README.md", "c.txt"}),
        ("/docs/*.md", {"README.md", "c.txt", "docs/deep/b.md"}),
        ("docs/deep", {"README.md", "c.txt", "docs/a.md"}),
        ("[R]EADME.md\n# docs", {"c.txt", "docs/a.md", "docs/deep/b.md"}),
        ("?.txt", {"README.md", "docs/a.md", "docs/deep/b.md"}),
        ("[^a-z].txt", {"README.md", "c.txt", "docs/a.md", "docs/deep/b.md"}),
        (r"\R*", {"c.txt", "docs/a.md", "docs/deep/b.md"}),
    ],
)
def test_helmignore_leaves_out_what_helm_leaves_out(
    make_chart: MakeChart, rules: str, left: set[str]
) -> None:
    files = dict.fromkeys(("README.md", "c.txt", "docs/a.md", "docs/deep/b.md"), "x")
    chart = load(make_chart({"name": "web"}, {**files, ".helmignore": rules}))
    assert set(chart.files) - {".helmignore"} == left


def test_hidden_files_in_templates_are_never_loaded(make_chart: MakeChart) -> None:
    assert not load(make_chart({"name": "web"}, {"templates/.swp": "x"})).templates


@pytest.mark.parametrize("pattern", ["a/**", "[a", "a[z-a]", "a\\"])
def test_a_pattern_that_helm_refuses_is_named_with_its_line(make_chart: MakeChart, pattern: str) -> None:
    with pytest.raises(ChartInvalid) as error:
        load(make_chart({"name": "web"}, {".helmignore": f"# first\n{pattern}\n"}))
    assert error.value.place is not None
    assert error.value.place.line == 2


@pytest.mark.parametrize(
    ("chart_yaml", "line", "field"),
    [
        ("name: web\n", 1, "version"),
        ("version: 1.0.0\nname: ../web\n", 2, "name"),
        ("name: web\nversion: one\n", 2, "version"),
        ("name: web\nversion: 1.0.0\ntype: plugin\n", 3, "type"),
        ("name: web\nversion: 1.0.0\ndependencies:\n- name: a\n  alias: b/c\n", 5, "dependencies[0].alias"),
        ("name: web\nversion: 1.0.0\ndependencies:\n- \n", 4, "dependencies[0]"),
        ('name: "a\\0b"\nversion: 1.0.0\n', 1, "name"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(
    make_chart: MakeChart, chart_yaml: str, line: int, field: str
) -> None:
    with pytest.raises(ChartInvalid) as error:
        load(make_chart({"name": "web"}, {"Chart.yaml": chart_yaml}))
    assert error.value.place is not None
    assert (error.value.place.line, error.value.place.field) == (line, field)


@pytest.mark.parametrize(
    "files",
    [
        {"Chart.yaml": b"\xff\xfe"},
        {"Chart.yaml": b"- a list"},
        {"Chart.yaml": b"name: [" * 500},
        {
            "values.yaml": "a: &a [x, x]\nb: &b [*a, *a]\n"
            + "".join(f"c{n}: &c{n} [{', '.join(['*b'] * 9)}]\n" for n in range(3))
            + "- 1"
        },
        {"values.yaml": "- a list"},
        {"values.schema.json": "[" * 100_000},
        {"values.schema.json": "true"},
        {"Chart.lock": "dependencies: 3"},
        {"charts/broken/values.yaml": "a: 1"},
        {"charts/README.md": "text"},
        {"charts/a.tgz": b"no package"},
        {"charts/a.tgz/Chart.yaml": b"name: a"},
        {"requirements.yaml": "dependencies: [{name: a}, {name: a}]"},
    ],
    ids=lambda files: next(iter(files)),
)
def test_a_broken_file_is_told_by_its_name(make_chart: MakeChart, files: dict[str, bytes]) -> None:
    with pytest.raises(ChartInvalid) as error:
        load(make_chart({"name": "web"}, files))
    assert error.value.place is not None
    assert error.value.place.file


def test_nothing_there_is_no_chart(tmp_path: Path) -> None:
    with pytest.raises(ChartNotFound):
        load(tmp_path / "absent")


@pytest.mark.parametrize(
    "name", ["chart/../../etc/passwd", "../Chart.yaml", "/etc/passwd", "c:/x/y", "chart/a\nb", "chart\\..\\x"]
)
def test_a_path_that_climbs_is_refused(pack: MakePackage, save: Save, name: str) -> None:
    with pytest.raises(UnsafeChart):
        load(save(pack({"chart/Chart.yaml": "name: a\nversion: 1.0.0", name: "x"}, top="")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_package_are_refused(save: Save, kind: bytes) -> None:
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("chart/values.yaml")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(UnsafeChart):
        load(save(stream.getvalue()))


def test_a_link_that_leaves_the_folder_is_refused(make_chart: MakeChart, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = make_chart({"name": "web"})
    (folder / "values.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeChart):
        load(folder)


def test_a_link_may_lead_as_far_as_it_is_let_but_never_to_what_git_keeps(
    make_chart: MakeChart, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "values.yaml").write_text("a: 1")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("token: x")
    make_chart({"name": "common"})
    folder = make_chart({"name": "web"}, at="apps/web")
    (folder / "values.yaml").symlink_to("../../shared/values.yaml")
    (folder / "charts").mkdir()
    (folder / "charts" / "common").symlink_to("../../../common")
    found = load(folder, within=tmp_path)
    assert (found.values, [each.name for each in found.subcharts]) == ({"a": 1}, ["common"])
    (folder / "notes").symlink_to("../../.git/config")
    with pytest.raises(UnsafeChart):
        load(folder, within=tmp_path)


def test_a_link_inside_the_folder_is_followed(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"}, {"default.yaml": "a: 1"})
    (folder / "values.yaml").symlink_to("default.yaml")
    assert load(folder).values == {"a": 1}


def test_a_link_to_a_folder_around_it_is_refused(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"}, {"files/a": ""})
    (folder / "files" / "again").symlink_to("..")
    with pytest.raises(UnsafeChart):
        load(folder)


def test_a_pipe_in_a_folder_is_refused(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"})
    os.mkfifo(folder / "values.yaml")
    with pytest.raises(UnsafeChart):
        load(folder)


def test_a_package_that_unpacks_to_too_much_is_refused(save: Save) -> None:
    with pytest.raises(UnsafeChart, match="unpacks"):
        load(save(gzip.compress(bytes(130 * 1024 * 1024), compresslevel=1)))


def test_a_package_of_too_many_files_is_refused(pack: MakePackage, save: Save) -> None:
    with pytest.raises(UnsafeChart, match="files"):
        load(save(pack(dict.fromkeys(map(str, range(20_001)), b""))))


def test_packages_nested_without_end_are_refused(make_package: MakePackage, save: Save) -> None:
    package = make_package({"name": "a"})
    for _ in range(30):
        package = make_package({"name": "a"}, {"charts/a.tgz": package})
    with pytest.raises(UnsafeChart, match="nested"):
        load(save(package))


def test_folders_nested_without_end_are_refused(make_chart: MakeChart) -> None:
    folder = make_chart(
        {"name": "a"}, {"charts/a/" * depth + "Chart.yaml": "name: a\nversion: 1.0.0" for depth in range(30)}
    )
    with pytest.raises(UnsafeChart, match="nested"):
        load(folder)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        gzip.compress(b"text", mtime=0),
        gzip.compress(bytes(1024), mtime=0),
        b"\x1f\x8b\x08" + b"x" * 50,
    ],
)
def test_bytes_that_are_no_package_are_refused(save: Save, data: bytes) -> None:
    with pytest.raises(ChartInvalid):
        load(save(data))

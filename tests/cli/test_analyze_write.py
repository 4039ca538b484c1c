"""`analyze --write`: the way out that keeps a package unpacked, written where it is the only one."""

import json

import pytest

from deploy_orchestrator.charts import unpacked
from tests.foresight.test_trying import URL, Published

CHART = f"""\
apiVersion: v2
name: web
version: 1.0.0
dependencies:
  # ours, for good
  - name: a
    version: 1.0.0
    repository: {URL}  # the hub
  - {{name: b, version: 1.0.0, repository: '{URL}'}}
"""


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "hub").mkdir()
    found = Published(tmp_path / "hub")
    found.user("a", "1.0.0", "1.0.0")
    found.user("b", "1.0.0", "2.0.0")
    return found


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(CHART)
    return folder


@pytest.fixture
def analyze(fresh, hub, web):
    def run(*options):
        hub.repositories()
        return fresh.run("analyze", str(web), "--repository", f"{URL}={hub.folder}", *options)

    return run


def test_the_package_stands_unpacked_with_the_other_chart_inside_and_the_conflict_is_gone(analyze, web):
    assert analyze().code == 1
    written = analyze("--write")
    assert (written.code, "wrote it: Keep a 1.0.0 unpacked" in written.errors) == (0, True)
    assert "no conflicts" in written.output
    inside = sorted(str(each.relative_to(web)) for each in (web / "charts").rglob("*") if each.is_file())
    assert inside == ["charts/a/Chart.yaml", "charts/a/charts/lib-2.0.0.tgz", "charts/a/templates/x.yaml"]
    again = analyze()
    assert (again.code, "no conflicts" in again.output) == (0, True)
    assert analyze("--write").code == 0


def test_chart_yaml_keeps_its_layout_and_names_no_repository_for_it_any_more(analyze, web):
    analyze("--write")
    after = CHART.replace(f"    repository: {URL}  # the hub", '    repository: ""  # the hub')
    assert (web / "Chart.yaml").read_text() == after.replace("version: 1.0.0\ndep", "version: 1.0.1\ndep")
    assert 'repository: ""\n  version: 1.0.0' in (web / "Chart.lock").read_text()


def test_a_packed_copy_of_it_goes(analyze, hub, web):
    (web / "charts").mkdir()
    (web / "charts" / "a-1.0.0.tgz").write_bytes((hub.folder / "a-1.0.0.tgz").read_bytes())
    (web / "charts" / "b-1.0.0.tgz").write_bytes((hub.folder / "b-1.0.0.tgz").read_bytes())
    assert analyze("--write").code == 0
    assert sorted(each.name for each in (web / "charts").iterdir()) == ["a", "b-1.0.0.tgz"]


def test_an_unpacked_copy_of_it_goes_whatever_its_folder_is_called(analyze, hub, web):
    for entry, chart in (("old", "a"), ("b", "b")):
        (web / "charts" / entry).mkdir(parents=True)
        for path, data in unpacked((hub.folder / f"{chart}-1.0.0.tgz").read_bytes(), chart).items():
            (web / "charts" / entry / path).parent.mkdir(parents=True, exist_ok=True)
            (web / "charts" / entry / path).write_bytes(data)
    assert analyze("--write").code == 0
    files = {each.relative_to(web / "charts").parts[0] for each in web.glob("charts/**/*") if each.is_file()}
    assert files == {"a", "b"}


def test_what_stood_at_another_time_is_not_written(analyze, web):
    answer = analyze("--write", "--as-of", "2026-01-01")
    assert (answer.code, "--as-of does not go with --write" in answer.errors) == (2, True)
    assert (web / "Chart.yaml").read_text() == CHART


def test_where_a_published_version_is_a_way_out_nothing_is_written(analyze, hub, web):
    hub.user("a", "2.0.0", "2.0.0")
    assert analyze("--write").code == 1
    assert (web / "Chart.yaml").read_text() == CHART


def test_a_published_chart_is_not_written_to(fresh, hub):
    hub._publish(json.loads('{"apiVersion": "v2", "name": "web", "version": "1.0.0"}'), {})
    hub.repositories()
    assert fresh.run("analyze", "web", "--repository", f"{URL}={hub.folder}", "--write").code == 0

import pytest

URL = "https://hub.example.com"
CHARTS = {
    "db@1.0.0": [],
    "db@1.1.0": [],
    "db@2.0.0": [{"name": "common", "version": "2.x"}],
    "web@1.0.0": [{"name": "common", "version": "1.x"}],
    "common@1.0.0": [],
    "common@2.0.0": [],
}
NEEDS = f"""\
apiVersion: v2
name: %s
version: 0.3.0
dependencies:
  - name: db  # the shop's own
    version: ~1.0.0
    repository: {URL}
"""
WEB = f"  - {{name: web, version: 1.x, repository: {URL}}}\n"


@pytest.fixture
def charts(fresh):
    for name, text in (("alone", NEEDS % "alone"), ("beside", NEEDS % "beside" + WEB)):
        (fresh.folder / "charts" / name).mkdir(parents=True, exist_ok=True)
        (fresh.folder / "charts" / name / "Chart.yaml").write_text(text)
    return fresh.folder / "charts"


@pytest.fixture
def upgrade(fresh, index, charts):
    options = index(CHARTS)
    ours = ("--chart", "charts/alone", "--chart", "charts/beside")
    return lambda *arguments: fresh.run("upgrade", *arguments, *ours, *options)


def test_what_would_be_written_is_told_and_nothing_is_written(upgrade, charts):
    before = (charts / "alone/Chart.yaml").read_text()
    answer = upgrade("db@1.1.0")
    assert (answer.code, answer.errors) == (0, "")
    assert answer.output.splitlines()[:2] == ["would write alone@0.3.0 as alone@0.4.0", "  db  1.0.0 → 1.1.0"]
    assert (charts / "alone/Chart.yaml").read_text() == before
    assert not (charts / "alone/Chart.lock").exists()


def test_a_version_is_written_where_it_does_no_harm_and_refused_where_it_does(upgrade, charts, fresh):
    before = (charts / "beside/Chart.yaml").read_text()
    answer = upgrade("db@2.0.0", "--write")
    assert answer.code == 1
    assert "beside@0.3.0: with db 2.0.0, charts do harm to each other" in answer.errors
    assert (charts / "beside/Chart.yaml").read_text() == before
    text = (charts / "alone/Chart.yaml").read_text()
    assert text == (NEEDS % "alone").replace("0.3.0", "1.0.0").replace("~1.0.0", "~2.0.0")
    assert fresh.run("lock", "check", "charts/alone").code == 0


def test_without_a_version_each_chart_takes_the_highest_that_is_safe_in_it(upgrade, charts):
    assert upgrade("db", "--write").code == 0
    assert "~2.0.0" in (charts / "alone/Chart.yaml").read_text()
    assert "~1.1.0" in (charts / "beside/Chart.yaml").read_text()
    assert upgrade("db").output.count("nothing to upgrade") == 2


def test_json_has_one_entry_a_chart(upgrade):
    alone, beside = upgrade("db@1.1.0", "--format", "json").json
    change = {"repository": URL, "name": "db", "before": ["1.0.0"], "after": ["1.1.0"]}
    taken = {"version": "0.4.0", "files": ["Chart.yaml", "Chart.lock"], "changes": [change]}
    assert alone == {"chart": "alone", "version": "0.3.0", "taken": taken}
    assert beside["taken"] == taken


def test_what_nobody_needs_and_what_is_not_there_exit_2(upgrade):
    assert "no chart here needs nothing" in upgrade("nothing").errors
    answer = upgrade("db@9.0.0")
    assert answer.code == 2
    assert "9.0.0" in answer.errors

import json

import pytest

NEEDS = [{"name": "db", "version": "1.x"}, {"name": "web", "version": "1.x"}]
CHARTS = {
    "app@1.0.0": NEEDS,
    "db@1.0.0": [],
    "db@1.1.0": [],
    "db@2.0.0": [{"name": "lost", "version": "1.x"}],
    "web@1.0.0": [],
}


@pytest.fixture
def outdated(fresh):
    return lambda *arguments: fresh.run("outdated", *arguments)


def test_each_dependency_is_listed_with_its_versions_and_exit_1(outdated, index):
    charts = {**CHARTS, "app@1.0.0": [{"name": "db", "version": "~1.0"}, {"name": "web", "version": "1.x"}]}
    answer = outdated("app", *index(charts))
    assert (answer.code, answer.errors) == (1, "")
    assert answer.output.splitlines() == [
        "app@1.0.0",
        "dependency  constraint  now    allowed  newest  highest safe",
        "db          ~1.0        1.0.0  1.0.0    2.0.0   1.1.0",
        "web         1.x         1.0.0  1.0.0    1.0.0",
    ]


def test_nothing_outdated_exits_0(outdated, index):
    answer = outdated("app", *index({"app@1.0.0": NEEDS[1:], "web@1.0.0": []}))
    assert answer.code == 0
    assert answer.output.endswith("nothing is outdated\n")


def test_json_has_one_entry_a_chart(outdated, index):
    answer = outdated("app", "db@1.0.0", *index(CHARTS), "--format", "json")
    app, db = answer.json
    assert db == {"chart": "db", "version": "1.0.0", "dependencies": [], "unknown": {}}
    assert app["dependencies"][0] == {
        "name": "db",
        "key": "db",
        "repository": "https://hub.example.com",
        "constraint": "1.x",
        "current": "1.1.0",
        "allowed": "1.1.0",
        "newest": "2.0.0",
        "safe": None,
        "outdated": True,
        "deprecated": False,
        "last_published": None,
    }


def test_a_dependency_that_cannot_be_looked_up_exits_2_and_the_others_are_shown(outdated, index):
    answer = outdated("db@2.0.0", "app", *index(CHARTS))
    assert answer.code == 2
    assert "not found lost: https://hub.example.com has no chart lost" in answer.output
    assert "nothing is outdated among what was found" in answer.output
    assert "2.0.0   none" in answer.output


def test_values_leave_out_what_they_switch_off(outdated, index, fresh):
    (fresh.folder / "off.yaml").write_text("db: {enabled: false}\n")
    needs = [{**NEEDS[0], "condition": "db.enabled"}]
    options = index({**CHARTS, "app@1.0.0": needs})
    assert outdated("app", *options).code == 1
    assert outdated("app", *options, "--values", "off.yaml").code == 0


def test_as_of_a_day_what_came_later_is_not_there(outdated, published):
    def newest(*arguments):
        return outdated("redis@12.7.4", *published, "--format", "json", *arguments).json[0]["dependencies"][0]

    assert newest()["newest"] > "2"
    assert newest("--as-of", "2021-02-06")["newest"] < "2"


def test_what_a_chart_carries_beside_itself_has_no_other_versions(outdated, fresh):
    for name, dependencies in (
        ("lib", []),
        ("app", [{"name": "lib", "version": "1.x", "repository": "file://../lib"}]),
    ):
        (fresh.folder / name).mkdir()
        chart = {"apiVersion": "v2", "name": name, "version": "1.0.0", "dependencies": dependencies}
        (fresh.folder / name / "Chart.yaml").write_text(json.dumps(chart))
    assert outdated("./app").output == "app@1.0.0\nnothing is outdated\n"


CHART = """\
apiVersion: v2
name: shop
version: 1.4.0  # goes up
dependencies:
  # stay below 2
  - {name: db, version: 1.0.0, repository: "https://hub.example.com"}
  - {name: web, version: 1.x, repository: "https://hub.example.com"}
"""


def test_the_highest_safe_versions_are_written_with_comments_kept(outdated, index, fresh):
    folder = fresh.folder / "shop"
    folder.mkdir()
    (folder / "Chart.yaml").write_text(CHART)
    answer = outdated("./shop", *index(CHARTS), "--write")
    assert (answer.code, answer.errors) == (0, "")
    assert answer.output.splitlines()[-2:] == ["wrote shop@1.4.0 as shop@1.5.0", "  db  1.0.0 → 1.1.0"]
    text = (folder / "Chart.yaml").read_text()
    assert text == CHART.replace("1.4.0", "1.5.0").replace("db, version: 1.0.0", "db, version: 1.1.0")
    assert fresh.run("lock", "check", "./shop").code == 0


def test_what_cannot_be_written_exits_2(outdated, index):
    charts = {**CHARTS, "app@1.0.0": [{"name": "db", "version": "1.0.0"}]}
    answer = outdated("app", *index(charts), "--write")
    assert answer.code == 2
    assert "a published chart cannot be changed" in answer.errors

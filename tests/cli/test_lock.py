import json

import pytest

from deploy_orchestrator.documents import parse

URL = "https://hub.example.com"
CHARTS = {"db@1.0.0": [], "db@1.1.0": [], "db@2.0.0": []}


@pytest.fixture
def app(fresh):
    folder = fresh.folder / "app"
    folder.mkdir()
    write(folder, "1.x")
    return folder


def write(folder, constraint, name="db"):
    need = {"name": name, "version": constraint, "repository": URL}
    chart = {"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": [need]}
    (folder / "Chart.yaml").write_text(json.dumps(chart))


def test_an_updated_lock_fits(fresh, app, index):
    assert fresh.run("lock", "check", "app").code == 1
    answer = fresh.run("lock", "update", "app", *index(CHARTS))
    assert (answer.code, answer.output) == (0, "wrote app/Chart.lock\n")
    lock = parse((app / "Chart.lock").read_bytes(), "Chart.lock").value
    assert lock["dependencies"] == [{"name": "db", "repository": URL, "version": "1.1.0"}]
    assert fresh.run("lock", "check", "app").output == "app: fits\n"


def test_a_lock_that_holds_the_newest_allowed_is_left_alone(fresh, app, index):
    fresh.run("lock", "update", "app", *index(CHARTS))
    before = (app / "Chart.lock").read_bytes()
    assert fresh.run("lock", "update", "app", *index(CHARTS)).output == "app: nothing to update\n"
    assert (app / "Chart.lock").read_bytes() == before


def test_a_chart_without_dependencies_gets_no_lock(fresh, app):
    (app / "Chart.yaml").write_text("{apiVersion: v2, name: app, version: 1.0.0}")
    assert fresh.run("lock", "update", "app").output == "app: nothing to update\n"
    assert [file.name for file in app.iterdir()] == ["Chart.yaml"]


def test_findings_are_told_with_their_fix_and_exit_1(fresh, app, index):
    fresh.run("lock", "update", "app", *index(CHARTS))
    write(app, "2.x")
    answer = fresh.run("lock", "check", "app")
    assert answer.code == 1
    assert "lock-drifted  db is locked at 1.1.0, which 2.x does not allow" in answer.output
    assert "fix  run `deploy-orchestrator lock update`" in answer.output


def test_findings_as_json(fresh, app):
    answer = fresh.run("lock", "check", "app", "--format", "json")
    assert answer.code == 1
    (entry,) = answer.json
    assert entry["chart"] == "app"
    assert [(each["problem"], each["dependency"]) for each in entry["findings"]] == [("lock-missing", None)]


def test_versions_that_were_changed_by_hand_are_put_right(fresh, app, index):
    fresh.run("lock", "update", "app", *index(CHARTS))
    lock = app / "Chart.lock"
    lock.write_text(lock.read_text().replace("1.1.0", "9.9.9"))
    assert fresh.run("lock", "check", "app").code == 1
    assert fresh.run("lock", "update", "app", *index(CHARTS)).output == "wrote app/Chart.lock\n"
    assert fresh.run("lock", "check", "app").code == 0


def test_one_chart_that_cannot_be_locked_stops_no_other(fresh, app, index):
    broken = fresh.folder / "broken"
    broken.mkdir()
    write(broken, "9.x")
    answer = fresh.run("lock", "update", "broken", "app", *index(CHARTS), "--format", "json")
    assert answer.code == 2
    assert answer.json == [{"chart": "app", "written": "app/Chart.lock"}]
    assert "no version of db of https://hub.example.com is allowed by '9.x'" in answer.errors
    assert not (broken / "Chart.lock").exists()


def test_a_package_cannot_be_locked_anew(fresh, app):
    answer = fresh.run("lock", "update", "nowhere.tgz")
    assert (answer.code, "there is no chart" in answer.errors) == (2, True)

"""What an upgrade does to those who run the chart, rendered and judged."""

import shutil

import pytest

from tests.desk import copied, inside

URL = "https://hub.example.com"
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-db
data:
  port: {{ .Values.port | quote }}
  engine: {{ .Chart.Version | quote }}
"""
CLUSTER_ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Release.Name }}-db
rules:
  - apiGroups: ["*"]
    resources: ["*"]
    verbs: ["*"]
"""
APP_NEEDS_DB = f"""\
apiVersion: v2
name: app
version: 0.1.0
dependencies:
  - name: db
    version: 1.x
    repository: {URL}
"""


@pytest.fixture(scope="session")
def hub(publish_packages):
    db = {"values.yaml": "port: 5432\n", "templates/db.yaml": CONFIG_MAP}
    return publish_packages(
        URL,
        {
            "db@1.0.0": ([], db),
            "db@1.1.0": ([], {**db, "values.yaml": "port: 5433\n"}),
            "db@2.0.0": ([], {**db, "templates/role.yaml": CLUSTER_ROLE}),
            "db@3.0.0": ([], {"templates/db.yaml": '{{ fail "too new" }}'}),
        },
    )


@pytest.fixture(scope="session")
def released(laid_out, hub, tmp_path_factory):
    """A desk whose own chart needs db 1.0.0, which is released everywhere."""
    desk = copied(laid_out, tmp_path_factory.mktemp("released"))
    desk.commit("charts/app/Chart.yaml", APP_NEEDS_DB)
    desk.commit("charts/app/Chart.lock", LOCK)
    fleet = (desk.fleet / "fleet.yaml").read_text()
    mirror = hub[1].partition("=")[2]
    repositories = f"repositories:\n  - name: hub\n    url: {URL}\n    mirror: file://{mirror}\n"
    desk.commit("fleet.yaml", fleet + repositories)
    with inside(desk.folder):
        desk.ship()
    return desk


@pytest.fixture
def desk(released, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return copied(released, tmp_path)


@pytest.fixture
def impact(desk):
    return lambda *arguments: desk.run("impact", *arguments)


LOCK = """\
dependencies:
  - name: db
    version: 1.0.0
"""


def verdicts(found):
    return {each["deployment"]: each["plan"]["verdict"] for each in found["deployments"]}


def head(desk, repository):
    return (desk.folder / ".local" / repository / "refs/heads/main").read_text()


def test_each_deployment_that_runs_a_dependency_has_its_diff_and_verdict(impact):
    found = impact("db", "--to", "1.1.0", "--format", "json").json
    assert verdicts(found) == {
        "dev/blog": "needs-approval",
        "dev/shop": "needs-approval",
        "production/shop": "needs-approval",
    }
    diff = found["deployments"][0]["plan"]["diff"]
    assert "-  port: '5432'" in diff
    assert "+  port: '5433'" in diff
    assert found["charts"][0]["changes"] == [
        {"name": "db", "repository": URL, "before": ["1.0.0"], "after": ["1.1.0"]}
    ]


def test_the_lines_to_edit_are_named(impact):
    found = impact("db", "--to", "2.0.0", "--format", "json").json
    assert found["edits"] == [
        {"place": "charts/app/Chart.yaml:6: dependencies[0].version", "before": "1.x", "after": "2.0.0"},
        {"place": "charts/app/Chart.lock:3: dependencies[0].version", "before": "1.0.0", "after": "2.0.0"},
    ]
    allowed = impact("db", "--to", "1.1.0", "--format", "json").json["edits"]
    assert [each["place"] for each in allowed] == ["charts/app/Chart.lock:3: dependencies[0].version"]


def test_a_person_reads_few_lines_and_deployments_alike_together(impact):
    lines = impact("db", "--to", "1.1.0").output.splitlines()
    start = lines.index("dev/blog, dev/shop, production/shop")
    assert [" ".join(line.split()) for line in lines[start + 1 : start + 3]] == [
        "~ ConfigMap {tenant}-db data.engine: 1.0.0 → 1.1.0",
        "~ ConfigMap {tenant}-db data.port: 5432 → 5433",
    ]
    assert lines[-1].split() == ["production/shop", "needs-approval", "1", "changed"]


def test_all_changed_lines_are_shown_on_request(impact):
    assert "\n+  port: '5433'\n" in impact("db", "--to", "1.1.0", "--diff").output


def test_only_the_tenants_that_were_asked_for_are_rendered(impact):
    found = impact("db", "--to", "1.1.0", "--tenant", "blog", "--format", "json").json
    assert list(verdicts(found)) == ["dev/blog"]


def test_markdown_has_a_table_and_the_changes(impact):
    output = impact("db", "--to", "1.1.0", "--format", "markdown").output
    assert "| production/shop | **needs-approval** | 1 changed |" in output
    assert "~ ConfigMap {tenant}-db  data.port: 5432 → 5433" in output


def test_a_blocked_change_exits_1_and_one_that_does_not_render_2(impact):
    blocked = impact("db", "--to", "2.0.0", "--format", "json")
    assert set(verdicts(blocked.json).values()) == {"blocked"}
    assert blocked.code == 1
    broken = impact("db", "--to", "3.0.0")
    assert broken.code == 2
    assert "dev/blog" in broken.errors
    assert "too new" in broken.errors
    assert "fails" in broken.output


def test_nothing_is_written(impact, desk):
    before = [head(desk, each) for each in ("fleet/.git", "deployments.git")]
    impact("db", "--to", "1.1.0")
    assert [head(desk, each) for each in ("fleet/.git", "deployments.git")] == before


def test_changes_that_wait_in_the_fleet_are_told_apart(impact, desk):
    desk.commit("tenants/shop/values.yaml", "greeting: good evening\n")
    found = impact("db", "--to", "1.1.0", "--format", "json").json
    assert {each["deployment"]: each["overtaken"] for each in found["deployments"]} == {
        "dev/blog": False,
        "dev/shop": True,
        "production/shop": True,
    }
    assert "that are not released yet" in impact("db", "--to", "1.1.0", "-t", "shop").output


def test_what_is_not_released_is_compared_with_what_the_fleet_gives(impact, desk):
    desk.commit("tenants/new/tenant.yaml", (desk.fleet / "tenants/blog/tenant.yaml").read_text())
    output = impact("db", "--to", "1.1.0", "--tenant", "new").output
    assert "nothing is released there yet" in output
    assert "data.port: 5432 → 5433" in output
    assert output.splitlines()[-1].split() == ["dev/new", "safe", "1", "changed"]


def test_a_chart_that_tenants_run_from_a_repository_goes_up_in_their_files(impact, desk, hub):
    tenant = (desk.fleet / "tenants/blog/tenant.yaml").read_text()
    published = tenant.replace("name: app\n  version: 0.1.0", "name: db\n  version: 1.0.0\n  repository: hub")
    desk.commit("tenants/blog/tenant.yaml", published)
    desk.ship()
    found = impact(f"{URL}/db", "--to", "1.1.0", "--tenant", "blog", "--format", "json").json
    assert found["edits"][0] == {
        "place": "tenants/blog/tenant.yaml:3: chart.version",
        "before": "1.0.0",
        "after": "1.1.0",
    }
    assert list(verdicts(found)) == ["dev/blog"]


def test_a_link_in_a_chart_that_nobody_runs_stops_nothing(impact, desk):
    (desk.fleet / "charts/odd").mkdir()
    (desk.fleet / "charts/odd/values.yaml").symlink_to("/etc/passwd")
    desk.commit("charts/odd/Chart.yaml", "apiVersion: v2\nname: odd\nversion: 0.1.0\n")
    assert impact("db", "--to", "1.1.0").code == 0


def test_a_chart_inside_a_package_is_told_with_the_package(desk, publish_packages):
    deep = [{"name": "deep", "version": "1.x", "repository": URL}]
    options = publish_packages(URL, {"db@1.0.0": (deep, {}), "deep@1.0.0": ([], {}), "deep@1.1.0": ([], {})})
    answer = desk.run("impact", "deep", "--to", "1.1.0", *options)
    assert answer.code == 0
    runs = "dev/blog, dev/shop, production/shop run"
    assert f"deep@1.1.0 is in the package of db@1.0.0, which {runs}" in answer.output


def test_without_a_deployments_repository_the_charts_are_told_alone(impact, desk):
    shutil.rmtree(desk.folder / ".local/deployments.git")
    answer = impact("db", "--to", "1.1.0")
    assert answer.code == 0
    assert "db     1.0.0 → 1.1.0" in answer.output
    assert "deployments not looked at: there is no deployments repository at " in answer.output
    assert impact("db", "--to", "1.1.0", "--tenant", "shop").code == 2
    told = impact("db", "--to", "1.1.0", "--format", "json").json
    assert "no deployments repository" in told["unseen"]


def test_without_any_installation_a_chart_is_told_alone(nowhere, hub):
    answer = nowhere.run("impact", "db@1.0.0", "--to", "1.1.0", *hub)
    assert answer.code == 0
    assert "there is no fleet repository at " in answer.output
    assert not (nowhere.folder / ".local/fleet").exists()


def test_two_charts_of_one_name_must_be_told_apart(impact, desk, publish_packages):
    other = "https://other.example.com"
    publish_packages(other, {"db@1.0.0": ([], {}), "db@1.1.0": ([], {})})
    second = APP_NEEDS_DB.replace(URL, other).replace("name: app", "name: ground")
    desk.commit("charts/ground/Chart.yaml", second)
    answer = impact("db", "--to", "1.1.0")
    assert answer.code == 2
    assert "the fleet has 2 charts called db" in answer.errors

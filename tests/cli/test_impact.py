import json

import pytest

URL = "https://hub.example.com"
COMMON = [{"name": "common", "version": "1.x", "repository": URL}]
CHARTS = {
    "app@0.1.0": (
        [
            {"name": "db", "version": "1.x", "repository": URL, "condition": "db.enabled"},
            {"name": "web", "version": "1.x", "repository": URL},
        ],
        {"greeting": "hi", "db": {"port": 1}},
    ),
    "app@0.2.0": ([{"name": "web", "version": "1.x", "repository": URL}], {"welcome": "hi"}),
    "db@1.0.0": (COMMON, {"port": 5, "size": "1Gi", "old": True}),
    "db@2.0.0": ([{**COMMON[0], "version": "2.x"}], {"port": 6, "size": "2Gi", "new": True}),
    "web@1.0.0": (COMMON, {}),
    "lure@1.0.0": ([], {}),
    "lure@2.0.0": ([], {"x` @acme/admins [approve here](https://evil.example) `y": 2}),
    "common@1.0.0": ([], {}),
    "common@2.0.0": ([], {}),
}


@pytest.fixture
def hub(publish_packages):
    charts = {name: (needs, {"values.yaml": json.dumps(values)}) for name, (needs, values) in CHARTS.items()}
    return publish_packages(URL, charts)


@pytest.fixture
def impact(fresh, hub):
    return lambda *arguments: fresh.run("impact", *arguments, *hub)


UPGRADE = ("app@0.1.0", "--dependency", "db", "--to", "2.0.0")


def test_a_dependencys_upgrade_tells_what_breaks_clashes_and_changes(impact):
    answer = impact(*UPGRADE)
    assert answer.code == 1
    lines = answer.output.splitlines()
    assert lines[0] == "db 1.0.0 to 2.0.0 in app@0.1.0"
    assert "common  1.0.0 → 1.0.0, 2.0.0" in lines
    assert "db      1.0.0 → 2.0.0" in lines
    assert "breaks app@0.1.0 needs db 1.x" in lines
    assert f"conflict common ({URL})" in lines
    assert "changed  db.size" in answer.output
    assert "added    db.new" in answer.output
    assert "removed  db.old" in answer.output


def test_a_default_that_the_chart_itself_overrides_does_not_change(impact):
    assert "db.port" not in impact(*UPGRADE).output


def test_a_charts_own_upgrade_may_take_charts_and_conflicts_away(impact):
    answer = impact("app@0.1.0", "--to", "0.2.0", "--format", "json")
    assert answer.code == 0
    found = answer.json
    (chart,) = found["charts"]
    assert (found["sound"], chart["appearing"], chart["broken"], chart["missing"]) == (True, [], [], [])
    assert {"name": "db", "repository": URL, "before": ["1.0.0"], "after": []} in chart["changes"]
    changes = {".".join(each["key"]): each["change"] for each in chart["values"]}
    assert (changes["greeting"], changes["welcome"]) == ("removed", "added")


def test_json_has_conflicts_as_analyze_tells_them(impact):
    (found,) = impact(*UPGRADE, "--format", "json").json["charts"]
    (conflict,) = found["appearing"]
    assert (conflict["name"], conflict["satisfiable"], conflict["resolved"]) == (
        "common",
        False,
        ["1.0.0", "2.0.0"],
    )
    assert found["broken"] == [{"chart": "app@0.1.0", "needs": "db", "constraint": "1.x"}]
    size = next(each for each in found["values"] if each["key"] == ["db", "size"])
    assert (size["before"], size["after"], size["set_by"]) == ("1Gi", "2Gi", [])


def test_markdown_is_a_list_under_what_is_upgraded(impact):
    answer = impact(*UPGRADE, "--format", "markdown")
    assert answer.code == 1
    assert answer.output.startswith("### db 1.0.0 to 2.0.0 in app@0.1.0\n")
    assert "- **breaks**: app@0.1.0 needs db `1.x`\n" in answer.output
    assert "- **conflict on common** (none): Because " in answer.output


def test_what_a_charts_author_wrote_stays_closed_in_markdown(impact):
    output = impact("lure@1.0.0", "--to", "2.0.0", "--format", "markdown").output
    assert "- added default ``x` @acme/admins [approve here](https://evil.example) `y``\n" in output


def test_values_may_switch_the_conflict_off(impact, fresh):
    (fresh.folder / "off.yaml").write_text("db: {enabled: false}\n")
    (found,) = impact(*UPGRADE, "--values", "off.yaml", "--format", "json").json["charts"]
    assert found["appearing"] == []


def test_tenants_are_told_apart_by_their_own_values(impact, fresh):
    fleet = (fresh.fleet / "fleet.yaml").read_text()
    fresh.commit("fleet.yaml", f"{fleet}repositories:\n  - name: hub\n    url: {URL}\n")
    for tenant, values in (("shop", "db: {size: 9Gi}\n"), ("blog", "db: {enabled: false}\n")):
        path = f"tenants/{tenant}/tenant.yaml"
        text = (fresh.fleet / path).read_text().replace("version: 0.1.0", "version: 0.1.0\n  repository: hub")
        fresh.commit(path, text)
        fresh.commit(f"tenants/{tenant}/values.yaml", values)
    found = impact(*UPGRADE, "--format", "json").json
    told = {
        each["deployment"]: ([one["name"] for one in chart["appearing"]], chart["sets"])
        for each in found["deployments"]
        for chart in each["charts"]
    }
    assert told == {
        "dev/blog": ([], []),
        "dev/shop": (["common"], [["db", "size"]]),
        "production/shop": (["common"], [["db", "size"]]),
    }
    text = impact(*UPGRADE, "--tenant", "shop").output
    assert "changed  db.size  dev/shop, production/shop  '1Gi' → '2Gi'" in text
    assert "dev/blog" not in text
    (edit,) = found["edits"]
    place = "app@0.1.0/Chart.yaml:1: dependencies[0].version"
    assert edit == {"place": place, "before": "1.x", "after": "2.0.0"}


def test_packages_out_of_reach_leave_the_defaults_unknown(fresh, index):
    charts = {"app@1.0.0": [{"name": "db", "version": "*"}], "db@1.0.0": [], "db@2.0.0": []}
    options = index(charts)
    answer = fresh.run("impact", "app", "--dependency", "db", "--to", "1.0.0", *options)
    assert answer.code == 0
    assert "defaults cannot be compared " in answer.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app@0.1.0", "--to", "9.9.9"], "has no app in version 9.9.9"),
        (["app@0.1.0", "--dependency", "dv", "--to", "2.0.0"], "known here: db, web"),
        (["app@0.1.0", "--dependency", "db", "--to", "9.9.9"], "db cannot be 9.9.9"),
        (["app@0.1.0", "--to", "new"], "new"),
        ([*UPGRADE, "--tenant", "nobody"], "there is no tenant 'nobody'"),
    ],
)
def test_what_cannot_be_compared_exits_2(impact, arguments, message):
    answer = impact(*arguments)
    assert answer.code == 2
    assert message in answer.errors

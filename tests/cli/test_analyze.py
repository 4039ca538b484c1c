import gzip
import json
from pathlib import Path

import pytest

from tests.answering import answering

BITNAMI = "https://charts.bitnami.com/bitnami"
CLASH = "alfresco-repository@0.8.1"


@pytest.fixture
def analyze(fresh, published):
    return lambda *arguments: fresh.run("analyze", *arguments, *published)


def test_a_clash_is_told_with_its_reasons_and_a_way_out_and_exits_1(analyze):
    answer = analyze(CLASH)
    assert answer.code == 1
    assert answer.errors == ""
    assert "└── postgresql@12.5.6  12.5.6  guessed\n" in answer.output
    assert f"conflict common ({BITNAMI})\n" in answer.output
    assert (
        "Because alfresco-common 3.1.4 needs common 1.x.x and postgresql 12.5.6 needs common 2.x.x, "
        "no version of common can serve all" in answer.output
    )
    assert "Change alfresco-common from 3.1.4 to 4.0.0" in answer.output


def test_the_dagster_chart_has_no_conflict_and_exits_0(analyze):
    answer = analyze("dagster@0.11.0")
    assert (answer.code, answer.output.splitlines()[-1]) == (0, "no conflicts of versions")
    assert "redis@12.7.4" in answer.output
    assert "if redis.internal" in answer.output


def test_json_has_one_entry_a_chart_in_the_published_shape(analyze):
    answer = analyze(CLASH, "dagster@0.11.0", "--format", "json")
    assert answer.code == 1
    clashing, sound = answer.json
    assert (clashing["chart"], clashing["version"]) == ("alfresco-repository", "0.8.1")
    assert (sound["chart"], sound["conflicts"], sound["unresolved"]) == ("dagster", [], [])
    assert {"name", "version", "repository"} <= set(clashing["nodes"][0])
    edge = next(each for each in clashing["edges"] if each["to"] == "common@1.17.1")
    wanted = {"from": "alfresco-common@3.1.4", "constraint": "1.x.x", "condition": None, "enabled": True}
    assert wanted.items() <= edge.items()
    (conflict,) = clashing["conflicts"]
    assert (conflict["name"], conflict["repository"]) == ("common", BITNAMI)
    assert [(each["constraint"], each["path"]) for each in conflict["requirements"]] == [
        ("1.x.x", [CLASH, "alfresco-common@3.1.4"]),
        ("2.x.x", [CLASH, "postgresql@12.5.6"]),
    ]
    assert conflict["satisfiable"] is False
    assert conflict["resolved"] == ["1.17.1", "2.4.0"]
    assert conflict["harm"] in ("none", "worth knowing", "harmful", "unknown")
    assert conflict["fix"].startswith("Change alfresco-common from 3.1.4 to 4.0.0")


def test_markdown_has_a_section_a_chart(analyze):
    answer = analyze(CLASH, "dagster@0.11.0", "--format", "markdown")
    assert answer.code == 1
    assert answer.output.startswith(f"### {CLASH}\n\n- **common** (unknown")
    assert "Because " in answer.output
    assert answer.output.endswith("### dagster@0.11.0\n\nNo conflicts.\n")


def test_sarif_points_at_the_chart_yaml_of_a_folder(analyze, fresh):
    write(fresh.folder / "app", {"name": "postgresql", "version": "99.x.x", "repository": BITNAMI})
    answer = analyze(CLASH, "./app", "--format", "sarif")
    (run,) = answer.json["runs"]
    assert answer.json["version"] == "2.1.0"
    assert [
        (
            each["ruleId"],
            each["level"],
            each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        )
        for each in run["results"]
    ] == [
        ("dependency-conflict", "error", CLASH),
        ("dependency-not-found", "error", "./app/Chart.yaml"),
    ]
    assert [each["id"] for each in run["tool"]["driver"]["rules"]] == [
        "dependency-conflict",
        "dependency-not-found",
    ]


def test_without_what_it_needs_itself_helm_builds_no_chart_so_that_it_exits_1(analyze, fresh):
    write(fresh.folder / "app", {"name": "postgresql", "version": "99.x.x", "repository": BITNAMI})
    answer = analyze("./app")
    assert answer.code == 1
    assert "not found postgresql: no version of postgresql" in answer.output
    assert "no conflicts of versions among what was found" in answer.output
    (missing,) = analyze("./app", "--format", "json").json[0]["unresolved"]
    assert missing["name"] == "postgresql"
    assert "99.x.x" in missing["why"]


def test_as_of_a_day_what_came_later_is_not_there(analyze, fresh):
    write(fresh.folder / "app", {"name": "common", "version": "1.x.x", "repository": BITNAMI})

    def common(*arguments):
        nodes = analyze("./app", "--format", "json", *arguments).json[0]["nodes"]
        return next(node["version"] for node in nodes if node["name"] == "common")

    assert common() == "1.17.1"
    assert common("--as-of", "2021-02-06") != "1.17.1"


def test_values_switch_dependencies_and_their_conflicts_off(analyze, fresh):
    condition = "postgresql.enabled"
    alfresco = "https://alfresco.github.io/alfresco-helm-charts"
    write(
        fresh.folder / "app",
        {"name": "alfresco-common", "version": "3.1.4", "repository": alfresco},
        {"name": "postgresql", "version": "12.5.6", "repository": BITNAMI, "condition": condition},
    )
    for name, on in (("on.yaml", "true"), ("off.yaml", "false")):
        Path(name).write_text(f"postgresql: {{enabled: {on}}}\n")
    assert analyze("./app").code == 1
    assert analyze("./app", "--values", "off.yaml", "--values", "on.yaml").code == 1
    answer = analyze("./app", "--values", "on.yaml", "--values", "off.yaml")
    assert answer.code == 0
    assert "postgresql@12.5.6  12.5.6  newest allowed  if postgresql.enabled  off" in answer.output


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("g.svg", b"<?xml"),
        ("g.png", b"\x89PNG"),
        ("g.dot", b"digraph"),
        ("g.html", b"<!doctype html>"),
        ("g.mmd", b"flowchart"),
        ("g.json", b"{"),
    ],
)
def test_the_graph_is_drawn_in_the_format_of_its_ending(analyze, fresh, name, begins):
    assert analyze(CLASH, "--graph", name).code == 1
    assert (fresh.folder / name).read_bytes().lower().startswith(begins.lower())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--graph", "graph.pdf"], "--graph graph.pdf: no such format"),
        (["--repository", "https://charts.example.com"], "is not URL=INDEX"),
        (["--values", "missing.yaml"], "missing.yaml cannot be read"),
        (["--values", "list.yaml"], "expected a mapping of values"),
        (["--values", "broken.yaml"], "broken.yaml:"),
        (["--as-of", "yesterday"], "--as-of"),
        (["--format", "pdf"], "--format"),
    ],
)
def test_a_bad_option_exits_2_and_says_what_to_do(analyze, fresh, arguments, message):
    (fresh.folder / "list.yaml").write_text("[1]\n")
    (fresh.folder / "broken.yaml").write_text("a: [\n")
    answer = analyze(CLASH, *arguments)
    assert (answer.code, answer.output) == (2, "")
    assert message in answer.errors


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        ("nothing@1.0.0", "no given repository has a chart nothing"),
        ("dagster@99.0.0", "has no version 99.0.0 of dagster"),
        ("./nowhere", "there is no chart"),
    ],
)
def test_a_chart_that_is_nowhere_exits_2_and_the_others_are_shown(analyze, chart, message):
    answer = analyze("dagster@0.11.0", chart)
    assert answer.code == 2
    assert "redis@12.7.4" in answer.output
    assert f"{chart}: " in answer.errors
    assert message in answer.errors


def test_a_repository_out_of_reach_exits_2_and_what_is_not_is_shown(analyze, fresh):
    away = {"name": "away", "version": "1.x", "repository": "ftp://nowhere.example.com"}
    write(fresh.folder / "app", away, {"name": "common", "version": "1.x.x", "repository": BITNAMI})
    answer = analyze("./app")
    assert answer.code == 2
    assert "common@1.17.1" in answer.output
    assert "not found away: " in answer.output


def test_a_picture_that_cannot_be_written_exits_2(analyze):
    answer = analyze("dagster@0.11.0", "--graph", "nowhere/x.json")
    assert answer.code == 2
    assert "--graph nowhere/x.json cannot be written: No such file" in answer.errors


def test_control_characters_of_an_index_are_spelled_out(fresh):
    need = {"name": "lost", "version": "1.0.0", "repository": "https://x.example.com"}
    entry = {"name": "app", "version": "1.0.0", "dependencies": [need], "urls": ["\u001b[2J"]}
    index = {"apiVersion": "v1", "entries": {"app": [entry]}}
    (fresh.folder / "i.json.gz").write_bytes(gzip.compress(json.dumps(index).encode()))
    answer = fresh.run(
        "analyze",
        "app",
        "--repository",
        "https://a.example.com=i.json.gz",
        "--repository",
        "https://x.example.com=\u001b[2J",
    )
    assert "\x1b" not in answer.output + answer.errors
    assert "not found lost" in answer.output


def write(folder, *dependencies):
    folder.mkdir()
    chart = {"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": dependencies}
    (folder / "Chart.yaml").write_text(json.dumps(chart))


def test_what_charts_of_other_names_both_bring_and_what_helm_takes_instead_is_told(fresh, tmp_path):
    """Two subcharts define one template and make one object; one of them is not what is asked for."""
    parts = {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n"
        "  - {name: one, version: 2.x, repository: ''}\n  - {name: two, version: 1.x, repository: ''}\n",
    }
    for name in ("one", "two"):
        parts |= {
            f"charts/{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n",
            f"charts/{name}/templates/_helpers.tpl": f'{{{{ define "label" }}}}{name}{{{{ end }}}}',
            f"charts/{name}/templates/settings.yaml": "apiVersion: v1\nkind: ConfigMap\n"
            'metadata:\n  name: settings\n  labels: {of: {{ include "label" . }}}\n',
        }
    for path, text in parts.items():
        file = tmp_path / "web" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    told = fresh.run("analyze", str(tmp_path / "web")).output

    assert "collision label (" in told
    assert "collision ConfigMap settings" in told
    assert "what Helm will really take" in told


def test_a_repository_on_this_machine_may_be_asked_where_the_user_has_added_it_to_helm(
    fresh, tmp_path, monkeypatch
):
    with answering(lambda *_: (404, {}, b"")) as port:
        url = f"http://127.0.0.1:{port}"
        helm = f"repositories: [{{name: local, url: {url}}}]"
        (tmp_path / "repositories.yaml").write_text(helm)
        write(fresh.folder / "app", {"name": "common", "version": "1.x.x", "repository": "@local"})
        monkeypatch.setenv("HELM_REPOSITORY_CONFIG", str(tmp_path / "repositories.yaml"))
        asked = fresh.run("analyze", "./app").output
        monkeypatch.delenv("HELM_REPOSITORY_CONFIG")
        write(fresh.folder / "web", {"name": "common", "version": "1.x.x", "repository": url})
        refused = fresh.run("analyze", "./web").output
    assert "answered 404" in asked
    assert "is this machine" in refused
    assert "--repository URL=URL" in refused

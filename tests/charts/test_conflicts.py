from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.charts import (
    Analysis,
    Chart,
    ChartIdentity,
    Closure,
    Conflict,
    Harm,
    Repositories,
    analyze,
    conflicts,
    explain,
    load,
    load_package,
    locate,
    resolve,
)
from deploy_orchestrator.charts.pinning import pinned
from deploy_orchestrator.registries import Offline

Publish = Callable[..., Repositories]
MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
URL = "https://main.example.com"

CLASH = {
    "web@1.0.0": ["a 1.x", "b *"],
    "a@1.0.0": ["common 1.x.x"],
    "a@2.0.0": ["common 2.x.x"],
    "b@1.0.0": ["common 1.x.x"],
    "b@2.0.0": ["common 2.x.x"],
    "common@1.4.0": [],
    "common@2.1.0": [],
}


def analysis(repositories: Repositories, chart: str = "web") -> Analysis:
    return analyze(locate(chart, repositories), repositories)


def only(found: Analysis) -> Conflict:
    (conflict,) = found.conflicts
    return conflict


def test_requirements_that_no_version_can_satisfy_are_a_conflict_with_its_paths(publish: Publish) -> None:
    found = analysis(publish(main=CLASH))
    conflict = only(found)
    assert (conflict.name, conflict.repository) == ("common", URL)
    assert [(one.constraint, one.path, one.loads) for one in conflict.requirements] == [
        ("1.x.x", ("web@1.0.0", "a@1.0.0"), "1.4.0"),
        ("2.x.x", ("web@1.0.0", "b@2.0.0"), "2.1.0"),
    ]
    assert conflict.disjoint
    assert not conflict.satisfiable
    assert conflict.resolved == ("1.4.0", "2.1.0")
    assert not found.is_sound


def test_requirements_that_agree_are_no_conflict(publish: Publish) -> None:
    assert not analysis(publish(main={**CLASH, "web@1.0.0": ["a *", "b *"]})).conflicts


def test_requirements_that_hold_and_load_different_versions_are_a_conflict(publish: Publish) -> None:
    charts = {
        "web@1.0.0": ["common 1.0.0", "a *"],
        "a@1.0.0": ["common 1.x"],
        "common@1.0.0": [],
        "common@1.4.0": [],
    }
    found = analysis(publish(main=charts))
    conflict = only(found)
    assert conflict.satisfying == ("1.0.0",)
    assert conflict.resolved == ("1.0.0", "1.4.0")
    assert found.is_sound


def test_a_gap_between_published_versions_is_a_conflict_without_being_disjoint(publish: Publish) -> None:
    charts = {
        "web@1.0.0": ["common >=1.1", "a *"],
        "a@1.0.0": ["common <1.9"],
        "common@1.0.0": [],
        "common@2.0.0": [],
    }
    conflict = only(analysis(publish(main=charts)))
    assert not conflict.satisfiable
    assert not conflict.disjoint


def test_a_requirement_that_nothing_published_meets_conflicts_with_the_others(publish: Publish) -> None:
    charts = {"web@1.0.0": ["common 1.x", "a *"], "a@1.0.0": ["common 3.x"], "common@1.0.0": []}
    found = analysis(publish(main=charts))
    conflict = only(found)
    assert not conflict.satisfiable
    assert [one.loads for one in conflict.requirements] == ["1.0.0", None]


def test_charts_of_one_name_from_two_repositories_do_not_conflict(publish: Publish) -> None:
    repositories = publish(
        main={
            "web@1.0.0": ["common 1.x", "a *"],
            "a@1.0.0": ["common 2.x https://other.example.com"],
            "common@1.0.0": [],
        },
        other={"common@2.0.0": []},
    )
    assert not analysis(repositories).conflicts


def test_every_path_to_a_requirement_is_told(publish: Publish) -> None:
    charts = {
        "web@1.0.0": ["a *", "b *", "common 1.x"],
        "a@1.0.0": ["c *"],
        "b@1.0.0": ["c *"],
        "c@1.0.0": ["common 2.x"],
        "common@1.0.0": [],
        "common@2.0.0": [],
    }
    conflict = only(analysis(publish(main=charts)))
    assert [one.path for one in conflict.requirements] == [
        ("web@1.0.0",),
        ("web@1.0.0", "a@1.0.0", "c@1.0.0"),
        ("web@1.0.0", "b@1.0.0", "c@1.0.0"),
    ]


def test_paths_without_number_are_cut(publish: Publish) -> None:
    charts = {f"{side}{n}@1.0.0": [f"a{n + 1} *", f"b{n + 1} *"] for n in range(40) for side in "ab"}
    end = {"a40@1.0.0": ["common 1.x"], "b40@1.0.0": ["common 2.x"], "common@1.0.0": [], "common@2.0.0": []}
    conflict = only(analysis(publish(main={**charts, **end}), "a0"))
    assert len(conflict.requirements) == 1_000


def test_what_is_switched_off_does_not_conflict(publish: Publish, make_chart: MakeChart) -> None:
    needed = [
        {"name": "a", "version": "1.x", "repository": URL},
        {"name": "b", "version": "*", "repository": URL, "condition": "b.enabled"},
    ]
    chart = load(make_chart({"name": "app", "dependencies": needed}))
    repositories = publish(main=CLASH)
    assert conflicts(resolve(chart, repositories))
    assert not conflicts(resolve(chart, repositories, values={"b": {"enabled": False}}))


def test_an_explanation_gives_the_reasons_first(publish: Publish) -> None:
    assert explain(only(analysis(publish(main=CLASH)))) == (
        "Because a 1.0.0 needs common 1.x.x and b 2.0.0 needs common 2.x.x, "
        "no version of common can serve all, published or not; Helm loads 1.4.0 and 2.1.0."
    )


def test_an_explanation_of_many_names_a_few(publish: Publish) -> None:
    many = {f"a{n}@1.0.0": ["common 1.0.0"] for n in range(9)}
    charts = {
        "web@1.0.0": ["common 1.1.0", *(f"a{n} *" for n in range(9))],
        "common@1.0.0": [],
        "common@1.1.0": [],
    }
    assert "a0 1.0.0, a1 1.0.0 and 7 more need common 1.0.0" in explain(
        only(analysis(publish(main={**many, **charts})))
    )


def test_an_explanation_says_through_whom(publish: Publish) -> None:
    charts = {**CLASH, "web@1.0.0": ["a 1.x", "outer *"], "outer@3.0.0": ["b *"]}
    assert "b 2.0.0 (through outer 3.0.0) needs common 2.x.x" in explain(only(analysis(publish(main=charts))))


@pytest.mark.parametrize(
    ("charts", "fix"),
    [
        ({}, "Change a from 1.0.0 to 2.0.0: then everything loads common 2.1.0."),
        ({"a@2.0.0": []}, "Change a from 1.0.0 to 2.0.0: then everything loads common 2.1.0."),
        ({"a@2.0.0": ["common 3.x"]}, "Change b from 2.0.0 to 1.0.0: then everything loads common 1.4.0."),
        ({"a@2.0.0": ["common 1.x"], "b@1.0.0": ["common 2.x"]}, None),
        (
            {"a@1.5.0": ["common 2.x.x"], "a@1.6.0": ["common 1.x.x"]},
            "Change a from 1.6.0 to 2.0.0: then everything loads common 2.1.0.",
        ),
        (
            {"a@2.0.0-rc.1": ["common 2.x.x"], "a@2.1.0": ["common 2.x.x"]},
            "Change a from 1.0.0 to 2.0.0: then everything loads common 2.1.0.",
        ),
        (
            {"web@1.0.0": ["a 1.x", "b *", "common 1.x"]},
            "Change b from 2.0.0 to 1.0.0: then everything loads common 1.4.0.",
        ),
        (
            {"a@2.0.0": ["common 2.x.x", "gone 3.x"], "gone@1.0.0": []},
            "Change b from 2.0.0 to 1.0.0: then everything loads common 1.4.0.",
        ),
        (
            {"web@1.0.0": ["a 1.x", "common 3.x"]},
            "Change common from 3.x to 1.4.0: then everything loads common 1.4.0.",
        ),
    ],
)
def test_a_fix_is_the_fewest_and_nearest_changes(
    publish: Publish, charts: dict[str, list[str]], fix: str | None
) -> None:
    assert only(analysis(publish(main={**CLASH, **charts}))).fix == fix


UNMET = {
    "web@1.0.0": ["a *", "b *"],
    "a@1.0.0": [],
    "a@2.0.0": [],
    "a@3.0.0": ["common 1.x"],
    "b@1.0.0": ["common 3.x"],
    "common@1.0.0": [],
}


def test_several_fixes_are_told_those_that_change_least_first(publish: Publish) -> None:
    more = {"a@3.0.0": ["common 3.x.x"], "b@3.0.0": ["common 3.x.x"], "common@3.0.0": []}
    conflict = only(analysis(publish(main={**CLASH, "web@1.0.0": ["a 1.x", "b 2.x"], **more})))
    assert [str(fix) for fix in conflict.fixes] == [
        "Change a from 1.0.0 to 2.0.0: then everything loads common 2.1.0.",
        "Change b from 2.0.0 to 1.0.0: then everything loads common 1.4.0.",
        "Change a from 1.0.0 to 3.0.0 and b from 2.0.0 to 3.0.0: then everything loads common 3.0.0.",
    ]
    assert conflict.fix == str(conflict.fixes[0])


def test_a_need_that_nothing_published_meets_may_be_all_that_a_fix_leaves(publish: Publish) -> None:
    assert only(analysis(publish(main=UNMET))).fix == (
        "Change a from 3.0.0 to 2.0.0: then only common 3.x is needed, which is not published."
    )


def test_a_fix_spreads_no_need_that_nothing_published_meets(publish: Publish) -> None:
    charts = {**UNMET, "a@1.0.0": ["common 3.x"], "a@2.0.0": ["common 3.x"]}
    assert only(analysis(publish(main=charts))).fix is None


def test_needs_that_nothing_published_meets_for_different_reasons_still_clash(publish: Publish) -> None:
    charts = {**UNMET, "web@1.0.0": ["a *", "b *", "c *"], "c@1.0.0": ["common >=4"]}
    assert only(analysis(publish(main=charts))).fix is None


def test_a_fix_that_brings_another_conflict_is_the_last_choice(publish: Publish) -> None:
    charts = {
        **CLASH,
        "web@1.0.0": ["a 1.x", "b *", "other 1.x"],
        "a@2.0.0": ["common 2.x.x", "other 2.x"],
        "a@3.0.0": ["common 2.x.x"],
        "other@1.0.0": [],
        "other@2.0.0": [],
    }
    assert only(analysis(publish(main=charts))).fix == (
        "Change a from 1.0.0 to 3.0.0: then everything loads common 2.1.0."
    )
    del charts["a@3.0.0"]
    charts["b@1.0.0"] = ["common 2.x.x"]
    assert only(analysis(publish(main=charts))).fix == (
        "Change a from 1.0.0 to 2.0.0: then everything loads common 2.1.0."
    )


def test_harm_is_unknown_where_the_contents_are_out_of_reach(publish: Publish) -> None:
    found = analysis(publish(main=CLASH))
    assert only(found).harm is Harm.UNKNOWN
    told = str(found.unread)
    assert "the package of web@1.0.0 from https://main.example.com cannot be read: " in told
    assert "fix: give a copy that has its packages too: --repository https://main.example.com=" in told


def test_harm_is_unknown_where_a_chart_was_not_found(publish: Publish) -> None:
    found = analysis(publish(main={**CLASH, "web@1.0.0": ["a 1.x", "b *", "gone *"]}))
    assert only(found).harm is Harm.UNKNOWN
    assert "gone, which web@1.0.0 needs, was not found: " in str(found.unread)


def test_the_harm_between_versions_of_a_chart_is_not_that_of_a_namesake_from_another_repository(
    make_package: MakePackage,
) -> None:
    other = "https://other.example.com"

    def library(version: str, template: str, body: str) -> bytes:
        return make_package(
            {"name": "common", "version": version, "type": "library"},
            {"templates/_t.tpl": f"{{{{ define `{template}` }}}}{body}{{{{ end }}}}"},
        )

    def needing(name: str, version: str, url: str, common: bytes) -> bytes:
        return make_package(
            {"name": name, "dependencies": [{"name": "common", "version": version, "repository": url}]},
            {"charts/common.tgz": common, "templates/a.yaml": "{{ include `shared` . }}"},
        )

    def chart(b_from: str, b_template: str) -> Chart:
        charts = {
            "a": needing("a", "1.0.0", URL, library("1.0.0", "shared", "one")),
            "b": needing("b", "2.0.0", b_from, library("2.0.0", b_template, "two")),
            "c": needing("c", "2.0.0", URL, library("2.0.0", "unrelated", "three")),
        }
        needs = [{"name": name, "version": "*", "repository": URL} for name in charts]
        files = {f"charts/{name}.tgz": package for name, package in charts.items()}
        return load_package(make_package({"name": "web", "dependencies": needs}, files), "web.tgz")

    offline = Repositories(web=Offline())
    assert only(analyze(chart(URL, "shared"), offline)).harm is Harm.HARMFUL
    apart = analyze(chart(other, "shared"), offline)
    assert only(apart).identity == ChartIdentity(URL, "common")
    assert only(apart).harm is Harm.NONE


@pytest.mark.parametrize(
    ("old", "new", "use", "harm"),
    [
        ("one", "one", "{{ include `common.name` . }}", Harm.NONE),
        ("one", "two", "{{ include `common.name` . }}", Harm.HARMFUL),
        ("one", "two", "plain", Harm.WORTH_KNOWING),
    ],
)
def test_harm_shows_in_the_templates(
    make_package: MakePackage, old: str, new: str, use: str, harm: Harm
) -> None:
    def side(name: str, version: str, body: str) -> bytes:
        common = make_package(
            {"name": "common", "version": version, "type": "library"},
            {"templates/_name.tpl": f"{{{{ define `common.name` }}}}{body}{{{{ end }}}}"},
        )
        need = {"name": "common", "version": version, "repository": URL}
        return make_package(
            {"name": name, "dependencies": [need]}, {"charts/common.tgz": common, "templates/a.yaml": use}
        )

    needs = [{"name": name, "version": "*", "repository": URL} for name in "ab"]
    sides = {"charts/a.tgz": side("a", "1.0.0", old), "charts/b.tgz": side("b", "2.0.0", new)}
    chart = load_package(make_package({"name": "web", "dependencies": needs}, sides), "web.tgz")
    found = analyze(chart, Repositories(web=Offline()))
    assert only(found).harm is harm
    assert found.contents is not None


def test_the_json_has_what_a_script_needs(publish: Publish) -> None:
    found = analysis(publish(main={**CLASH, "web@1.0.0": ["a 1.x", "b *", "gone *"]})).as_json()
    assert (found["chart"], found["version"]) == ("web", "1.0.0")
    assert {"name": "common", "version": "1.4.0", "repository": URL}.items() <= found["nodes"][2].items()
    assert {
        "from": "web@1.0.0",
        "to": "a@1.0.0",
        "constraint": "1.x",
        "condition": None,
        "enabled": True,
    }.items() <= found["edges"][0].items()
    (missing,) = found["unresolved"]
    assert (missing["from"], missing["name"], missing["problem"]) == ("web@1.0.0", "gone", "no such chart")
    (conflict,) = found["conflicts"]
    assert {"name", "repository", "requirements", "satisfiable", "resolved", "harm", "fix"} <= conflict.keys()
    assert conflict["requirements"][0] == {
        "constraint": "1.x.x",
        "path": ["web@1.0.0", "a@1.0.0"],
        "loads": "1.4.0",
    }


CONSTRAINTS = ("1.x", "2.x", "*", "1.0.0", ">=2", "3.x")
COMMON = ("1.0.0", "1.1.0", "2.0.0")
Universe = Mapping[str, list[str]]


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    charts: dict[str, list[str]] = {f"common@{version}": [] for version in COMMON}
    direct = draw(st.lists(st.sampled_from(["a", "b", "c", "common"]), min_size=2, unique=True))
    for name in direct:
        if name != "common":
            for version in ("1.0.0", "2.0.0", "3.0.0")[: draw(st.integers(1, 3))]:
                needs = draw(st.one_of(st.none(), st.sampled_from(CONSTRAINTS)))
                charts[f"{name}@{version}"] = [f"common {needs}"] if needs else []
    charts["web@1.0.0"] = [f"{name} {draw(st.sampled_from(('*', '1.x', '1.0.0')))}" for name in direct]
    return charts


def _pins(universe: Universe, current: Mapping[str, str]) -> Iterator[dict[str, str]]:
    versions: dict[str, list[str]] = {name: [] for name in current}
    for chart in universe:
        name, _, version = chart.partition("@")
        if name in versions and version != current[name]:
            versions[name].append(version)
    for size in range(1, len(current) + 1):
        for changed in combinations(current, size):
            for chosen in product(*(versions[name] for name in changed)):
                yield dict(zip(changed, chosen, strict=True))


def _unmet(closure: Closure) -> set[tuple[str, str]]:
    return {(one.parent.name, one.dependency.version) for one in closure.unresolved}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(universe=universes())
def test_no_fewer_changes_than_those_of_the_fix_would_do(publish: Publish, universe: Universe) -> None:
    repositories = publish(main=universe)
    root: Any = locate("web", repositories)
    found = analyze(root, repositories)
    assume(found.conflicts)
    current = {need.key: need.chart.version for need in found.closure.needs if need.parent == found.root}
    unmet = _unmet(found.closure)

    def is_gone(pins: Mapping[str, str]) -> bool:
        changed = root
        for key, version in pins.items():
            changed = pinned(changed, key, version)
        closure = resolve(changed, repositories)
        return not conflicts(closure) and _unmet(closure) <= unmet

    smallest = next((pins for pins in _pins(universe, current) if is_gone(pins)), None)
    fix = only(found).fix
    assert (fix is None) is (smallest is None)
    if fix and smallest:
        words = fix.partition(":")[0].removeprefix("Change ").replace(" and ", ", ").split(", ")
        pins = {word.split(" ")[0]: word.split(" ")[4] for word in words}
        assert is_gone(pins)
        assert len(pins) == len(smallest)

"""What Helm loads: what packages carry, what stands in `charts/`, and what is guessed."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import (
    Closure,
    Difference,
    Harm,
    Known,
    Problem,
    Repositories,
    Vendored,
    analyze,
    load,
    load_package,
    locate,
    outdated,
    resolve,
)

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
URL = "https://main.example.com"
OTHER = "https://other.example.com"
Published = tuple[Mapping[str, Any], bytes]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Repositories]:
    """Makes repositories of packages: each URL with charts, what their index says and their bytes."""

    def make(**repositories: Sequence[Published]) -> Repositories:
        mirrors: dict[str, str] = {}
        for host, charts in repositories.items():
            folder = tmp_path / "served" / host
            folder.mkdir(parents=True, exist_ok=True)
            entries: dict[str, list[dict[str, object]]] = {}
            for number, (metadata, data) in enumerate(charts):
                if data:
                    (folder / f"{number}.tgz").write_bytes(data)
                digest = {"digest": hashlib.sha256(data).hexdigest()} if data else {}
                entries.setdefault(metadata["name"], []).append(
                    {**metadata, "urls": [f"{number}.tgz"], **digest}
                )
            (folder / "index.json").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
            mirrors[f"https://{host}.example.com"] = str(folder / "index.json")
        return Repositories(mirrors)

    return make


def need(name: str, version: str, repository: str = URL, **more: object) -> dict[str, object]:
    return {"name": name, "version": version, "repository": repository, **more}


def chart(name: str, version: str, *needs: dict[str, object]) -> dict[str, Any]:
    return {"name": name, "version": version, "dependencies": list(needs)}


def loads(closure: Closure) -> list[tuple[str, str, str, Known]]:
    return [(str(each.parent), each.key, str(each.chart), each.known) for each in closure.needs]


def differences(closure: Closure) -> list[tuple[str, Difference]]:
    return [(each.key, each.difference) for each in closure.deviations]


@pytest.fixture
def two_libraries(serve: Callable[..., Repositories], make_package: MakePackage) -> Repositories:
    lib = {
        version: make_package(
            {"name": "lib", "version": version},
            {"templates/_h.tpl": f'{{{{ define "lib.name" }}}}{version}{{{{ end }}}}'},
        )
        for version in ("1.0.0", "2.0.0")
    }
    users = {
        name: (
            chart(name, "1.0.0", need("lib", ">=1.0.0")),
            make_package(
                chart(name, "1.0.0", need("lib", ">=1.0.0")),
                {
                    f"charts/lib-{version}.tgz": lib[version],
                    "templates/a.yaml": 'x: {{ include "lib.name" . }}',
                },
            ),
        )
        for name, version in (("a", "1.0.0"), ("b", "2.0.0"))
    }
    libraries = [({"name": "lib", "version": version}, data) for version, data in lib.items()]
    return serve(main=[*users.values(), *libraries])


def test_a_published_package_brings_what_it_carries_whatever_is_newer(
    two_libraries: Repositories, make_chart: MakeChart
) -> None:
    root = load(make_chart(chart("web", "1.0.0", need("a", "1.x"), need("b", "1.x"))))
    found = analyze(root, two_libraries)
    assert loads(found.closure) == [
        ("web@1.0.0", "a", "a@1.0.0", Known.NEWEST),
        ("web@1.0.0", "b", "b@1.0.0", Known.NEWEST),
        ("a@1.0.0", "lib", "lib@1.0.0", Known.CARRIED),
        ("b@1.0.0", "lib", "lib@2.0.0", Known.CARRIED),
    ]
    (conflict,) = found.conflicts
    assert (conflict.resolved, conflict.harm) == (("1.0.0", "2.0.0"), Harm.HARMFUL)
    assert not found.is_sound


def test_a_published_root_brings_what_it_carries(two_libraries: Repositories) -> None:
    closure = resolve(locate("a", two_libraries), two_libraries)
    assert loads(closure) == [("a@1.0.0", "lib", "lib@1.0.0", Known.CARRIED)]


def test_what_a_package_took_from_a_folder_is_inside_of_it(
    serve: Callable[..., Repositories], make_package: MakePackage
) -> None:
    app = chart("app", "2.0.0", need("common", ">=0", "file://../common"))
    inside = {"charts/common-1.0.0.tgz": make_package({"name": "common", "version": "1.0.0"})}
    newer = {"name": "common", "version": "3.0.0"}
    hub = serve(main=[(app, make_package(app, inside)), (newer, make_package(newer))])
    closure = resolve(locate("app", hub), hub)
    assert loads(closure) == [("app@2.0.0", "common", "common@1.0.0", Known.CARRIED)]
    assert not closure.unresolved


def test_what_a_package_declares_and_lacks_is_not_loaded_and_not_looked_up(
    serve: Callable[..., Repositories], make_package: MakePackage, make_chart: MakeChart
) -> None:
    app = chart("app", "1.0.0", need("lib", "1.x"))
    lib = {"name": "lib", "version": "1.0.0"}
    hub = serve(main=[(app, make_package(app)), (lib, make_package(lib))])
    closure = resolve(load(make_chart(chart("web", "1.0.0", need("app", "1.x")))), hub)
    assert [str(node) for node in closure.graph] == ["web@1.0.0", "app@1.0.0"]
    assert [(one.dependency.name, one.problem) for one in closure.unresolved] == [
        ("lib", Problem.NOT_CARRIED)
    ]
    assert not closure.lost


def test_what_a_package_out_of_reach_carries_is_guessed_from_before_it_was_published(
    serve: Callable[..., Repositories], make_chart: MakeChart
) -> None:
    days = {"1.0.0": "2024-01-01", "1.1.0": "2024-02-01", "1.2.0": "2024-04-01"}
    libraries = [
        ({"name": "lib", "version": version, "created": f"{day}T00:00:00Z"}, b"")
        for version, day in days.items()
    ]
    app = {**chart("app", "1.0.0", need("lib", "1.x")), "created": "2024-03-01T00:00:00Z"}
    old = {**chart("old", "1.0.0", need("lib", "1.x")), "created": "2023-01-01T00:00:00Z"}
    hub = serve(main=[*libraries, (app, b""), (old, b"")])
    needs = [need("app", "1.x"), need("old", "1.x"), need("lib", "1.x")]
    found = analyze(load(make_chart(chart("web", "1.0.0", *needs))), hub)
    assert loads(found.closure)[2:] == [
        ("web@1.0.0", "lib", "lib@1.2.0", Known.NEWEST),
        ("app@1.0.0", "lib", "lib@1.1.0", Known.GUESSED),
        ("old@1.0.0", "lib", "lib@1.2.0", Known.GUESSED),
    ]
    assert found.unread is not None


def test_the_locked_version_is_known_as_such(two_libraries: Repositories, make_chart: MakeChart) -> None:
    lock = f"dependencies: [{{name: lib, version: 1.0.0, repository: {URL}}}]\ndigest: x\n"
    root = make_chart(chart("web", "1.0.0", need("lib", "*")), {"Chart.lock": lock})
    assert loads(resolve(load(root), two_libraries)) == [("web@1.0.0", "lib", "lib@1.0.0", Known.LOCKED)]


def test_a_copy_that_is_not_asked_for_loads_always_under_its_own_name(
    two_libraries: Repositories, make_chart: MakeChart, make_package: MakePackage
) -> None:
    front = need("web", "^1.1.0", alias="front", condition="web.enabled")
    stale = make_package({"name": "web", "version": "1.0.0"})
    root = load(make_chart(chart("app", "1.0.0", front), {"charts/web-1.0.0.tgz": stale}))
    found = analyze(root, two_libraries, values={"web": {"enabled": False}})
    assert [(each.key, str(each.chart), each.enabled) for each in found.closure.needs] == [
        ("web", "web@1.0.0", True)
    ]
    (deviation,) = found.closure.deviations
    assert deviation.difference is Difference.STALE
    assert "alias front, condition web.enabled do not count" in deviation.why
    assert not found.is_sound


def test_of_stale_copies_of_one_name_no_version_is_proposed_as_nothing_tells_which_is_meant(
    serve: Callable[..., Repositories], make_chart: MakeChart, make_package: MakePackage
) -> None:
    copies = {version: make_package({"name": "lib", "version": version}) for version in ("1.0.0", "1.1.0")}
    new = {"name": "lib", "version": "2.0.0"}
    repositories = serve(main=[(new, make_package(new))])
    files = {f"charts/lib-{version}.tgz": data for version, data in copies.items()}
    root = make_chart(chart("app", "1.0.0", need("lib", "2.x")), files)
    found = analyze(load(root), repositories)
    assert [{*one.resolved} for one in found.conflicts] == [{"1.0.0", "1.1.0"}]
    assert found.conflicts[0].fixes == ()


def test_of_several_copies_that_fit_chance_takes_one(
    serve: Callable[..., Repositories], make_chart: MakeChart, make_package: MakePackage
) -> None:
    versions = [{"name": "redis", "version": version} for version in ("17.1.0", "18.0.0")]
    hub = serve(main=[(each, make_package(each)) for each in versions])
    needs = [need("redis", ">=16.0.0", alias="new"), need("redis", "^17.0.0", alias="old")]
    found = analyze(load(make_chart(chart("app", "1.0.0", *needs))), hub)
    assert differences(found.closure) == [("new", Difference.BY_CHANCE)]
    assert "17.1.0 or 18.0.0" in found.closure.deviations[0].why
    assert not found.is_sound


def test_two_versions_of_one_chart_in_a_folder_that_helm_packs_are_mixed_up(
    make_chart: MakeChart, make_package: MakePackage, tmp_path: Path
) -> None:
    copies = {
        f"charts/redis-{version}.tgz": make_package({"name": "redis", "version": version})
        for version in ("17.1.0", "18.0.0")
    }
    needs = [need("redis", "18.0.0", alias="new"), need("redis", "17.1.0", alias="old")]
    beside = make_chart(chart("app", "1.0.0", *needs), copies)
    root = make_chart(chart("top", "1.0.0", need("app", "1.x", f"file://../{beside.name}")))
    closure = resolve(load(root), Repositories(), within=tmp_path)
    assert differences(closure) == [("app", Difference.BY_CHANCE)]
    assert "redis 17.1.0 or 18.0.0" in closure.deviations[0].why
    assert differences(resolve(load(root), Repositories(), within=tmp_path, assembled=True)) == []
    assert differences(resolve(load(beside), Repositories())) == []


@pytest.mark.parametrize("ignored", ["*.tgz", "charts/", "charts/lib-*", "lib-2.0.0.tgz"])
def test_what_helmignore_leaves_out_of_charts_is_not_loaded_however_it_was_built(
    serve: Callable[..., Repositories], make_chart: MakeChart, make_package: MakePackage, ignored: str
) -> None:
    lib = {"name": "lib", "version": "2.0.0"}
    root = load(make_chart(chart("app", "1.0.0", need("lib", "2.x")), {".helmignore": f"{ignored}\n"}))
    found = analyze(root, serve(main=[(lib, make_package(lib))]))
    assert (loads(found.closure), found.is_complete) == ([], False)
    assert "left out by .helmignore" in found.closure.unresolved[0].why


def test_one_name_and_version_from_two_repositories_is_one_file(
    serve: Callable[..., Repositories], make_chart: MakeChart, make_package: MakePackage
) -> None:
    one = {"name": "common", "version": "1.0.0"}
    hub = serve(
        main=[(one, make_package(one))], other=[(one, make_package({**one, "description": "theirs"}))]
    )
    needs = [need("common", "1.x"), need("common", "1.x", OTHER, alias="theirs")]
    closure = resolve(load(make_chart(chart("app", "1.0.0", *needs))), hub)
    assert differences(closure) == [("theirs", Difference.OVERWRITTEN)]
    assert {each.chart.repository for each in closure.needs} == {OTHER}


def test_a_copy_that_nothing_asks_for_is_told_and_no_fault(
    two_libraries: Repositories, make_chart: MakeChart, make_package: MakePackage
) -> None:
    extra = make_package({"name": "extra", "version": "1.0.0"})
    root = load(make_chart(chart("app", "1.0.0"), {"charts/extra-1.0.0.tgz": extra}))
    found = analyze(root, two_libraries)
    assert differences(found.closure) == [("extra", Difference.UNASKED)]
    assert found.is_sound


def test_a_copy_of_a_folder_is_told_where_it_differs_from_the_folder(
    make_chart: MakeChart, make_package: MakePackage
) -> None:
    make_chart({"name": "common"}, {"templates/a.yaml": "a: 1"})
    dependency = need("common", "1.x", "file://../common")
    for text, told in (("a: 1", []), ("a: 2", [("common", Difference.NOT_THE_FOLDER)])):
        copy = make_package({"name": "common", "version": "1.0.0"}, {"templates/a.yaml": text})
        app = make_chart(chart("app", "1.0.0", dependency), {"charts/common-1.0.0.tgz": copy})
        assert differences(resolve(load(app), Repositories())) == told


def test_a_package_that_lacks_what_it_declares_is_one_that_helm_refuses(
    two_libraries: Repositories, make_package: MakePackage
) -> None:
    root = load_package(make_package(chart("app", "1.0.0", need("lib", "1.x"))), "app.tgz")
    found = analyze(root, two_libraries)
    assert differences(found.closure) == [("lib", Difference.MISSING)]
    assert not found.is_sound


def test_below_a_chart_that_declares_nothing_conditions_and_aliases_do_not_count(
    make_chart: MakeChart, make_package: MakePackage
) -> None:
    deep = make_package({"name": "deep", "version": "1.0.0"})
    middle = make_package(
        chart("middle", "1.0.0", need("deep", "1.x", "", alias="other", condition="deep.on")),
        {"charts/deep-1.0.0.tgz": deep},
    )
    root = load(make_chart({"name": "app"}, {"charts/middle-1.0.0.tgz": middle}))
    closure = resolve(root, Repositories(), values={"middle": {"deep": {"on": False}}})
    assert [(each.key, each.enabled) for each in closure.needs] == [("middle", True), ("deep", True)]


def test_one_chart_whose_needs_are_switched_in_two_ways_is_two_nodes(
    make_chart: MakeChart,
) -> None:
    make_chart({"name": "leaf"})
    make_chart(chart("mid", "1.0.0", need("leaf", "1.x", "file://../leaf", condition="leaf.on")))
    needs = [need("mid", "1.x", "file://../mid", alias=alias) for alias in ("one", "two", "three")]
    root = load(make_chart(chart("app", "1.0.0", *needs)))
    off = {"leaf": {"on": False}}
    closure = resolve(root, Repositories(), values={"one": off, "three": off})
    assert {each.key: each.chart.place for each in closure.needs if each.chart.name == "mid"} == {
        "one": "one",
        "two": "two",
        "three": "one",
    }
    assert {(each.parent.place, each.enabled) for each in closure.needs if each.key == "leaf"} == {
        ("one", False),
        ("two", True),
    }
    assert [node.place for node in resolve(root, Repositories(), values={}).graph] == ["", "", ""]


def test_under_a_second_alias_a_chart_that_nothing_asks_for_forgets_what_it_declares(
    make_chart: MakeChart, make_package: MakePackage
) -> None:
    deep = make_package({"name": "deep", "version": "1.0.0"})
    queue = make_package(
        chart("queue", "1.0.0", need("deep", "1.x", "", alias="store", condition="store.on")),
        {"charts/deep-1.0.0.tgz": deep},
    )
    web = make_package(chart("web", "1.0.0"), {"charts/queue-1.0.0.tgz": queue})
    needs = [need("web", "1.x", "", alias=alias) for alias in ("one", "two")]
    root = make_chart(chart("app", "1.0.0", *needs), {"charts/web-1.0.0.tgz": web})
    values = {alias: {"queue": {"store": {"on": False}}} for alias in ("one", "two")}
    closure = resolve(load(root), Repositories(), values=values)
    below = [each for each in closure.needs if each.parent.name == "queue" and each.enabled]
    assert [(each.parent.place, each.key) for each in below] == [("two/queue", "deep")]
    (told,) = (each for each in closure.deviations if each.difference is Difference.FORGOTTEN)
    assert (told.parent.place, told.key, told.is_grave) == ("two/queue", "deep", True)


def test_templates_of_charts_that_know_nothing_of_each_other_collide(make_chart: MakeChart) -> None:
    for name in ("a", "z"):
        make_chart(
            {"name": name},
            {
                "templates/_h.tpl": f'{{{{ define "app.name" }}}}{name}{{{{ end }}}}',
                "templates/cm.yaml": 'x: {{ include "app.name" . }}',
            },
        )
    needs = [need(name, "1.x", f"file://../{name}") for name in ("a", "z")]
    found = analyze(load(make_chart(chart("app", "1.0.0", *needs))), Repositories())
    assert not found.conflicts
    ((collision),) = found.collisions
    assert (collision.clash.name, collision.harm) == ("app.name", Harm.HARMFUL)
    assert [one.victim.name for one in collision.clash.replacements] == ["z"]
    assert not found.is_sound


def test_a_template_that_a_parent_replaces_may_be_meant_and_is_told(make_chart: MakeChart) -> None:
    text = '{{ define "a.name" }}%s{{ end }}'
    make_chart(
        {"name": "a"}, {"templates/_h.tpl": text % "a", "templates/cm.yaml": 'x: {{ include "a.name" . }}'}
    )
    root = make_chart(
        chart("app", "1.0.0", need("a", "1.x", "file://../a")), {"templates/_h.tpl": text % "app"}
    )
    found = analyze(load(root), Repositories())
    assert [(each.clash.name, each.harm) for each in found.collisions] == [("a.name", Harm.UNKNOWN)]
    assert found.is_sound


def test_an_object_that_two_charts_make_is_told(make_chart: MakeChart) -> None:
    for name in ("a", "z"):
        text = f"kind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{by: {name}}}\n"
        make_chart({"name": name}, {"templates/cm.yaml": text})
    needs = [need(name, "1.x", f"file://../{name}") for name in ("a", "z")]
    found = analyze(load(make_chart(chart("app", "1.0.0", *needs))), Repositories())
    assert [(each.kind, each.name, each.harm) for each in found.duplicates] == [
        ("ConfigMap", "settings", Harm.HARMFUL)
    ]
    assert not found.is_sound


def test_an_upgrade_that_brings_a_clashing_package_is_not_safe(
    serve: Callable[..., Repositories], make_chart: MakeChart, make_package: MakePackage
) -> None:
    lib = {version: make_package({"name": "lib", "version": version}) for version in ("1.0.0", "2.0.0")}
    db = chart("db", "1.0.0", need("lib", "*"))
    charts = [
        (
            {**db, "version": version},
            make_package({**db, "version": version}, {f"charts/l-{one}.tgz": lib[one]}),
        )
        for version, one in (("1.0.0", "1.0.0"), ("1.1.0", "1.0.0"), ("1.2.0", "2.0.0"))
    ]
    web = chart("web", "1.0.0", need("lib", "*"))
    hub = serve(
        main=[
            *charts,
            (web, make_package(web, {"charts/l.tgz": lib["1.0.0"]})),
            *(({"name": "lib", "version": version}, data) for version, data in lib.items()),
        ]
    )
    root = load(make_chart(chart("app", "1.0.0", need("db", "=1.0.0"), need("web", "1.x"))))
    versions = {one.key: (one.current, one.newest, one.safe) for one in outdated(root, hub).dependencies}
    assert versions["db"] == ("1.0.0", "1.2.0", "1.1.0")


def test_where_no_published_version_ends_it_a_package_is_kept_with_another_copy_inside(
    two_libraries: Repositories, make_chart: MakeChart
) -> None:
    root = load(make_chart(chart("web", "1.0.0", need("a", "1.x"), need("b", "1.x"))))
    (conflict,) = analyze(root, two_libraries).conflicts
    (fix,) = conflict.fixes
    assert fix.vendored == (Vendored("a", "a", "1.0.0"),)
    assert str(fix) == (
        "Keep a 1.0.0 unpacked in charts/ with lib 2.0.0 inside, as no published version brings it:"
        " then everything loads lib 2.0.0."
    )


def test_of_two_charts_of_one_name_that_nothing_asks_for_chance_decides(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"})
    for version in ("1.0.0", "1.3.0"):
        inside = folder / "charts" / f"lib-{version}"
        inside.mkdir(parents=True)
        (inside / "Chart.yaml").write_text(f"apiVersion: v2\nname: lib\nversion: {version}\n")
    closure = resolve(load(folder), Repositories())
    assert differences(closure) == [("lib", Difference.BY_CHANCE)]
    assert "1.0.0 or 1.3.0" in closure.deviations[0].why

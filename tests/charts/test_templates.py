from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import helm_python
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.charts import (
    Chart,
    ChartInvalid,
    ChartMetadata,
    Harm,
    NameClash,
    Owner,
    clashes,
    duplicates,
    harm_among,
    load,
    proof,
)
from deploy_orchestrator.documents import dump

MakeChart = Callable[..., Path]
Files = dict[str, str]

CALL = 'kind: ConfigMap\nmetadata: {name: x}\nlabel: {{ include "common.label" . }}\n'
ONE = '{{ define "common.label" }}one{{ end }}'
TWO = '{{ define "common.label" }}two{{ end }}'
A, B = "charts/a/charts/common", "charts/b/charts/common"


def metadata(name: str, version: str = "1.0.0", **fields: object) -> str:
    return dump({"apiVersion": "v2", "name": name, "version": version, **fields}).decode()


def needs(*names: str, version: str = "1.x", **fields: object) -> dict[str, Any]:
    return {
        "dependencies": [{"name": name, "version": version, "repository": "", **fields} for name in names]
    }


@pytest.fixture
def two_versions(make_chart: MakeChart) -> Callable[..., Chart]:
    """A chart whose subcharts a and b bring common 1.0.0 and 2.0.0, and call what these define."""

    def make(
        one: str = ONE, two: str = TWO, calls: str = CALL, more: Mapping[str, str] | None = None
    ) -> Chart:
        files = {
            "charts/a/Chart.yaml": metadata("a", **needs("common")),
            "charts/b/Chart.yaml": metadata("b", **needs("common", version="2.x")),
            f"{A}/Chart.yaml": metadata("common", type="library"),
            f"{B}/Chart.yaml": metadata("common", "2.0.0", type="library"),
            f"{A}/templates/_label.tpl": one,
            f"{B}/templates/_label.tpl": two,
            "charts/a/templates/x.yaml": calls,
            "charts/b/templates/x.yaml": calls,
        }
        return load(make_chart({"name": "web", **needs("a", "b")}, files | dict(more or {})))

    return make


Make = Callable[..., Chart]


def render(chart: Chart, values: dict[str, Any] | None = None) -> dict[str, str]:
    assert chart.path is not None
    return helm_python.Chart.load(chart.path).render(values)


def is_common(owner: Owner) -> bool:
    return owner.name == "common"


def the(found: tuple[NameClash, ...]) -> NameClash:
    (clash,) = found
    return clash


def test_a_template_that_another_version_of_the_library_replaces_is_named_with_both_bodies(
    two_versions: Make,
) -> None:
    chart = two_versions()
    clash = the(clashes(chart))
    assert clash.name == "common.label"
    assert clash.harm is Harm.HARMFUL
    assert (str(clash.winner.owner), clash.winner.definition.source) == ("common@1.0.0", "one")
    (replacement,) = clash.replacements
    assert replacement.victim.path == "web/charts/b"
    assert str(replacement.replaced.owner) == "common@2.0.0"
    assert replacement.replaced.definition.source == "two"
    assert replacement.way == ("web/charts/b/templates/x.yaml:3",)
    assert str(replacement.replaced) == "web/charts/b/charts/common/templates/_label.tpl:1"
    rendered = render(chart)
    assert "label: one" in rendered["web/charts/a/templates/x.yaml"]
    assert "label: one" in rendered["web/charts/b/templates/x.yaml"]
    assert harm_among(clashes(chart), is_common) is Harm.HARMFUL
    assert harm_among(clashes(chart), lambda owner: owner.name == "other") is Harm.NONE


def test_the_proof_tells_who_gets_what_with_the_difference(two_versions: Make) -> None:
    two = '{{ define "common.label" }}\n  {{- if .on }}\n  two\n  {{- end }}\n{{ end }}'
    assert proof(the(clashes(two_versions(two=two)))) == (
        "web/charts/b calls common.label in web/charts/b/templates/x.yaml:3"
        " and gets that of common@1.0.0 instead of that of common@2.0.0, which it brings.\n"
        "--- web/charts/b/charts/common/templates/_label.tpl:1\n"
        "+++ web/charts/a/charts/common/templates/_label.tpl:1\n"
        "@@ -1,3 +1 @@\n"
        "-{{- if .on }}\n"
        "-two\n"
        "-{{- end }}\n"
        "+one\n"
    )


@pytest.mark.parametrize(
    "two",
    [
        '{{- define "common.label" -}}\n  one\n{{- end -}}',
        '{{/* better */}}{{ define "common.label" }}one{{/* as before */}}{{ end }}',
        "{{ define `common.label` }}{{- /* x */ -}}  one{{ end }}",
    ],
)
def test_equal_bodies_do_no_harm_however_they_are_laid_out(two_versions: Make, two: str) -> None:
    assert the(clashes(two_versions(two=two))).harm is Harm.NONE


def test_a_difference_that_nobody_reaches_is_worth_knowing(two_versions: Make) -> None:
    chart = two_versions(calls="kind: ConfigMap\n")
    assert the(clashes(chart)).harm is Harm.WORTH_KNOWING
    assert harm_among(clashes(chart), is_common) is Harm.WORTH_KNOWING


def test_a_replacement_that_only_its_winner_calls_is_worth_knowing(two_versions: Make) -> None:
    assert the(clashes(two_versions(more={"charts/b/templates/x.yaml": ""}))).harm is Harm.WORTH_KNOWING


def test_a_name_is_reached_through_others(two_versions: Make) -> None:
    more = {
        "charts/b/templates/x.yaml": "{{ template `b.outer` . }}",
        "charts/b/templates/_b.tpl": '{{ define "b.outer" }}\n{{ include "common.label" . }}{{ end }}',
    }
    (replacement,) = the(clashes(two_versions(more=more))).replacements
    assert replacement.certain
    assert replacement.way == ("web/charts/b/templates/x.yaml:1", "web/charts/b/templates/_b.tpl:2")


@pytest.mark.parametrize(
    "call",
    [
        "{{ include .Values.template . }}",
        '{{ include (printf "%s.label" .Chart.Name) . }}',
        '{{ include (print "common." .Values.part) . }}',
        '{{ $part := .Values.part }}{{ include (printf "common.%s" $part) . }}',
        "{{ range $name := .Values.names }}{{ include $name $ }}{{ end }}",
        '{{ include ("common.label" | lower) . }}',
        "{{ include (index .Values.names 0) . }}",
        '{{ include (printf "%[1]s.label" "common") . }}',
        '{{ tpl (printf "{{ include %q . }}" .Values.part) . }}',
    ],
)
def test_a_computed_include_that_may_mean_the_name_is_unknown_never_safe(
    two_versions: Make, call: str
) -> None:
    clash = the(clashes(two_versions(calls=call)))
    assert clash.harm is Harm.UNKNOWN
    assert not any(replacement.certain for replacement in clash.replacements)
    assert (
        "web/charts/b may call common.label, by a computed name, in web/charts/b/templates/x.yaml:1"
        in proof(clash)
    )
    assert harm_among([clash], is_common) is Harm.UNKNOWN


@pytest.mark.parametrize(
    "call",
    [
        '{{ include (printf "%s.fullname" .Chart.Name) . }}',
        '{{ include (print $.Template.BasePath "/x.yaml") . | sha256sum }}',
        '{{ $name := "a.name" }}{{ include $name . }}',
        "{{ tpl .Values.text . }}",
        '{{ "{{ include `common.label` . }}" }}',
        '{{/* {{ include "common.label" . }} */}}',
    ],
)
def test_a_computed_include_that_cannot_mean_the_name_reaches_nothing(two_versions: Make, call: str) -> None:
    assert the(clashes(two_versions(calls=call))).harm is Harm.WORTH_KNOWING


@pytest.mark.parametrize(
    "call",
    [
        '{{ $name := "common.label" }}{{ include $name . }}',
        '{{ include (printf "%s.%s" "common" "label") . }}',
        '{{ include (ternary "common.label" "a.name" .Values.on) . }}',
        '{{ $a := "common" }}{{ $b := print $a ".label" }}{{ include (default "a.name" $b) . }}',
        '{{ . | include "common.label" | quote }}',
        "{{ with (include `common.label` .) }}{{ . }}{{ end }}",
        '{{ tpl "{{ include `common.label` . }}" . }}',
        '{{ block "own" . }}{{ template "common.label" . }}{{ end }}',
        '{{ if false }}{{ else if eq "x" (include "common.label" .) }}{{ end }}',
        '{{ include "common\\u002elabel" . }}',
        '{{ if.Values.x }}{{ include"common.label". }}{{ end }}',
    ],
)
def test_a_name_that_can_be_worked_out_is_reached_for_certain(two_versions: Make, call: str) -> None:
    worst = clashes(two_versions(calls=call))[0]
    assert (worst.name, worst.harm) == ("common.label", Harm.HARMFUL)


def test_what_values_and_files_hand_to_tpl_is_unknown(two_versions: Make) -> None:
    calls = "{{ tpl .Values.text . }}"
    text = "{{ include `common.label` . }}"
    by_default = two_versions(calls=calls, more={"charts/b/values.yaml": dump({"text": text}).decode()})
    assert the(clashes(by_default)).harm is Harm.UNKNOWN
    given_values = {"a": {"text": "x"}, "b": {"text": [{"x": text}]}}
    assert the(clashes(two_versions(calls=calls), given_values)).harm is Harm.UNKNOWN
    in_a_file = two_versions(calls="{{ tpl (.Files.Get `x.txt`) . }}", more={"charts/b/x.txt": text})
    assert the(clashes(in_a_file)).harm is Harm.UNKNOWN


def test_an_empty_definition_never_wins(two_versions: Make) -> None:
    chart = two_versions(one='{{ define "common.label" }}  {{/* nothing */}}\n{{ end }}')
    assert clashes(chart) == ()
    assert "label: two" in render(chart)["web/charts/a/templates/x.yaml"]


def test_a_switched_off_chart_takes_its_definitions_with_it(make_chart: MakeChart) -> None:
    switches = {
        "dependencies": [
            {"name": "a", "version": "1.x", "repository": "", "condition": "a.enabled"},
            {"name": "b", "version": "1.x", "repository": ""},
        ]
    }
    files = {
        "charts/a/Chart.yaml": metadata("a"),
        "charts/b/Chart.yaml": metadata("b"),
        "charts/a/templates/_label.tpl": ONE,
        "charts/b/templates/_label.tpl": TWO,
        "charts/b/templates/x.yaml": CALL,
    }
    chart = load(make_chart({"name": "web", **switches}, files))
    assert the(clashes(chart, {})).harm is Harm.HARMFUL
    off = {"a": {"enabled": False}}
    assert clashes(chart, off) == ()
    assert "label: two" in render(chart, off)["web/charts/b/templates/x.yaml"]


def test_a_library_contributes_partials_only(two_versions: Make) -> None:
    more = {
        f"{A}/templates/label.yaml": '{{ define "b.name" }}one{{ end }}',
        "charts/b/templates/_b.tpl": TWO,
    }
    chart = two_versions(one="", more=more)
    assert {clash.name for clash in clashes(chart)} == {"common.label"}
    assert the(clashes(chart)).harm is Harm.NONE


def test_a_chart_is_named_by_its_alias_in_paths_and_by_its_own_name_as_owner(make_chart: MakeChart) -> None:
    twice = [
        {"name": "db", "version": "1.x", "repository": "https://charts.example", "alias": alias}
        for alias in ("first", "second")
    ]
    files = {
        "charts/db/Chart.yaml": metadata("db", "1.4.0"),
        "charts/db/templates/x.yaml": CALL,
        "charts/db/templates/_label.tpl": ONE,
    }
    clash = the(clashes(load(make_chart({"name": "web", "dependencies": twice}, files))))
    assert clash.harm is Harm.NONE
    assert [one.owner.path for one in (clash.winner, *clash.others)] == [
        "web/charts/first",
        "web/charts/second",
    ]
    assert str(clash.winner.owner) == "db@1.4.0"
    assert clash.winner.owner.repository == "https://charts.example"


@pytest.mark.parametrize(
    ("source", "line", "what"),
    [
        ('x\n{{ define "a" }}', 2, "{{ define }} without its end"),
        ("\n\n{{ if .x }}", 3, "{{ if }} without its end"),
        ("{{ end }}", 1, "an end with nothing to end"),
        ("{{ else }}", 1, "an else with nothing before it"),
        ('{{ if .x }}\n{{ define "a" }}{{ end }}{{ end }}', 2, "a define inside {{ if }}"),
        ("{{ define a }}{{ end }}", 1, "a define without a name in quotes"),
        ("{{ template }}", 1, "a template without a name in quotes"),
        ('{{ define "a" }}1{{ end }}\n{{ define "a" }}2{{ end }}', 2, "a second definition of 'a'"),
        ("{{ .x", 1, "an action, or a string in it, that does not end"),
        ('{{ "x }}', 1, "an action, or a string in it, that does not end"),
        ("a\n{{/* x }}", 2, "a comment that does not end in */}}"),
        ("{{ }}", 1, "an action with nothing in it"),
    ],
)
def test_what_is_no_template_is_told_with_file_and_line(
    make_chart: MakeChart, source: str, line: int, what: str
) -> None:
    chart = load(make_chart({"name": "web"}, {"templates/x.yaml": source}))
    with pytest.raises(ChartInvalid) as raised:
        clashes(chart)
    assert raised.value.what == what
    assert str(raised.value.place) == f"web/templates/x.yaml:{line}"
    with pytest.raises(helm_python.HelmError):
        render(chart)


def in_memory(source: bytes) -> Chart:
    chart = ChartMetadata.model_validate({"name": "web", "version": "1.0.0"})
    return Chart(chart, {}, None, {"templates/x.yaml": source}, {}, {}, None, (), "sha256:0")


TOKENS = """{{ }} {{- -}} /* */ define template "a" ` ' end if else include tpl ( ) $x := | . block %s \\ é"""
fragments = st.sampled_from([*TOKENS.split(), " ", "\n", "\0", "kind: A\n", "metadata: {name: b}\n"])


@given(st.binary(max_size=40) | st.lists(fragments, max_size=25).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_are_templates_or_a_clear_error(source: bytes) -> None:
    for read in (clashes, duplicates):
        try:
            assert read(in_memory(source)) == ()
        except ChartInvalid as error:
            place = str(error.place)
        else:
            continue
        assert place.startswith("web/templates/x.yaml:")


@pytest.mark.parametrize(
    "source",
    [
        "{{ if .x }}" * 50_000 + "{{ end }}" * 50_000,
        "{{ include " + "(" * 50_000 + ")" * 50_000 + " }}",
        "{{ include (" * 20_000 + " }}",
        "{{ $x := " * 20_000 + " }}",
        "".join(f"{{{{ $x{n} := print $x{n + 1} $x{n + 1} }}}}" for n in range(2_000))
        + "{{ include $x0 . }}",
        "".join(f'{{{{ define "{n}" }}}}{{{{ include "{n + 1}" . }}}}{{{{ end }}}}' for n in range(5_000)),
        "{{ include (printf `" + "%s" * 50_000 + "` .x) . }}",
        "{{ define `x` }}" + "{{ template `x` }}" * 50_000 + "{{ end }}",
    ],
    ids=range(8),
)
def test_what_is_made_to_be_slow_to_read_is_read(source: str) -> None:
    assert clashes(in_memory(source.encode())) == ()


DEFINED = ["n.one", "n.two", "n.three"]

names = st.sampled_from(["a", "b", "common", "root"])
files = st.sampled_from(["_a.tpl", "_b.tpl", "a.yaml", "_x/b.tpl", "sub/_a.tpl", "sub/c.yaml"])
contents = st.lists(
    st.tuples(st.sampled_from(DEFINED), st.sampled_from(["full", "full", "empty"])), max_size=3
)


@st.composite
def trees(draw: st.DrawFn, path: str = "root", depth: int = 3) -> dict[str, str]:
    """The files of a chart of any shape, in which every body says which file it stands in."""
    inside = draw(st.lists(names, unique=True, max_size=3)) if depth else []
    own: dict[str, str] = {}
    for file, defined in draw(st.dictionaries(files, contents, max_size=3)).items():
        once = dict(defined)
        own[f"templates/{file}"] = "".join(
            f'{{{{ define "{name}" }}}}{f"{path}/{file}" if kind == "full" else " "}{{{{ end }}}}'
            for name, kind in once.items()
        )
    aliases = {name: f"x-{name}" for name in inside if draw(st.integers(0, 3)) == 0}
    dependencies = [
        {"name": name, "version": "1.x", "repository": "", "alias": aliases.get(name, "")}
        for name in inside
        if name in aliases or draw(st.booleans())
    ]
    kind = draw(st.sampled_from(["application", "application", "library"])) if depth < 3 else "application"
    chart = {"Chart.yaml": metadata(path.rsplit("/", 1)[-1], type=kind, dependencies=dependencies), **own}
    for name in inside:
        below = draw(trees(f"{path}/{name}", depth - 1))
        chart |= {f"charts/{name}/{file}": source for file, source in below.items()}
    return chart


@settings(max_examples=50)
@given(trees())
def test_the_definition_that_wins_is_the_one_that_helm_renders(tree: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        for file, source in tree.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(source)
        found = {clash.name: clash for clash in clashes(load(root))}
        calls = "".join(f'{name}: {{{{ include "{name}" . }}}}\n' for name in found)
        (root / "templates").mkdir(exist_ok=True)
        (root / "templates" / "calls.yaml").write_text(calls)
        rendered = helm_python.Chart.load(root).render()["root/templates/calls.yaml"]
    winners = "".join(f"{name}: {clash.winner.definition.source}\n" for name, clash in found.items())
    assert rendered == winners


def test_deep_below_an_alias_of_a_chart_that_declares_nothing_helm_leaves_the_alias_out(
    make_chart: MakeChart,
) -> None:
    named = {"name": "shop", "version": "1.x", "repository": "", "alias": "front"}
    files = {
        "templates/_label.tpl": ONE,
        "charts/shop/Chart.yaml": metadata("shop"),
        "charts/shop/templates/_label.tpl": ONE,
        "charts/shop/charts/redis/Chart.yaml": metadata("redis", **needs("base")),
        "charts/shop/charts/redis/templates/_label.tpl": ONE,
        "charts/shop/charts/redis/charts/base/Chart.yaml": metadata("base"),
        "charts/shop/charts/redis/charts/base/templates/_label.tpl": ONE,
    }
    folder = make_chart({"name": "web", "dependencies": [named]}, files)
    (clash,) = clashes(load(folder))
    found = [one.file.removesuffix("/templates/_label.tpl") for one in (clash.winner, *clash.others)]
    assert found == [
        "web",
        "web/charts/front",
        "web/charts/front/charts/redis",
        "web/charts/shop/charts/redis/charts/base",
    ]

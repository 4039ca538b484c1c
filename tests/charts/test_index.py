import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.charts import (
    ChartError,
    ChartInvalid,
    ChartNotFound,
    IndexInvalid,
    PublishedChart,
    Repositories,
)
from deploy_orchestrator.charts.sources.index import Index
from deploy_orchestrator.documents import dump
from deploy_orchestrator.registries import RepositoryError

URL = "https://charts.example.com"


def read(data: bytes) -> dict[str, tuple[PublishedChart, ...]]:
    index = Index.parse(data, URL)
    return {name: index.versions(name) for name in index.names}


def index_of(*versions: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "entries": {"web": [{"name": "web", **version} for version in versions]}}


def as_block_yaml(index: Any) -> bytes:
    return yaml.dump(index, Dumper=yaml.CSafeDumper, encoding="utf-8")


ENTRY = {
    "version": "1.2.3",
    "created": "2024-05-06T07:08:09.123456000+02:00",
    "digest": "a" * 64,
    "urls": ["web-1.2.3.tgz", "https://elsewhere.example.com/web-1.2.3.tgz"],
    "type": "application",
    "deprecated": True,
    "appVersion": "1.10",
    "dependencies": [
        {
            "name": "redis",
            "version": "~1.2 || >3",
            "repository": URL,
            "tags": ["a"],
            "import-values": ["data"],
        }
    ],
    "description": "a: text\n\n  with #lines\n- of: all\nsorts " + "and words " * 30,
    "maintainers": [{"name": "who", "email": "who@example.com"}],
}
WRITERS: dict[str, Callable[[Any], bytes]] = {
    "JSON": lambda index: json.dumps(index).encode(),
    "block YAML": as_block_yaml,
    "YAML in its given order": lambda index: yaml.safe_dump(index, sort_keys=False).encode(),
    "indented lists": lambda index: (
        as_block_yaml(index).replace(b"\n  - ", b"\n    - ").replace(b"\n    ", b"\n      ")
    ),
    "Windows lines": lambda index: as_block_yaml(index).replace(b"\n", b"\r\n"),
    "flow YAML": lambda index: yaml.safe_dump(index, default_flow_style=True).encode(),
    "mixed YAML": lambda index: yaml.safe_dump(index, default_flow_style=None).encode(),
    "gzipped JSON": lambda index: gzip.compress(json.dumps(index).encode()),
    "gzipped YAML": lambda index: gzip.compress(as_block_yaml(index)),
}


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "indented lists"])
def test_every_spelling_of_an_index_says_the_same(writer: str) -> None:
    (chart,) = read(WRITERS[writer](index_of(ENTRY)))["web"]
    assert (chart.repository, chart.name, chart.version) == (URL, "web", "1.2.3")
    assert chart.created == datetime(2024, 5, 6, 5, 8, 9, 123456, UTC)
    assert (chart.digest, chart.type, chart.deprecated, chart.app_version) == (
        "a" * 64,
        "application",
        True,
        "1.10",
    )
    assert chart.urls == tuple(ENTRY["urls"])
    (dependency,) = chart.dependencies
    assert (dependency.name, dependency.version, dependency.repository) == ("redis", "~1.2 || >3", URL)
    assert (dependency.tags, dependency.import_values) == (("a",), ("data",))


def test_what_one_chart_says_of_another_by_an_alias_is_read() -> None:
    """As PyYAML writes what stands at two places."""
    created = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    index = {
        "entries": {name: [{"name": name, "version": "1.0.0", "created": created}] for name in ("a", "b")}
    }
    text = yaml.dump(index, Dumper=yaml.CSafeDumper)
    assert "&id001" in text
    assert [each.created for charts in read(text.encode()).values() for each in charts] == [created] * 2


def test_a_chart_that_cannot_be_read_keeps_none_of_many_others_from_being_read() -> None:
    entries = "".join(f"  c{number}:\n  - name: c{number}\n    version: 1.0.0\n" for number in range(20))
    index = Index.parse(f"entries:\n{entries}  bad:\n  - name: bad\n    version: [\n".encode(), URL)
    for number in range(20):
        index.read_all()
        assert len(index.versions(f"c{number}")) == 1


def test_lists_may_be_indented_as_other_programs_do() -> None:
    text = b"""apiVersion: v1
entries:
    web:
        - name: web
          version: 1.0.0
          urls:
            - web-1.0.0.tgz
          dependencies:
            - name: redis
              version: 1.x.x
              repository: https://charts.example.com
        - name: web
          version: 2.0.0
generated: "2024-01-01T00:00:00Z"
"""
    newer, older = read(text)["web"]
    assert (newer.version, older.version, older.urls) == ("2.0.0", "1.0.0", ("web-1.0.0.tgz",))
    assert [dependency.version for dependency in older.dependencies] == ["1.x.x"]


def test_versions_stand_newest_first_by_semantic_versioning() -> None:
    versions = ["1.9.0", "1.10.0", "v2.0.0", "2.0.0-rc.1", "0.1"]
    found = read(json.dumps(index_of(*({"version": version} for version in versions))).encode())["web"]
    assert [chart.version for chart in found] == ["v2.0.0", "2.0.0-rc.1", "1.10.0", "1.9.0", "0.1"]


def test_numbers_for_texts_are_read_as_helm_reads_them() -> None:
    text = b"""entries:
  web:
  - {name: web, version: 1.1, appVersion: 2}
  - name: web
    version: 3
    appVersion: 1.5
"""
    assert [(chart.version, chart.app_version) for chart in read(text)["web"]] == [("3", "1.5"), ("1.1", "2")]


@pytest.mark.parametrize(
    "bad",
    [
        {"version": "one"},
        {"version": None},
        {"version": ["1.0.0"]},
        {"version": "1.0.0", "name": "../web"},
        {"version": "1.0.0", "type": "plugin", "appVersion": 1},
        {"version": "1.0.0", "dependencies": [{"name": "a"}, {"name": "a"}], "appVersion": 1},
    ],
)
@pytest.mark.parametrize("writer", ["JSON", "block YAML"])
def test_an_entry_that_is_no_chart_is_skipped_and_the_others_stay(bad: dict[str, Any], writer: str) -> None:
    found = read(WRITERS[writer](index_of({"version": "2.0.0"}, bad)))["web"]
    assert [chart.version for chart in found] == ["2.0.0"]


def test_a_time_that_is_none_is_left_out() -> None:
    (chart,) = read(json.dumps(index_of({"version": "1.0.0", "created": "yesterday"})).encode())["web"]
    assert chart.created is None


def test_dependencies_that_are_none_are_an_error_of_that_version_alone() -> None:
    index = index_of({"version": "1.0.0", "dependencies": [{"name": "../a"}]}, {"version": "2.0.0"})
    newer, older = read(json.dumps(index).encode())["web"]
    assert newer.dependencies == ()
    with pytest.raises(ChartInvalid, match=r"web@1\.0\.0"):
        _ = older.dependencies


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"[]",
        b"{",
        b'{"entries": 3}',
        b"entries: 3",
        b"apiVersion: v1",
        b"\xff\xfe",
        b"entries:\n  web:\n  - name: web\n   version: 1.0.0\n",
        b"entries:\n\tweb: []\n",
        b"entries:\n  web:\n  - version: 'open\n",
        b"\x1f\x8b\x08 no gzip",
        gzip.compress(b"{}", mtime=0)[:-4],
        b"entries: &a [*a]",
        b"entries: " + b"[" * 10_000,
        b'{"entries": ' + b"[" * 100_000,
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 10)) for n in range(9)
        )
        + b"entries: {}",
    ],
    ids=range(17),
)
def test_what_is_no_index_is_refused_with_the_repositorys_name(data: bytes) -> None:
    with pytest.raises(IndexInvalid, match=URL):
        read(data)


def test_an_index_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(IndexInvalid, match="larger"):
        read(gzip.compress(bytes(300 * 1024 * 1024), compresslevel=1))


TEXTS = st.one_of(
    st.sampled_from(
        [
            "1.0.0",
            "v1.2",
            "1.10",
            "1e3",
            "yes",
            "null",
            "~",
            "~1.2",
            "0x1F",
            "2024-01-01",
            "a: b",
            "#",
            "'",
            '"',
        ]
    ),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True),
        st.lists(
            st.fixed_dictionaries(
                {"version": st.sampled_from(["1.0.0", "2.0.0-rc.1", "v3", "1.10"])},
                optional={
                    "description": st.one_of(TEXTS, st.text(max_size=200)),
                    "appVersion": TEXTS,
                    "digest": TEXTS,
                    "type": st.sampled_from(["application", "library"]),
                    "urls": st.lists(TEXTS, max_size=3),
                    "dependencies": st.lists(
                        st.fixed_dictionaries({"name": st.just("a"), "version": TEXTS}), max_size=1
                    ),
                    "keywords": st.lists(TEXTS, max_size=3),
                    "annotations": st.dictionaries(TEXTS, TEXTS, max_size=3),
                },
            ),
            max_size=3,
        ),
        max_size=3,
    )
)
def test_yaml_says_what_json_says(charts: dict[str, list[dict[str, Any]]]) -> None:
    for name, entries in charts.items():
        for entry in entries:
            entry["name"] = name
    index = {"apiVersion": "v1", "entries": charts}
    as_json = json.dumps(index, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert read(dump(index)) == read(as_json.encode())


SEED = as_block_yaml(index_of(ENTRY, {"version": "2.0.0"}))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(SEED)), st.integers(0, 30), st.binary(max_size=12))
@example(0, 0, b"\0")
def test_a_mutated_index_is_read_or_refused_and_nothing_else(at: int, cut: int, insert: bytes) -> None:
    for seed in (SEED, json.dumps(index_of(ENTRY)).encode()):
        try:
            for versions in read(seed[:at] + insert + seed[at + cut :]).values():
                for chart in versions:
                    _ = chart.dependencies
        except (ChartError, RepositoryError):
            pass


def test_a_parsed_index_is_kept_and_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.yaml").write_bytes(as_block_yaml(index_of(ENTRY)))
    first = Repositories({URL: str(tmp_path)}, tmp_path / "cache").find(URL, "web")
    monkeypatch.setattr(Index, "parse", None)
    assert Repositories({URL: str(tmp_path)}, tmp_path / "cache").find(URL, "web") == first


def test_a_changed_index_is_read_again(tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        (tmp_path / "index.yaml").write_bytes(as_block_yaml(index_of({"version": version})))
        (chart,) = Repositories({URL: str(tmp_path)}, tmp_path / "cache").find(URL, "web")
        assert chart.version == version


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "index.yaml").write_bytes(as_block_yaml(index_of(ENTRY)))
    first = Repositories({URL: str(tmp_path)}, tmp_path / "cache").find(URL, "web")
    for file in (tmp_path / "cache").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-3] + b"xxx")
    assert Repositories({URL: str(tmp_path)}, tmp_path / "cache").find(URL, "web") == first


def test_urls_read_at_one_place_are_one_repository(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps(index_of({"version": "1.0.0"})))
    index = str(tmp_path / "index.json")
    repositories = Repositories({URL: index, "oci://Example.com/charts/": index, "@stable": index})
    for url in (
        f"{URL}/",
        "HTTPS://charts.example.com:443",
        "oci://example.com/charts",
        "alias:stable",
        "@stable",
    ):
        assert repositories.identity(url) == URL
        assert [chart.repository for chart in repositories.find(url, "web")] == [URL]


def test_other_urls_are_other_repositories() -> None:
    repositories = Repositories()
    assert repositories.identity("https://a.example.com") != repositories.identity("https://b.example.com")
    assert repositories.identity("https://user:secret@a.example.com/x") == "https://a.example.com/x"


def test_a_missing_chart_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps(index_of({"version": "1.0.0"})))
    with pytest.raises(ChartNotFound, match="did you mean web"):
        Repositories({URL: str(tmp_path / "index.json")}).find(URL, "wep")

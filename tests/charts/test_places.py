"""Where charts come from: names of Helm's, queries, credentials, registries that list nothing."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy_orchestrator.charts import (
    Known,
    Repositories,
    boundary_of,
    check_lock,
    load,
    resolve,
    update_lock,
)
from deploy_orchestrator.registries import Egress, Internet, RepositoryError, told
from tests.answering import Reply, answering
from tests.hub import Hub, publishing

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_file_may_lead_anywhere_in_the_git_work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = tmp_path / "tree/charts/apps/shop"
    chart.mkdir(parents=True)
    (tmp_path / "tree/.git").mkdir()
    monkeypatch.chdir(chart.parent)
    assert boundary_of(chart) == tmp_path / "tree"


def test_without_git_file_may_lead_anywhere_in_the_current_folder_or_beside_the_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = tmp_path / "charts/apps/shop"
    chart.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "charts")
    assert boundary_of(chart) == tmp_path / "charts"
    monkeypatch.chdir(chart)
    assert boundary_of(chart) == chart.parent
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert boundary_of(chart) == chart.parent


def test_a_folder_that_may_not_be_followed_is_told_with_its_boundary(
    make_chart: MakeChart, tmp_path: Path
) -> None:
    make_chart({"name": "common"})
    need = {"name": "common", "version": "*", "repository": "file://../../common"}
    app = load(make_chart({"name": "app", "dependencies": [need]}, at="apps/app"))
    (missing,) = resolve(app, Repositories()).unresolved
    assert f"file://../../common leads out of {tmp_path / 'apps'}" in missing.why
    (found,) = resolve(app, Repositories(), within=tmp_path).needs
    assert (str(found.chart), found.known) == ("common@1.0.0", Known.FOLDER)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with publishing() as hub:
        hub.publish({"web@1.0.0": [], "web@1.1.0": []})
        yield hub


def reaching(url: str, **more: str) -> Repositories:
    return Repositories(more, web=Internet(Egress().naming(url)))


def needing(version: str, repository: str) -> dict[str, object]:
    return {"name": "app", "dependencies": [{"name": "web", "version": version, "repository": repository}]}


def test_an_exact_version_in_a_registry_is_taken_without_a_list_of_tags(
    hub: Hub, make_chart: MakeChart
) -> None:
    hub.registry.refuses = ("GET /v2/hub/web/tags",)
    app = load(make_chart(needing("1.0.0", hub.url)))
    (need,) = resolve(app, reaching(hub.url)).needs
    assert (str(need.chart), need.known) == ("web@1.0.0", Known.NEWEST)
    assert not any("tags" in asked for asked in hub.registry.asked)
    assert update_lock(app, reaching(hub.url), NOW).dependencies[0].version == "1.0.0"


def test_a_range_in_a_registry_asks_for_the_tags(hub: Hub, make_chart: MakeChart) -> None:
    (need,) = resolve(load(make_chart(needing("1.x", hub.url))), reaching(hub.url)).needs
    assert str(need.chart) == "web@1.1.0"


def test_an_index_may_lead_to_a_registry(hub: Hub, make_chart: MakeChart, tmp_path: Path) -> None:
    entry = {
        "name": "web",
        "version": "1.1.0",
        "urls": [f"{hub.url}/web:1.1.0"],
        "digest": hashlib.sha256(hub.packages["web@1.1.0"]).hexdigest(),
    }
    (tmp_path / "index.json").write_text(json.dumps({"entries": {"web": [entry]}}))
    url = "https://charts.example.com"
    repositories = Repositories({url: str(tmp_path / "index.json")}, web=Internet(Egress().naming(hub.url)))
    (found,) = repositories.find(url, "web")
    assert repositories.package(found) == hub.packages["web@1.1.0"]


def test_what_was_published_by_a_day_is_asked_of_a_registry(hub: Hub, make_chart: MakeChart) -> None:
    app = load(make_chart(needing("1.x", hub.url)))
    (need,) = resolve(app, reaching(hub.url), as_of=NOW).needs
    assert str(need.chart) == "web@1.1.0"


@pytest.fixture
def served(make_package: MakePackage) -> Callable[[Mapping[str, str], str], Callable[..., Reply]]:
    """Serves an index and a package to those alone who send these headers and this query."""

    def make(headers: Mapping[str, str], query: str) -> Callable[..., Reply]:
        package = make_package({"name": "web", "version": "1.0.0"})
        entries = {"web": [{"name": "web", "version": "1.0.0", "urls": ["web-1.0.0.tgz"]}]}
        files = {"index.yaml": json.dumps({"entries": entries}).encode(), "web-1.0.0.tgz": package}

        def answer(method: str, path: str, sent: dict[str, str], body: bytes) -> Reply:
            asked = urlsplit(path)
            if asked.query != query or any(sent.get(name) != value for name, value in headers.items()):
                return 401, {}, b""
            return 200, {}, files[asked.path.removeprefix("/charts/")]

        return answer

    return make


def test_the_query_of_a_url_goes_behind_each_file_and_is_never_told(
    served: Callable[..., Callable[..., Reply]], make_chart: MakeChart
) -> None:
    with answering(served({}, "sig=abc")) as port:
        url = f"http://127.0.0.1:{port}/charts/?sig=abc"
        closure = resolve(load(make_chart(needing("1.x", url))), reaching(url))
    assert [str(need.chart) for need in closure.needs] == ["web@1.0.0"]
    assert "sig" not in json.dumps(closure.as_json())


def test_user_and_password_in_a_url_are_used_and_never_told(
    served: Callable[..., Callable[..., Reply]], make_chart: MakeChart, tmp_path: Path
) -> None:
    basic = "Basic " + base64.b64encode(b"me:se cret").decode()
    with answering(served({"authorization": basic}, "")) as port:
        url = f"http://me:se%20cret@127.0.0.1:{port}/charts"
        repositories = Repositories(cache=tmp_path / "cache", web=Internet(Egress().naming(url)))
        closure = resolve(load(make_chart(needing("1.x", url))), repositories)
        assert [str(need.chart) for need in closure.needs] == ["web@1.0.0"]
        wrong = url.replace("se%20cret", "wrong")
        refused = resolve(load(make_chart(needing("1.x", wrong), at="other")), reaching(url))
    (missing,) = refused.unresolved
    assert "401" in missing.why
    kept = b"".join(file.read_bytes() for file in (tmp_path / "cache").rglob("*") if file.is_file())
    for secret in ("me:", "cret", "wrong"):
        assert secret not in json.dumps([closure.as_json(), refused.as_json()])
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@charts.example.com/a?token=b#c", "https://charts.example.com/a"),
        ("https://charts.example.com?token=b", "https://charts.example.com"),
        ("oci://charts.example.com/a", "oci://charts.example.com/a"),
        ("/srv/charts?", "/srv/charts?"),
    ],
)
def test_a_url_is_told_without_what_may_be_secret(url: str, shown: str) -> None:
    assert told(url) == shown


@pytest.mark.parametrize("written", ["@lab", "alias:lab"])
def test_a_name_of_helms_is_locked_as_the_url_that_it_stands_for(
    make_chart: MakeChart, tmp_path: Path, written: str
) -> None:
    entries = {"web": [{"name": "web", "version": "1.0.0", "urls": ["web.tgz"]}]}
    (tmp_path / "index.json").write_text(json.dumps({"entries": entries}))
    url = "https://lab.example.com/charts/"
    repositories = Repositories({url: str(tmp_path / "index.json")}, names=lambda: {"lab": url})
    folder = make_chart(needing("1.x", written))
    lock = update_lock(load(folder), repositories, NOW)
    assert [each.repository for each in lock.dependencies] == [url]
    (need,) = resolve(load(folder), repositories).needs
    assert need.chart.repository == "https://lab.example.com/charts"


def test_a_name_that_helm_does_not_know_leads_nowhere(make_chart: MakeChart) -> None:
    closure = resolve(load(make_chart(needing("1.x", "@lab"))), Repositories(names=dict))
    assert "@lab is no repository that can be read" in closure.unresolved[0].why


def test_a_version_in_an_index_without_a_url_is_not_taken(make_chart: MakeChart, tmp_path: Path) -> None:
    versions = [
        {"name": "web", "version": "1.2.0"},
        {"name": "web", "version": "1.1.0", "urls": ["web-1.1.0.tgz"]},
    ]
    (tmp_path / "index.json").write_text(json.dumps({"entries": {"web": versions}}))
    url = "https://charts.example.com"
    app = load(make_chart(needing("1.x", url)))
    repositories = Repositories({url: str(tmp_path / "index.json")})
    assert update_lock(app, repositories, NOW).dependencies[0].version == "1.1.0"
    assert [str(need.chart) for need in resolve(app, repositories).needs] == ["web@1.1.0"]


def test_white_space_in_a_version_is_what_helm_makes_of_it(make_chart: MakeChart, tmp_path: Path) -> None:
    entries = {"web": [{"name": "web", "version": "1.0.0", "urls": ["web.tgz"]}]}
    (tmp_path / "index.json").write_text(json.dumps({"entries": entries}))
    url = "http://127.0.0.1:4100/J"
    text = f"dependencies:\n- name: web\n  version: |\n    1.0.0\n  repository: {url}\n"
    folder = make_chart({"name": "x"}, {"Chart.yaml": f"apiVersion: v2\nname: root\nversion: 1.0.0\n{text}"})
    lock = update_lock(load(folder), Repositories({url: str(tmp_path / "index.json")}), NOW)
    assert lock.digest == "sha256:51c306d2190d8d8b72262ff8ccce2bc7918b9d89303e266f7f11612f6cd722f0"
    assert lock.dependencies[0].version == "1.0.0"
    locked = f"dependencies: [{{name: web, version: 1.0.0, repository: {url}}}]\ndigest: {lock.digest}\n"
    (folder / "Chart.lock").write_text(locked)
    assert check_lock(load(folder)) == ()


def test_a_link_that_leads_out_is_no_matter_where_it_is_left_out(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"}, {".helmignore": "docs\n"})
    (folder / "docs").symlink_to("/etc")
    assert load(folder).name == "web"


def test_what_a_registry_refuses_for_one_chart_is_no_matter_for_another(hub: Hub) -> None:
    hub.registry.refuses = ("GET /v2/hub/lost/",)
    repositories = reaching(hub.url)
    with pytest.raises(RepositoryError):
        repositories.find(hub.url, "lost")
    assert [str(each) for each in repositories.find(hub.url, "web")] == ["web@1.1.0", "web@1.0.0"]


def test_a_registry_without_the_version_that_is_asked_for_says_so(hub: Hub) -> None:
    repositories = reaching(hub.url)
    assert repositories.exactly(hub.url, "web", "3.0.0") is None

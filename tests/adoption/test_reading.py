"""What runs now, read from files, from a cluster and from checkouts; what cannot be read is named."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.adoption import (
    AdoptionError,
    ChartPublished,
    Checkouts,
    NotAdoptable,
    OldRelease,
    custom_kinds_in,
    objects_in,
    objects_of,
    read,
)
from deploy_orchestrator.delivery import ClusterClient
from tests.adoption.conftest import URL, Originals, application, release_secret
from tests.simulated import ApiServer, serving

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget"}},
}


def test_all_files_below_a_folder_are_read_and_lists_taken_apart(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [application("a", "web"), CRD, "no object"]}
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/all.yaml").write_text(yaml.safe_dump(listed) + "---\n- nothing\n")
    (tmp_path / "b.json").write_text(json.dumps(application("b", "web")))
    (tmp_path / "notes.txt").write_text("kind: Application")
    found = objects_in(tmp_path)
    assert [each["metadata"]["name"] for each in found] == ["b", "a", "widgets.example.com"]
    assert custom_kinds_in(found) == {"example.com/Widget": "Namespaced"}


def test_the_scope_of_a_kind_is_said_as_fleet_yaml_has_it() -> None:
    whole = {**CRD, "spec": {**CRD["spec"], "scope": "Cluster", "names": {"kind": "Gadget"}}}
    assert custom_kinds_in([CRD, whole]) == {
        "example.com/Gadget": "Cluster",
        "example.com/Widget": "Namespaced",
    }


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdoptionError, match="there is no such file") as refused:
        objects_in(tmp_path / "none.yaml")
    assert refused.value.place
    assert refused.value.place.file.endswith("none.yaml")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.namespaces("argocd", "apps")
        yield server


def test_a_cluster_tells_its_applications_and_what_helm_left(api: ApiServer, tmp_path: Path) -> None:
    api.put(application("web", "web"))
    api.put(release_secret("main", "apps", ""))
    api.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": "apps"}})
    cluster = ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "adopt")
    found = [(each["kind"], each["metadata"]["name"]) for each in objects_of(cluster, "argocd")]
    assert found == [("Application", "web"), ("Secret", "sh.helm.release.v1.main.v1")]


def helm(body: dict[str, Any], **charts: Any) -> OldRelease | Exception:
    ((_, found),) = read("prod", [body], Checkouts({}), charts)
    return found


def repacked(body: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    packed = base64.b64decode(base64.b64decode(body["data"]["release"]))
    return with_data(
        body, gzip.compress(json.dumps({**json.loads(gzip.decompress(packed)), **change}).encode())
    )


def with_data(body: dict[str, Any], data: bytes) -> dict[str, Any]:
    release = base64.b64encode(base64.b64encode(data)).decode()
    return {**body, "data": {"release": release}}


def test_a_release_of_helm_has_its_chart_where_it_is_said_and_its_values_as_one_layer() -> None:
    found = helm(release_secret("main", "apps", "kind: x", a=1), web="https://charts.example.com")
    assert isinstance(found, OldRelease)
    assert found.chart == ChartPublished("https://charts.example.com", "web", "1.2.3")
    assert [yaml.safe_load(layer.text) for layer in found.layers] == [{"a": 1}]
    assert (found.release, found.namespace) == ("main", "apps")


SECRET = release_secret("main", "apps", "")
BOMB = gzip.compress(b" " * (1 << 28))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (repacked(SECRET, {"info": {"status": "failed"}}), "it is failed, not deployed"),
        (SECRET, "nobody says where its chart web 1.2.3 comes from"),
        ({**SECRET, "data": {"release": "no base64!"}}, "it cannot be read as Helm wrote it"),
        (with_data(SECRET, b"\x1f\x8bnonsense"), "it cannot be read as Helm wrote it"),
        (with_data(SECRET, b"[" * 100_000), "it cannot be read as Helm wrote it"),
        (with_data(SECRET, BOMB), "it holds more than"),
        (with_data(SECRET, b'{"name": "\\ud800"}'), "it cannot be read as Helm wrote it"),
        (with_data(SECRET, b'{"config": {"a": 1e999999}}'), "it cannot be read as Helm wrote it"),
        (with_data(SECRET, b'{"config": {"a": Infinity}}'), "it cannot be read as Helm wrote it"),
        (repacked(SECRET, {"namespace": "payments"}), "it says to be another release"),
        (repacked(SECRET, {"name": "payments"}), "it says to be another release"),
    ],
)
def test_a_release_of_helm_that_cannot_be_had_is_named_with_what_to_do(
    body: dict[str, Any], said: str
) -> None:
    found = helm(body)
    assert isinstance(found, NotAdoptable)
    assert said in found.what
    assert found.fix


def test_of_several_revisions_the_one_that_is_deployed_counts() -> None:
    def revision(number: str, status: str, **values: Any) -> dict[str, Any]:
        body = release_secret("main", "apps", "", **values)
        labels = {**body["metadata"]["labels"], "version": number, "status": status}
        return {**body, "metadata": {**body["metadata"], "labels": labels}}

    bodies = [
        revision("9", "superseded", a=9),
        revision("10", "deployed", a=10),
        revision("11", "failed", a=11),
        revision("x", "superseded"),
    ]
    ((owner, found),) = read("prod", bodies, Checkouts({}), {"web": "https://charts.example.com"})
    assert owner == "prod: Helm release apps/main"
    assert isinstance(found, OldRelease)
    assert yaml.safe_load(found.layers[0].text) == {"a": 10}


def test_one_repository_is_the_same_by_any_protocol(originals: Originals) -> None:
    originals.chart("web")
    checkouts = Checkouts({URL: originals.folder})
    for url in (
        URL.removesuffix(".git"),
        "git@git.example.com:acme/apps.git",
        "ssh://git@git.example.com/acme/apps",
    ):
        assert checkouts.at(url, "HEAD").exists("apps/web/Chart.yaml")


def test_a_checkout_that_lacks_what_is_asked_for_is_named(originals: Originals, tmp_path: Path) -> None:
    originals.chart("web")
    (tmp_path / "plain").mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    Originals(empty).git("init", "--quiet", "--initial-branch=main")
    checkouts = Checkouts(
        {URL: originals.folder, "https://x/plain": tmp_path / "plain", "https://x/empty": empty}
    )
    for url, revision, said in (
        (URL, "v9", "has no revision 'v9'"),
        ("https://x/empty", "HEAD", "has no commit"),
        ("https://x/other", "HEAD", "there is no checkout of"),
    ):
        with pytest.raises(NotAdoptable, match=said) as refused:
            checkouts.at(url, revision)
        assert refused.value.fix

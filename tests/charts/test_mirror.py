import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from deploy_orchestrator.charts import (
    ChartsMeet,
    Closure,
    CopyState,
    MirrorTarget,
    Repositories,
    load,
    locate,
    mirror,
    packaged,
    resolve,
)
from deploy_orchestrator.registries import DigestMismatch, RepositoryError
from tests.registry import Registry, serving

MakePackage = Callable[..., bytes]

HUB, OTHER = "https://hub.example.com/charts", "https://other.example.com"
WEB = "hub/web:1.2.0_build.1"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    for name in ("HELM_REGISTRY_CONFIG", "HELM_CONFIG_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving() as registry:
        yield registry


@pytest.fixture
def packages(tmp_path: Path, make_package: MakePackage) -> Callable[..., Repositories]:
    """Makes repositories with real packages, each chart told by its metadata."""

    def make(**hosts: list[Mapping[str, object]]) -> Repositories:
        mirrors: dict[str, str] = {}
        for host, charts in hosts.items():
            url = {"hub": HUB, "other": OTHER}[host]
            folder = tmp_path / host
            folder.mkdir(exist_ok=True)
            entries: dict[str, list[dict[str, object]]] = {}
            for metadata in charts:
                package = make_package(metadata, {"templates/a.yaml": "a: 1"})
                file = f"{metadata['name']}-{metadata['version']}.tgz"
                (folder / file).write_bytes(package)
                more = {"urls": [file], "digest": hashlib.sha256(package).hexdigest()}
                entries.setdefault(str(metadata["name"]), []).append(
                    {"created": "2024-01-01T00:00:00Z", **metadata, **more}
                )
            (folder / "index.json").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
            mirrors[url] = str(folder / "index.json")
        return Repositories(mirrors)

    return make


@pytest.fixture
def hub(packages: Callable[..., Repositories]) -> Repositories:
    common = {"name": "common", "version": "1.x", "repository": HUB}
    return packages(
        hub=[
            {"name": "web", "version": "1.2.0+build.1", "description": "A site", "dependencies": [common]},
            {"name": "common", "version": "1.0.0", "type": "library"},
        ]
    )


def closure_of(hub: Repositories) -> Closure:
    return resolve(locate("web", hub), hub)


def copied(hub: Repositories, registry: Registry, to: str = "hub") -> list[tuple[str, CopyState]]:
    destination = MirrorTarget(f"oci://{registry.host}/{to}")
    return [(str(each.chart), each.state) for each in mirror(closure_of(hub), hub, destination)]


def test_a_copy_can_be_read_in_place_of_the_original_to_the_byte(
    hub: Repositories, registry: Registry
) -> None:
    assert copied(hub, registry) == [
        ("web@1.2.0+build.1", CopyState.COPIED),
        ("common@1.0.0", CopyState.COPIED),
    ]
    assert sorted(registry.tags) == ["hub/common:1.0.0", WEB]
    copy = Repositories({HUB: f"oci://{registry.host}/hub"})
    (web,), (original,) = copy.find(HUB, "web"), hub.find(HUB, "web")
    assert copy.package(web) == hub.package(original)
    described = copy.described(web)
    assert (described.digest, described.created) == (original.digest, original.created)
    assert [str(node) for node in resolve(described, copy).graph] == ["web@1.2.0+build.1", "common@1.0.0"]


def test_a_manifest_is_what_helm_pushes(hub: Repositories, registry: Registry) -> None:
    copied(hub, registry)
    manifest = json.loads(registry.manifests["hub/web", "1.2.0_build.1"])
    assert manifest["schemaVersion"] == 2
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    assert layer["size"] == len(registry.blobs["hub/web", layer["digest"]])
    config = json.loads(registry.blobs["hub/web", manifest["config"]["digest"]])
    assert (config["name"], config["description"]) == ("web", "A site")
    assert [need["name"] for need in config["dependencies"]] == ["common"]


def test_what_is_there_already_is_not_sent_again(hub: Repositories, registry: Registry) -> None:
    copied(hub, registry)
    registry.asked.clear()
    assert [state for _, state in copied(hub, registry)] == [CopyState.THERE, CopyState.THERE]
    assert {each.partition(" ")[0] for each in registry.asked} == {"GET"}


def test_a_copy_that_broke_off_goes_on_where_it_was(hub: Repositories, registry: Registry) -> None:
    registry.refuses = ("PUT /v2/hub/web/manifests/",)
    assert copied(hub, registry) == [
        ("web@1.2.0+build.1", CopyState.FAILED),
        ("common@1.0.0", CopyState.COPIED),
    ]
    assert registry.tags == ["hub/common:1.0.0"]
    registry.refuses, registry.asked = (), []
    assert [state for _, state in copied(hub, registry)] == [CopyState.COPIED, CopyState.THERE]
    assert not [each for each in registry.asked if each.startswith("POST")]


def test_a_version_that_is_there_with_other_bytes_is_left_alone(
    hub: Repositories, registry: Registry, packages: Callable[..., Repositories]
) -> None:
    copied(hub, registry)
    before = dict(registry.manifests)
    changed = packages(hub=[{"name": "web", "version": "1.2.0+build.1", "description": "Another"}])
    (copy,) = mirror(closure_of(changed), changed, MirrorTarget(f"oci://{registry.host}/hub"))
    assert copy.state is CopyState.FAILED
    assert isinstance(copy.failure, DigestMismatch)
    assert registry.manifests == before


def test_a_package_that_is_not_what_the_index_promised_is_not_copied(
    hub: Repositories, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "hub/common-1.0.0.tgz").write_bytes(b"other")
    assert dict(copied(hub, registry))["common@1.0.0"] is CopyState.FAILED
    assert registry.tags == [WEB]


def test_a_package_of_another_chart_is_not_copied(
    registry: Registry, packages: Callable[..., Repositories], tmp_path: Path, make_package: MakePackage
) -> None:
    hub = packages(hub=[{"name": "web", "version": "1.0.0"}])
    index = tmp_path / "hub/index.json"
    other = make_package({"name": "evil", "version": "1.0.0"})
    (tmp_path / "hub/web-1.0.0.tgz").write_bytes(other)
    entries = json.loads(index.read_text())
    entries["entries"]["web"][0]["digest"] = hashlib.sha256(other).hexdigest()
    index.write_text(json.dumps(entries))
    (copy,) = mirror(closure_of(hub), hub, MirrorTarget(f"oci://{registry.host}/hub"))
    assert "the package holds evil@1.0.0" in str(copy.failure)
    assert not registry.blobs


def test_charts_of_one_name_from_different_repositories_are_kept_apart(
    registry: Registry, packages: Callable[..., Repositories]
) -> None:
    both = packages(
        hub=[
            {
                "name": "web",
                "version": "1.0.0",
                "dependencies": [
                    {"name": "common", "version": "1.x", "repository": HUB},
                    {"name": "common", "version": "1.1.x", "repository": OTHER, "alias": "theirs"},
                ],
            },
            {"name": "common", "version": "1.0.0"},
        ],
        other=[{"name": "common", "version": "1.1.0", "description": "Unrelated"}],
    )
    with pytest.raises(ChartsMeet, match=r"\{repository\}"):
        copied(both, registry)
    assert not registry.asked
    copied(both, registry, "all/{repository}")
    assert sorted(registry.tags) == [
        "all/hub.example.com/charts/common:1.0.0",
        "all/hub.example.com/charts/web:1.0.0",
        "all/other.example.com/common:1.1.0",
    ]


def test_a_chart_without_a_package_is_inside_that_of_what_needs_it(
    hub: Repositories, registry: Registry, make_chart: Callable[..., Path]
) -> None:
    need = {"name": "common", "version": "1.x", "repository": HUB}
    app = load(make_chart({"name": "app", "dependencies": [need]}))
    copies = mirror(resolve(app, hub), hub, MirrorTarget(f"oci://{registry.host}/hub"))
    assert [(each.chart.name, each.state) for each in copies] == [
        ("app", CopyState.CARRIED),
        ("common", CopyState.COPIED),
    ]


def test_what_a_package_carries_comes_with_it(
    registry: Registry, packages: Callable[..., Repositories], tmp_path: Path, make_package: MakePackage
) -> None:
    web = {
        "name": "web",
        "version": "1.0.0",
        "dependencies": [{"name": "common", "version": "1.x", "repository": HUB}],
    }
    hub = packages(hub=[web, {"name": "common", "version": "1.9.0"}])
    common = make_package({"name": "common", "version": "1.0.0"})
    package = make_package(web, {"charts/common-1.0.0.tgz": common})
    (tmp_path / "hub/web-1.0.0.tgz").write_bytes(package)
    index = tmp_path / "hub/index.json"
    entries = json.loads(index.read_text())
    entries["entries"]["web"][0]["digest"] = hashlib.sha256(package).hexdigest()
    index.write_text(json.dumps(entries))
    assert copied(hub, registry) == [("web@1.0.0", CopyState.COPIED), ("common@1.0.0", CopyState.CARRIED)]


@pytest.mark.parametrize("kind", ["folder", "package"])
def test_a_chart_from_disk_is_copied_with_its_package(
    hub: Repositories,
    registry: Registry,
    make_chart: Callable[..., Path],
    make_package: MakePackage,
    tmp_path: Path,
    kind: str,
) -> None:
    metadata = {"name": "app", "dependencies": [{"name": "common", "version": "1.x", "repository": HUB}]}
    path = make_chart(metadata) if kind == "folder" else tmp_path / "app.tgz"
    if kind == "package":
        path.write_bytes(make_package(metadata))
    closure = resolve(load(path), hub)
    packages = {closure.roots[0]: lambda: packaged(path, hub)}

    def copies() -> list[tuple[str, CopyState]]:
        destination = MirrorTarget(f"oci://{registry.host}/hub")
        return [(each.chart.name, each.state) for each in mirror(closure, hub, destination, packages)]

    assert copies() == [("app", CopyState.COPIED), ("common", CopyState.COPIED)]
    assert copies() == [("app", CopyState.THERE), ("common", CopyState.THERE)]
    copy = Repositories({HUB: f"oci://{registry.host}/hub"})
    (app,) = copy.find(HUB, "app")
    carried = [subchart.name for subchart in copy.chart(app).subcharts]
    assert carried == (["common"] if kind == "folder" else [])
    if kind == "package":
        assert copy.package(app) == path.read_bytes()


def test_the_users_own_login_is_used_to_push(hub: Repositories, registry: Registry, tmp_path: Path) -> None:
    registry.login = "me:secret"
    assert {state for _, state in copied(hub, registry)} == {CopyState.FAILED}
    config = tmp_path / ".docker/config.json"
    config.parent.mkdir()
    auth = {"auth": base64.b64encode(b"me:secret").decode()}
    config.write_text(json.dumps({"auths": {registry.host: auth}}))
    assert {state for _, state in copied(hub, registry)} == {CopyState.COPIED}


def test_a_login_never_follows_an_upload_to_another_server(hub: Repositories, registry: Registry) -> None:
    registry.uploads_at = "https://elsewhere.example.com/v2/x"
    destination = MirrorTarget(f"oci://{registry.host}/hub")
    failures = [each.failure for each in mirror(closure_of(hub), hub, destination)]
    assert all("another server" in str(failure) for failure in failures)


@pytest.mark.parametrize(
    "url", ["", "registry.example.com/a", "https://a.example.com/b", "oci://", "oci://a/B c"]
)
def test_only_a_place_in_a_registry_is_a_destination(url: str) -> None:
    with pytest.raises(RepositoryError, match="no place in a registry"):
        MirrorTarget(url)

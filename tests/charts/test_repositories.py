import base64
import gzip
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy_orchestrator.charts import (
    ChartNotFound,
    IndexInvalid,
    PublishedChart,
    Repositories,
    locate,
    resolve,
)
from deploy_orchestrator.registries import (
    DigestMismatch,
    Egress,
    Internet,
    Login,
    LoginsUnreadable,
    Offline,
    RepositoryError,
    RepositoryUnreachable,
    login,
)

MakePackage = Callable[..., bytes]
Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class Server:
    """An HTTP server that answers as `answer` says and remembers what it was asked."""

    port: int = 0
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    answer: Callable[[str, Mapping[str, str]], Reply] = lambda path, headers: (404, {}, b"")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append((self.path, headers))
            status, reply, body = served.answer(self.path, headers)
            self.send_response(status)
            for name, value in reply.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield served
        http.shutdown()
        thread.join()


def index(*versions: str, **more: object) -> bytes:
    entries = [
        {"name": "web", "version": version, "urls": [f"web-{version}.tgz"], **more} for version in versions
    ]
    return json.dumps({"apiVersion": "v1", "entries": {"web": entries}}).encode()


def reaching(at: "Server | Registry", cache: Path | None = None) -> Repositories:
    return Repositories(cache=cache, web=Internet(Egress().naming(at.url)))


def versions(repositories: Repositories, url: str) -> list[str]:
    return [chart.version for chart in repositories.find(url, "web")]


def test_an_index_that_has_not_changed_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    def answer(path: str, headers: Mapping[str, str]) -> Reply:
        unchanged = headers.get("if-none-match") == '"1"'
        return (304, {}, b"") if unchanged else (200, {"ETag": '"1"'}, index("1.0.0"))

    server.answer = answer
    for _ in range(2):
        assert versions(reaching(server, cache=tmp_path), f"{server.url}/charts/") == ["1.0.0"]
    assert server.paths == ["/charts/index.yaml", "/charts/index.yaml"]
    assert "if-none-match" not in server.asked[0][1]


def test_an_index_is_asked_for_once(server: Server) -> None:
    server.answer = lambda path, headers: (200, {}, index("1.0.0"))
    repositories = reaching(server)
    assert versions(repositories, server.url) == versions(repositories, f"{server.url}/") == ["1.0.0"]
    with pytest.raises(ChartNotFound):
        repositories.find(server.url, "absent")
    assert len(server.asked) == 1


def test_a_changed_index_replaces_the_one_that_was_kept(server: Server, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        server.answer = lambda path, headers, version=version: (200, {"ETag": f'"{version}"'}, index(version))
        assert versions(reaching(server, cache=tmp_path), server.url) == [version]


def test_an_index_whose_copy_was_lost_is_asked_for_in_full(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, headers: (200, {"ETag": '"1"'}, index("1.0.0"))
    versions(reaching(server, cache=tmp_path), server.url)
    (kept,) = tmp_path.glob("indexes-*")
    shutil.rmtree(kept)
    assert versions(reaching(server, cache=tmp_path), server.url) == ["1.0.0"]
    assert "if-none-match" not in server.asked[1][1]


def test_an_index_may_be_at_any_url_and_gzipped(server: Server) -> None:
    server.answer = lambda path, headers: (200, {}, gzip.compress(index("1.0.0")))
    repositories = Repositories({"https://charts.example.com": f"{server.url}/some/charts.json.gz"})
    assert versions(repositories, "https://charts.example.com") == ["1.0.0"]
    assert server.paths == ["/some/charts.json.gz"]


def test_a_failure_is_remembered(server: Server) -> None:
    server.answer = lambda path, headers: (404, {}, b"")
    repositories = reaching(server)
    for _ in range(3):
        with pytest.raises(RepositoryUnreachable, match="404"):
            repositories.find(server.url, "web")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        (404, {}, b""),
        (200, {}, b"<html>a login page</html>"),
        (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        (302, {"Location": "file:///etc/passwd"}, b""),
        (302, {"Location": "/index.yaml"}, b""),
        (200, {"Content-Type": "text/yaml"}, b""),
    ],
)
def test_what_is_no_index_is_an_error_of_that_repository(server: Server, reply: Reply) -> None:
    server.answer = lambda path, headers: reply
    with pytest.raises((RepositoryUnreachable, IndexInvalid)) as error:
        reaching(server).find(server.url, "web")
    assert error.value.url == server.url


def test_no_server_is_unreachable() -> None:
    with pytest.raises(RepositoryUnreachable):
        Repositories({"http://127.0.0.1:9": "http://127.0.0.1:9/index.yaml"}).find(
            "http://127.0.0.1:9", "web"
        )


def test_offline_only_copies_can_be_read(server: Server, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(index("1.0.0"))
    repositories = Repositories({"https://charts.example.com": str(tmp_path / "index.json")}, web=Offline())
    assert versions(repositories, "https://charts.example.com") == ["1.0.0"]
    with pytest.raises(RepositoryUnreachable, match="--repository"):
        repositories.find(server.url, "web")
    assert not server.asked


def test_a_package_is_downloaded_once_and_kept(
    server: Server, tmp_path: Path, make_package: MakePackage
) -> None:
    package = make_package({"name": "web"})
    digest = hashlib.sha256(package).hexdigest()
    server.answer = lambda path, headers: (
        (200, {}, index("1.0.0", digest=digest)) if "index" in path else (200, {}, package)
    )
    for _ in range(2):
        repositories = reaching(server, cache=tmp_path)
        (chart,) = repositories.find(server.url, "web")
        assert str(repositories.chart(chart)) == "web@1.0.0"
    assert server.paths.count("/web-1.0.0.tgz") == 1


def test_a_package_with_another_digest_is_refused(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, headers: (200, {}, index("1.0.0", digest="0" * 64))
    repositories = reaching(server, cache=tmp_path)
    (chart,) = repositories.find(server.url, "web")
    with pytest.raises(DigestMismatch):
        repositories.package(chart)
    assert not (tmp_path / "packages").exists()


def test_the_next_url_of_a_package_is_tried(server: Server, make_package: MakePackage) -> None:
    package = make_package({"name": "web"})
    server.answer = lambda path, headers: {
        "/index.yaml": (200, {}, index("1.0.0", urls=["gone.tgz", "/there.tgz"])),
        "/there.tgz": (200, {}, package),
    }.get(path, (404, {}, b""))
    repositories = reaching(server)
    (chart,) = repositories.find(server.url, "web")
    assert repositories.package(chart) == package


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "../../../../etc/passwd", "/etc/passwd", "ftp://example.com/a"]
)
def test_an_index_on_disk_gives_no_file_outside_its_folder(tmp_path: Path, url: str) -> None:
    (tmp_path / "index.json").write_bytes(index("1.0.0", urls=[url]))
    repositories = Repositories({"https://charts.example.com": str(tmp_path / "index.json")})
    (chart,) = repositories.find("https://charts.example.com", "web")
    with pytest.raises(RepositoryError, match="outside"):
        repositories.package(chart)


def test_an_index_on_a_server_gives_no_file_of_this_machine(server: Server) -> None:
    server.answer = lambda path, headers: (200, {}, index("1.0.0", urls=["file:///etc/passwd"]))
    repositories = reaching(server)
    (chart,) = repositories.find(server.url, "web")
    with pytest.raises(RepositoryError, match="outside"):
        repositories.package(chart)


@pytest.mark.parametrize("url", ["/etc", "./charts", "@stable", "ftp://example.com", "", "charts"])
def test_only_what_is_mirrored_is_read_from_disk(url: str) -> None:
    with pytest.raises(RepositoryError):
        Repositories().find(url, "web")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Registry:
    """A registry in the way of the distribution API, for charts below `charts/`."""

    server: Server
    login: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    page: int = 1000

    @property
    def url(self) -> str:
        return f"oci://127.0.0.1:{self.server.port}/charts"

    def push(
        self, package: bytes, metadata: dict[str, object], created: str = "2024-01-01T00:00:00Z"
    ) -> None:
        config = json.dumps(metadata).encode()
        kinds = ("config.v1+json", "chart.content.v1.tar+gzip")
        described = [
            {"mediaType": f"application/vnd.cncf.helm.{kind}", "digest": digest_of(data), "size": len(data)}
            for kind, data in zip(kinds, (config, package), strict=True)
        ]
        self.blobs |= {digest_of(data): data for data in (config, package)}
        manifest = {
            "schemaVersion": 2,
            "config": described[0],
            "layers": described[1:],
            "annotations": {"org.opencontainers.image.created": created},
        }
        tag = str(metadata["version"]).replace("+", "_")
        self.manifests[str(metadata["name"]), tag] = json.dumps(manifest).encode()

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        url = urlsplit(path)
        if url.path == "/token":
            return self._token(headers)
        if self.login and headers.get("authorization") != "Bearer good":
            challenge = (
                f'Bearer realm="{self.server.url}/token",service="here",scope="repository:charts:pull"'
            )
            return 401, {"WWW-Authenticate": challenge}, b"{}"
        *_, name, kind, last = (
            url.path.split("/") if "tags/list" not in path else (*url.path.split("/")[:-1], "list")
        )
        if path.startswith("/v2/charts/") and "/tags/list" in path:
            return self._tags(url.path.split("/")[3], parse_qs(url.query))
        if kind == "manifests" and (name, last) in self.manifests:
            return 200, {}, self.manifests[name, last]
        if kind == "blobs" and last in self.blobs:
            return 200, {}, self.blobs[last]
        return 404, {}, b"{}"

    def _token(self, headers: Mapping[str, str]) -> Reply:
        given = headers.get("authorization", "").removeprefix("Basic ")
        right = base64.b64decode(given).decode() == self.login
        return (200, {}, b'{"token": "good"}') if right else (401, {}, b"{}")

    def _tags(self, name: str, query: Mapping[str, list[str]]) -> Reply:
        tags = [tag for chart, tag in self.manifests if chart == name]
        if not tags:
            return 404, {}, b"{}"
        start = int(query.get("last", ["0"])[0])
        end = start + self.page
        more = {"Link": f'</v2/charts/{name}/tags/list?last={end}>; rel="next"'} if end < len(tags) else {}
        return 200, more, json.dumps({"name": name, "tags": tags[start:end]}).encode()


@pytest.fixture
def registry(server: Server, make_package: MakePackage) -> Registry:
    made = Registry(server)
    server.answer = made.answer
    need = {"name": "common", "version": "1.x.x", "repository": made.url}
    charts: list[dict[str, object]] = [
        {"name": "web", "version": "1.2.0", "dependencies": [need]},
        {"name": "web", "version": "1.10.0+build.1", "dependencies": [need], "appVersion": "7"},
        {"name": "common", "version": "1.0.0", "type": "library"},
    ]
    for metadata in charts:
        made.push(make_package(metadata), metadata)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "HELM_REGISTRY_CONFIG",
        "HELM_REPOSITORY_CONFIG",
        "HELM_CONFIG_HOME",
        "XDG_CONFIG_HOME",
        "DOCKER_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_logins(file: Path, **config: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config))


def auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(user.encode()).decode()}


def test_tags_of_a_registry_are_versions(registry: Registry, home: Path) -> None:
    registry.manifests["web", "latest"] = b""
    assert versions(reaching(registry), registry.url) == ["1.10.0+build.1", "1.2.0"]


def test_a_list_of_tags_is_read_to_its_end(registry: Registry, home: Path) -> None:
    registry.page = 1
    assert len(versions(reaching(registry), registry.url)) == 2
    assert sum("tags/list" in path for path in registry.server.paths) == 2


def test_a_chart_in_a_registry_is_described_when_asked(registry: Registry, home: Path) -> None:
    repositories = reaching(registry)
    newest = repositories.find(registry.url, "web")[0]
    assert newest.dependencies_json is None
    described = repositories.described(newest)
    assert [dependency.name for dependency in described.dependencies] == ["common"]
    assert (described.app_version, str(described.created)) == ("7", "2024-01-01 00:00:00+00:00")


def test_a_chart_in_a_registry_is_resolved(registry: Registry, home: Path) -> None:
    repositories = reaching(registry)
    closure = resolve(locate(f"{registry.url}/web", repositories), repositories)
    assert [(str(node), node.repository) for node in closure.graph] == [
        ("web@1.10.0+build.1", registry.url),
        ("common@1.0.0", registry.url),
    ]


def test_a_version_of_a_chart_in_a_registry_can_be_named(registry: Registry, home: Path) -> None:
    assert str(locate(f"{registry.url}/web@1.2.0", reaching(registry))) == "web@1.2.0"
    assert str(locate(f"{registry.url}/web:1.2.0", reaching(registry))) == "web@1.2.0"


def test_a_package_comes_from_a_registry(registry: Registry, home: Path) -> None:
    repositories = reaching(registry, cache=home / "cache")
    (common,) = repositories.find(registry.url, "common")
    assert str(repositories.chart(common)) == "common@1.0.0"
    before = len(registry.server.asked)
    assert repositories.package(repositories.described(common))
    assert not [path for path in registry.server.paths[before:] if "/blobs/" in path]


def test_bytes_that_are_not_their_digest_are_refused(registry: Registry, home: Path) -> None:
    repositories = reaching(registry)
    (common,) = repositories.find(registry.url, "common")
    registry.blobs = {digest: data + b" " for digest, data in registry.blobs.items()}
    with pytest.raises(DigestMismatch):
        repositories.described(common)


def test_a_chart_that_is_not_in_a_registry_is_not_found(registry: Registry, home: Path) -> None:
    with pytest.raises(ChartNotFound):
        reaching(registry).find(registry.url, "absent")


@pytest.mark.parametrize(
    "file", [".config/helm/registry/config.json", ".docker/config.json"], ids=["helm", "docker"]
)
def test_the_users_own_login_is_used(registry: Registry, home: Path, file: str) -> None:
    registry.login = "me:secret"
    write_logins(home / file, auths={f"127.0.0.1:{registry.server.port}": auth("me:secret")})
    assert len(versions(reaching(registry), registry.url)) == 2


def test_without_a_login_the_fix_is_told(registry: Registry, home: Path) -> None:
    registry.login = "me:secret"
    with pytest.raises(RepositoryUnreachable):
        reaching(registry).find(registry.url, "web")


def test_a_wrong_login_never_shows_its_secret(registry: Registry, home: Path) -> None:
    registry.login = "me:secret"
    write_logins(
        home / ".docker/config.json", auths={f"127.0.0.1:{registry.server.port}": auth("me:hunter2")}
    )
    with pytest.raises(RepositoryUnreachable) as error:
        reaching(registry).find(registry.url, "web")
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in repr(Login("me", "hunter2"))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda registry: registry.manifests.update({("web", "1.2.0"): b"[]"}),
        lambda registry: registry.manifests.update({("web", "1.2.0"): b'{"config": 1}'}),
        lambda registry: registry.manifests.update(
            {
                ("web", "1.2.0"): json.dumps(
                    {"config": {"mediaType": "x", "digest": "../../token", "size": 1}, "layers": []}
                ).encode()
            }
        ),
        lambda registry: registry.manifests.update(
            {("web", "1.2.0"): registry.manifests["web", "1.2.0"].replace(b"sha256:", b"../")}
        ),
    ],
)
def test_a_broken_manifest_is_an_error_of_that_chart(
    registry: Registry, home: Path, break_it: Callable[[Registry], None]
) -> None:
    repositories = reaching(registry)
    old = PublishedChart(registry.url, "web", "1.2.0", dependencies_json=None)
    break_it(registry)
    with pytest.raises(RepositoryError):
        repositories.described(old)


def test_a_list_of_tags_does_not_lead_elsewhere(server: Server, home: Path) -> None:
    server.answer = lambda path, headers: (
        200,
        {"Link": '<https://elsewhere.example.com/v2/x>; rel="next"'},
        b'{"tags": ["1.0.0"]}',
    )
    with pytest.raises(RepositoryError, match="another server"):
        reaching(server).find(f"oci://127.0.0.1:{server.port}/charts", "web")


def test_helms_login_goes_before_dockers(home: Path) -> None:
    write_logins(home / ".config/helm/registry/config.json", auths={"example.com": auth("helm:1")})
    write_logins(
        home / ".docker/config.json",
        auths={"example.com": auth("docker:2"), "https://other.com/v1/": auth("o:3")},
    )
    found, other = login("example.com"), login("other.com")
    assert found is not None
    assert (found.user, found.secret) == ("helm", "1")
    assert other is not None
    assert other.user == "o"
    assert login("third.com") is None


def test_the_login_to_docker_hub_has_many_names(home: Path) -> None:
    write_logins(home / ".docker/config.json", auths={"https://index.docker.io/v1/": auth("me:1")})
    found = login("registry-1.docker.io")
    assert found is not None
    assert found.user == "me"


def test_an_identity_token_is_a_token(home: Path) -> None:
    entry = {**auth("00000000:"), "identitytoken": "long"}
    write_logins(home / ".docker/config.json", auths={"example.com": entry})
    assert login("example.com") == Login("00000000", "long", is_token=True)


def test_a_credential_helper_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = home / "bin" / "docker-credential-mine"
    helper.parent.mkdir()
    helper.write_text('#!/bin/sh\nread host\nprintf \'{"Username": "for %s", "Secret": "s"}\' "$host"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(helper.parent), prepend=":")
    write_logins(home / ".docker/config.json", credHelpers={"example.com": "mine"})
    assert login("example.com") == Login("for example.com", "s")
    write_logins(home / ".docker/config.json", credsStore="mine")
    assert login("any.com") == Login("for any.com", "s")
    write_logins(home / ".docker/config.json", credsStore="not-installed")
    assert login("any.com") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"auths": [1]}',
        '{"auths": {"example.com": {"auth": "!!"}}}',
        '{"credsStore": "../x"}',
        "\xff",
    ],
)
def test_a_broken_file_of_logins_is_told_without_what_is_in_it(home: Path, text: str) -> None:
    file = home / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="not a file of registry logins") as error:
        login("example.com")
    assert str(file) in str(error.value)


def helm_knows(home: Path, **repository: str) -> None:
    file = home / ".config/helm/repositories.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"apiVersion": "", "repositories": [{"name": "private", **repository}]}))


def guarded(path: str, headers: Mapping[str, str]) -> Reply:
    wanted = "Basic " + base64.b64encode(b"me:hunter2").decode()
    if headers.get("authorization") != wanted:
        return 401, {}, b""
    return (200, {}, b"package") if path.endswith(".tgz") else (200, {}, index("1.0.0"))


def test_helms_login_opens_an_index_and_its_packages(server: Server, home: Path) -> None:
    server.answer = guarded
    helm_knows(home, url=f"{server.url}/charts/", username="me", password="hunter2")
    repositories = reaching(server)
    (web,) = repositories.find(f"{server.url}/charts", "web")
    assert repositories.package(web) == b"package"


def test_without_a_login_an_index_tells_how_to_get_one(server: Server, home: Path) -> None:
    server.answer = guarded
    helm_knows(home, url=f"{server.url}/other", username="me", password="hunter2")
    with pytest.raises(RepositoryUnreachable, match="401") as caught:
        versions(reaching(server), server.url)
    assert "helm repo add" in str(caught.value.fix)


@pytest.mark.parametrize("way", ["redirect", "package"])
def test_helms_login_goes_to_the_repositorys_own_server_only(server: Server, home: Path, way: str) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")

    def answer(path: str, headers: Mapping[str, str]) -> Reply:
        if path == "/index.yaml" and way == "redirect":
            return 302, {"Location": f"{elsewhere}/moved.yaml"}, b""
        return 200, {}, index("1.0.0", urls=[f"{elsewhere}/web.tgz"])

    server.answer = answer
    helm_knows(home, url=server.url, username="me", password="hunter2")
    repositories = Repositories(web=Internet(Egress().naming(server.url, elsewhere)))
    (web,) = repositories.find(server.url, "web")
    repositories.package(web)
    carried = {path: "authorization" in headers for path, headers in server.asked}
    assert carried.pop("/index.yaml")
    assert len(carried) >= 1
    assert not any(carried.values())


@pytest.mark.parametrize("text", ["{repositories: hunter2}", "{", "repositories: [{url: {hunter2: 1}}]"])
def test_a_broken_file_of_repositories_is_named_and_never_quoted(
    server: Server, home: Path, text: str
) -> None:
    file = home / ".config/helm/repositories.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(LoginsUnreadable, match="not Helm's file of repositories") as caught:
        versions(reaching(server), server.url)
    assert "hunter2" not in str(caught.value)


def test_helms_certificates_are_used_and_a_missing_one_is_an_error(server: Server, home: Path) -> None:
    helm_knows(home, url=server.url, caFile=str(home / "gone.pem"))
    with pytest.raises(RepositoryUnreachable, match="No such file"):
        versions(reaching(server), server.url)

"""What breaks in the middle of a release: nothing is lost, and nothing is released twice."""

import http.client
import http.server
import itertools
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from installation import ARGO, Installation, installed
from kubernetes.client import ApiException, CoreV1Api, CustomObjectsApi
from kubernetes.watch import Watch
from objects import config_map, deployment, hook
from rig import ControlPlane, Gitea

from deploy_orchestrator.delivery import ArgoCD, Status, SyncTimedOut, follow
from deploy_orchestrator.releases import Release
from tests.delivery.publishing import delivered

TENANTS = [f"fault-{number:02}" for number in range(23)]
LATER = timedelta(minutes=10)
LESS_THAN_A_POLL = timedelta(minutes=2)
REFRESH = "argocd.argoproj.io/application-set-refresh"


FOLLOW = """
import sys
from datetime import timedelta
from pathlib import Path
from deploy_orchestrator.delivery import ArgoCD, follow
from deploy_orchestrator.fleet import ArgoCDInstance
from deploy_orchestrator.git import Repository
from deploy_orchestrator.releases import Release

LATER = timedelta(minutes=10)
url, clone, kubeconfig = sys.argv[1:]
instance = ArgoCDInstance(name="argocd")
engine = ArgoCD.connect(instance, Repository.clone(url, Path(clone)), Path(kubeconfig))
list(follow(engine, [Release.model_validate_json(line) for line in sys.stdin], LATER, LATER))
"""

MOMENTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "targeted": lambda application: True,
    "asked for": lambda application: "operation" in application or "operationState" in _status(application),
    "synced": lambda application: bool(_status(application).get("history")),
}


@pytest.fixture(scope="module")
def installation(
    control_plane: ControlPlane, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(control_plane, forge, tmp_path_factory.mktemp("faults"), TENANTS) as made:
        yield made


@pytest.fixture(scope="module")
def unused() -> Iterator[str]:
    return iter(TENANTS)


@pytest.fixture
def tenant(unused: Iterator[str]) -> str:
    return next(unused)


@pytest.fixture
def other(unused: Iterator[str]) -> str:
    return next(unused)


@pytest.mark.parametrize(
    "process",
    [
        "kube-apiserver",
        "etcd",
        "argocd-application-controller",
        "argocd-repo-server",
        "argocd-applicationset-controller",
        "argocd-redis",
    ],
)
def test_a_release_goes_live_once_when_a_process_dies_in_mid_release(
    installation: Installation, control_plane: ControlPlane, tenant: str, process: str
) -> None:
    release = installation.release("production", tenant, config_map(), deployment(), hook("pre-install"))
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(delivered, installation.engine, release, LATER)
        _until(installation, tenant, MOMENTS["asked for"])
        control_plane.processes[process].restart()
        assert following.result().done(release)
    assert _syncs(installation, tenant) == [release.revision]


@pytest.mark.parametrize("process", ["argocd-application-controller", "argocd-applicationset-controller"])
def test_a_release_waits_for_a_controller_that_is_down(
    installation: Installation, control_plane: ControlPlane, tenant: str, process: str
) -> None:
    control_plane.processes[process].kill()
    try:
        release = installation.release("production", tenant, config_map())
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(delivered, installation.engine, release, LATER)
            time.sleep(3)
            assert not following.done()
            control_plane.processes[process].start()
            assert following.result().done(release)
    finally:
        if not control_plane.processes[process].running:
            control_plane.processes[process].start()
    assert _syncs(installation, tenant) == [release.revision]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_release_goes_live_once_in_a_storm_of_refusals(
    installation: Installation, control_plane: ControlPlane, tenant: str, tmp_path: Path, status: int
) -> None:
    release = installation.release("production", tenant, config_map())
    kubeconfig = control_plane.account("argocd", "deploy-orchestrator", tmp_path)
    with _stormy(kubeconfig, status) as through:
        engine = ArgoCD.connect(installation.fleet.argocd[0], installation.deployments, through)
        assert delivered(engine, release, LATER).done(release)
    assert _syncs(installation, tenant) == [release.revision]


def test_two_orchestrators_that_follow_one_release_sync_it_once(
    installation: Installation, tenant: str, tmp_path: Path
) -> None:
    release = installation.release("production", tenant, config_map(), hook("pre-install"))
    engines = [installation.another(tmp_path / str(number)) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda engine: delivered(engine, release, LATER), engines))
    assert all(state.done(release) for state in states)
    assert _syncs(installation, tenant) == [release.revision]


def test_writes_of_others_in_between_lose_no_sync(installation: Installation, tenant: str) -> None:
    release = installation.release("production", tenant, config_map())
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_keep_writing, installation, f"production.{tenant}", stop)
        try:
            assert delivered(installation.engine, release, LATER).done(release)
        finally:
            stop.set()
        assert writing.result() > 0
    assert _syncs(installation, tenant) == [release.revision]


@pytest.mark.parametrize("moment", ["targeted", "asked for", "synced"])
def test_an_orchestrator_that_was_killed_is_taken_over_by_the_next(
    installation: Installation, tenant: str, tmp_path: Path, moment: str
) -> None:
    release = installation.release("production", tenant, config_map(), hook("pre-install"))
    with _orchestrator(installation, [release], tmp_path) as orchestrator:
        _until(installation, tenant, MOMENTS[moment])
        orchestrator.kill()
    assert delivered(installation.engine, release, LATER).done(release)
    assert _syncs(installation, tenant) == [release.revision]


def test_an_orchestrator_that_was_killed_in_the_middle_of_many_is_taken_over_by_the_next(
    installation: Installation, unused: Iterator[str], tmp_path: Path
) -> None:
    releases = [
        installation.release("production", next(unused), config_map(), hook("pre-install")) for _ in range(4)
    ]
    with _orchestrator(installation, releases, tmp_path) as orchestrator:
        _until(installation, releases[2].tenant, MOMENTS["asked for"])
        orchestrator.kill()
    outcomes = follow(installation.engine, releases, LATER, LATER)
    assert all(isinstance(status, Status) and status.done(release) for release, status in outcomes)
    assert [_syncs(installation, each.tenant) for each in releases] == [[each.revision] for each in releases]


def test_a_release_whose_announcement_was_lost_does_not_wait_for_the_next_poll(
    installation: Installation, control_plane: ControlPlane, tenant: str, other: str
) -> None:
    """Argo CD takes away a request to read the releases that comes while it is at work on them."""
    delivered(installation.engine, installation.release("production", other, config_map()))
    controller = control_plane.processes["argocd-applicationset-controller"]
    controller.kill()
    release = installation.release("production", tenant, config_map())
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(delivered, installation.engine, release, LESS_THAN_A_POLL)
        _lose_announcement(installation)
        controller.start()
        assert following.result().done(release)


def test_a_release_is_not_synced_again_while_the_cluster_deletes_what_it_removed(
    installation: Installation, tenant: str
) -> None:
    held = config_map("held")
    held["metadata"]["finalizers"] = ["e2e.deploy-orchestrator.io/hold"]
    first = installation.release("production", tenant, config_map(), held)
    delivered(installation.engine, first)
    second = installation.release("production", tenant, config_map(), hook("pre-install,pre-upgrade"))
    with pytest.raises(SyncTimedOut, match="Pending deletion"):
        delivered(installation.engine, second, timedelta(seconds=10))
    with installation.k8s.client() as client:
        released = {"metadata": {"finalizers": None}}
        CoreV1Api(client).patch_namespaced_config_map("held", f"{tenant}-production", released)
    assert delivered(installation.engine, second, LATER).done(second)
    assert _syncs(installation, tenant) == [first.revision, second.revision]


@contextmanager
def _orchestrator(
    installation: Installation, releases: list[Release], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that follows `releases`."""
    kubeconfig = installation.k8s.account("argocd", "deploy-orchestrator", folder)
    arguments = (installation.deployments.url, str(folder / "clone"), str(kubeconfig))
    command = [sys.executable, "-c", FOLLOW, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write("\n".join(each.model_dump_json() for each in releases).encode())
        process.stdin.close()
        yield process


def _lose_announcement(installation: Installation) -> None:
    with installation.k8s.client() as client:
        sets = CustomObjectsApi(client)
        found = {**ARGO, "plural": "applicationsets"}
        events = Watch().stream(sets.list_namespaced_custom_object, **found, timeout_seconds=60)
        announced = next(each["object"] for each in events if REFRESH in _annotations(each["object"]))
        name = announced["metadata"]["name"]
        sets.patch_namespaced_custom_object(
            **found, name=name, body={"metadata": {"annotations": {REFRESH: None}}}
        )


def _annotations(body: dict[str, Any]) -> dict[str, str]:
    return body["metadata"].get("annotations", {})


def _until(installation: Installation, tenant: str, reached: Callable[[dict[str, Any]], bool]) -> None:
    with installation.k8s.client() as client:
        events = Watch().stream(
            CustomObjectsApi(client).list_namespaced_custom_object,
            **ARGO,
            plural="applications",
            field_selector=f"metadata.name=production.{tenant}",
            timeout_seconds=300,
        )
        assert any(reached(event["object"]) for event in events)


def _syncs(installation: Installation, tenant: str) -> list[str]:
    """The commits that were synced, oldest first."""
    with installation.k8s.client() as client:
        application = CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=f"production.{tenant}"
        )
    return [each["revision"] for each in application["status"]["history"]]


def _keep_writing(installation: Installation, name: str, stop: threading.Event) -> int:
    """Change the Application's annotations all the time, so that writes of its older versions conflict."""
    written = 0
    with installation.k8s.client() as client:
        while not stop.wait(0.01):
            body = {"metadata": {"annotations": {"e2e/written": str(written)}}}
            try:
                CustomObjectsApi(client).patch_namespaced_custom_object(
                    **ARGO, plural="applications", name=name, body=body
                )
                written += 1
            except ApiException as error:
                if error.status != 404:
                    raise
    return written


@contextmanager
def _stormy(kubeconfig: Path, status: int) -> Iterator[Path]:
    """A kubeconfig by way of a proxy that refuses two requests of three."""
    content = yaml.safe_load(kubeconfig.read_text())
    cluster = content["clusters"][0]["cluster"]
    upstream = urlsplit(cluster["server"]).netloc
    trusted = ssl.create_default_context(cafile=cluster["certificate-authority"])
    requests = itertools.count()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if next(requests) % 3:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            with closing(http.client.HTTPSConnection(upstream, context=trusted)) as connection:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(ConnectionError):
                    while part := answer.read1():
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")

        do_GET = do_PATCH = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        content["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_port}"}
        stormy = kubeconfig.with_name("stormy.kubeconfig")
        stormy.write_text(yaml.safe_dump(content))
        yield stormy
        server.shutdown()
    assert next(requests) > 3


def _status(application: dict[str, Any]) -> dict[str, Any]:
    return application.get("status", {})

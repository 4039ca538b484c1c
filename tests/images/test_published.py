"""What is read of an image, and what is refused."""

import gzip
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.images import ImageInvalid, ImageMissing, Published, RemoteImages
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.registries import Egress, EgressRefused, Internet, RepositoryUnreachable
from tests.images.conftest import CONFIG, MANIFEST, Hub
from tests.registries.conftest import Server
from tests.registry import INDEX, digest_of

Make = Callable[[], RemoteImages]
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def published(hub: Hub, remote: Make, name: str = "acme/web:1") -> Published:
    return remote().published(hub.name(name))


def log_in(home: Path, hub: Hub) -> None:
    (home / ".docker").mkdir()
    login = {"username": "ann", "password": "secret"}
    (home / ".docker/config.json").write_text(json.dumps({"auths": {hub.registry.host: login}}))


def test_an_image_is_told_as_its_registry_has_it(hub: Hub, remote: Make) -> None:
    told = hub.variant(
        "acme/web",
        "1",
        layers=[b"base" * 100, b"app"],
        created="2026-02-03T04:05:06.123456789+01:00",
        User="1001:1001",
        Entrypoint=["/app"],
        Cmd=["serve"],
        ExposedPorts={"8080/tcp": {}, "53/udp": {}},
    )
    found = published(hub, remote)
    (variant,) = found.variants
    assert found.digest == variant.digest == told["digest"]
    assert (str(variant.platform), variant.user, variant.is_root) == ("linux/amd64", "1001:1001", False)
    assert (variant.entrypoint, variant.command) == (("/app",), ("serve",))
    assert variant.ports == ("53/udp", "8080/tcp")
    assert variant.created == datetime(2026, 2, 3, 3, 5, 6, 123456, tzinfo=UTC)


def test_a_download_is_the_manifest_the_configuration_and_the_layers(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    (variant,) = published(hub, remote).variants
    blobs = sum(map(len, hub.registry.blobs.values()))
    assert variant.download == blobs + len(hub.registry.manifests["acme/web", "1"])


def test_a_layer_is_told_with_the_step_that_made_it_unless_the_history_is_of_others(
    hub: Hub, remote: Make
) -> None:
    history: list[dict[str, Any]] = [
        {"created_by": "debootstrap"},
        {"created_by": "/bin/sh -c #(nop) LABEL a=b", "empty_layer": True},
        {"created_by": "/bin/sh -c #(nop) COPY dir:1 in /libraries"},
    ]
    hub.variant("acme/web", "1", history=history)
    hub.variant("acme/web", "2", history=history[:2])
    steps = [
        [each.made_by for each in remote().published(hub.name(f"acme/web:{tag}")).variants[0].layers]
        for tag in ("1", "2")
    ]
    assert steps == [["debootstrap", "COPY dir:1 in /libraries"], ["", ""]]


def test_a_step_is_told_in_letters_that_do_nothing(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1", history=[{"created_by": "COPY `a`\x1b[31m\nb"}, {"created_by": None}])
    layers = published(hub, remote).variants[0].layers
    assert [each.made_by for each in layers] == ["COPY 'a'[31mb", ""]


def test_the_size_on_disk_of_a_gzip_is_the_least_that_its_end_tells_and_nothing_of_it_is_pulled(
    hub: Hub, remote: Make
) -> None:
    hub.variant("acme/web", "1", layers=[bytes(100_000), bytes(2_048)])
    (variant,) = published(hub, remote).variants
    assert (variant.disk, variant.is_disk_exact) == (102_048, False)


def test_the_size_on_disk_of_layers_that_are_not_compressed_is_exact(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1", layers=[b"four"], layer_type="application/vnd.oci.image.layer.v1.tar")
    (variant,) = published(hub, remote).variants
    assert (variant.disk, variant.is_disk_exact) == (4, True)


@pytest.mark.parametrize("why", ["zstd", "no ranges", "several members"])
def test_a_size_on_disk_that_cannot_be_known_is_none(hub: Hub, remote: Make, why: str) -> None:
    if why == "zstd":
        hub.variant("acme/web", "1", layer_type="application/vnd.oci.image.layer.v1.tar+zstd")
    elif why == "no ranges":
        hub.registry.gives_ranges = False
        hub.variant("acme/web", "1")
    else:
        several = gzip.compress(bytes(range(256)) * 4) + gzip.compress(b"")
        hub.variant("acme/web", "1", layers=[])
        manifest = json.loads(hub.registry.manifests["acme/web", "1"])
        layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
        manifest["layers"] = [{**layer, **hub.blob("acme/web", several)}]
        hub.put("acme/web", manifest, "1")
    (variant,) = published(hub, remote).variants
    assert variant.disk is None


def test_an_index_is_told_by_platform(hub: Hub, remote: Make) -> None:
    members = [
        hub.variant("acme/web", platform=each, layers=[each.encode()])
        for each in ("linux/amd64", "linux/arm64/v8")
    ]
    digest = hub.index("acme/web", "1", *members)
    found = published(hub, remote)
    assert found.digest == digest
    assert [str(each.platform) for each in found.variants] == ["linux/amd64", "linux/arm64/v8"]
    (arm,) = found.variants_for("linux/arm64")
    assert arm
    assert arm.digest == members[1]["digest"]
    assert found.variants_for("linux/arm64/v7") == found.variants_for("windows/amd64") == ()


def test_what_an_index_says_of_a_platform_stands_beside_what_the_image_says_itself(
    hub: Hub, remote: Make
) -> None:
    member = hub.variant("acme/web", platform="linux/amd64")
    hub.index("acme/web", "1", {**member, "platform": {"os": "linux", "architecture": "arm64"}})
    (variant,) = published(hub, remote).variants
    assert (str(variant.platform), str(variant.built_for)) == ("linux/arm64", "linux/amd64")


@pytest.mark.parametrize("created", [None, "", "never", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_build_without_a_time_has_none(hub: Hub, remote: Make, created: str | None) -> None:
    hub.variant("acme/web", "1", created=created)
    (variant,) = published(hub, remote).variants
    assert variant.created is None


def test_sboms_and_signatures_are_told_by_what_refers_to_the_image(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    hub.refer("acme/web", digest, BUNDLE)
    hub.refer("acme/web", digest, "application/spdx+json")
    slsa = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
    hub.refer("acme/web", digest, BUNDLE, annotations=slsa)
    hub.refer("acme/web", digest, "application/vnd.example.notes")
    attached = published(hub, remote).attached
    assert attached.signatures == (BUNDLE,)
    assert attached.sboms == ("application/spdx+json",)
    assert attached.provenance == ("https://slsa.dev/provenance/v1",)


def test_what_cosign_keeps_under_tags_is_found_where_a_registry_lists_no_referrers(
    hub: Hub, remote: Make
) -> None:
    hub.registry.lists_referrers = False
    digest = hub.variant("acme/web", "1")["digest"]
    assert published(hub, remote).attached.signatures == ()
    for suffix in ("sig", "sbom"):
        hub.variant("acme/api", "1", digest.replace(":", "-") + f".{suffix}")
    hub.variant("acme/api", "1")
    attached = published(hub, remote, "acme/api:1").attached
    assert (attached.signatures, attached.sboms) == (("cosign tag",), ("cosign tag",))


def test_referrers_are_found_in_the_index_that_stands_in_for_their_list(hub: Hub, remote: Make) -> None:
    hub.registry.lists_referrers = False
    digest = hub.variant("acme/web", "1")["digest"]
    referrer = {"mediaType": MANIFEST, "artifactType": BUNDLE, "digest": digest, "size": 1}
    hub.index("acme/web", digest.replace(":", "-"), referrer)
    assert published(hub, remote).attached.signatures == (BUNDLE,)


def test_every_page_of_referrers_is_read(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    path = f"/v2/acme/web/referrers/{digest}"

    def page(kind: str) -> bytes:
        listed = {"mediaType": MANIFEST, "artifactType": kind, "digest": digest, "size": 1}
        return json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode()

    more = f"{path}x"
    hub.registry.replies[f"GET {path}"] = (200, {"Link": f'<{more}?n=1>; rel="next"'}, page(BUNDLE))
    hub.registry.replies[f"GET {more}"] = (200, {}, page("application/spdx+json"))
    attached = published(hub, remote).attached
    assert (attached.signatures, attached.sboms) == ((BUNDLE,), ("application/spdx+json",))


def test_what_buildkit_keeps_in_the_index_is_no_platform_but_an_sbom(hub: Hub, remote: Make) -> None:
    image = hub.variant("acme/web")
    spdx = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
    config = {"mediaType": CONFIG, **hub.blob("acme/web", b'{"os": "unknown", "architecture": "unknown"}')}
    layer = {
        "mediaType": "application/vnd.in-toto+json",
        **hub.blob("acme/web", b"spdx"),
        "annotations": spdx,
    }
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    attestation = {
        **hub.put("acme/web", manifest),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    hub.index("acme/web", "1", image, attestation)
    found = published(hub, remote)
    assert [str(each.platform) for each in found.variants] == ["linux/amd64"]
    assert found.attached.sboms == ("https://spdx.dev/Document",)


@pytest.mark.parametrize("platform", [{"os": "linux", "architecture": "amd64"}, None])
def test_what_a_node_could_run_is_no_attestation_whatever_its_index_calls_it(
    hub: Hub, remote: Make, platform: dict[str, str] | None
) -> None:
    """A node takes the first that fits, and reads no annotations."""
    evil = hub.variant("acme/web", layers=[b"evil"], User="0")
    told = {
        **evil,
        "platform": platform,
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    hub.index("acme/web", "1", told, hub.variant("acme/web", User="1000"))
    assert [each.user for each in published(hub, remote).variants] == ["0", "1000"]


@pytest.mark.parametrize("kind", ["tar", "tar+gzip", "tar+zstd"])
def test_a_layer_that_is_said_to_unpack_to_next_to_nothing_is_not_believed(
    hub: Hub, remote: Make, kind: str
) -> None:
    hub.variant("acme/web", "1", layers=[])
    manifest = json.loads(hub.registry.manifests["acme/web", "1"])
    body = gzip.compress(bytes(range(256)) * 40, mtime=0)
    layer = {"mediaType": f"application/vnd.oci.image.layer.v1.{kind}", **hub.blob("acme/web", body)}
    manifest["layers"] = [{**layer, "annotations": {"io.containers.estargz.uncompressed-size": "1"}}]
    hub.put("acme/web", manifest, "1")
    (variant,) = published(hub, remote).variants
    assert variant.disk == {"tar": len(body), "tar+gzip": 256 * 40, "tar+zstd": None}[kind]


def test_what_a_digest_fixes_is_read_once_and_the_name_is_asked_each_time(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    first = published(hub, remote)
    hub.registry.asked.clear()
    assert published(hub, remote) == first
    assert hub.registry.asked == ["HEAD /v2/acme/web/manifests/1"]


def test_a_tag_that_moved_leads_to_what_it_names_now(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    first = published(hub, remote)
    moved = hub.variant("acme/web", "1", layers=[b"other"])
    assert published(hub, remote).digest == moved["digest"] != first.digest


def test_an_image_that_was_read_and_is_gone_is_missing(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    published(hub, remote)
    hub.registry.manifests.clear()
    with pytest.raises(ImageMissing, match="acme/web:1 is not in 127"):
        published(hub, remote)


def test_a_digest_counts_before_the_tag_beside_it(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    hub.variant("acme/web", "1", layers=[b"other"])
    assert published(hub, remote, f"acme/web:1@{digest}").digest == digest


def test_a_registry_that_tells_no_digest_is_held_to_what_it_sends(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    hub.registry.replies["HEAD /v2/acme/web/manifests/1"] = (200, {}, b"")
    assert published(hub, remote).digest == digest


def test_a_token_is_asked_for_where_the_registry_wants_a_login(
    hub: Hub, remote: Make, tmp_path: Path
) -> None:
    hub.variant("acme/web", "1")
    hub.registry.login = "ann:secret"
    with pytest.raises(RepositoryUnreachable):
        published(hub, remote)
    log_in(tmp_path, hub)
    assert published(hub, remote).variants


def test_no_list_of_tags_is_ever_read(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", *map(str, range(10_000)))
    published(hub, remote, "acme/web:9999")
    assert not [each for each in hub.registry.asked if "/tags" in each]


HTML = (200, {"Content-Type": "text/html"}, b"<html>Sign in to the network</html>")


def test_a_page_in_place_of_an_image_is_none(hub: Hub, remote: Make) -> None:
    hub.registry.replies["HEAD /v2/acme/web/manifests/1"] = HTML
    hub.registry.replies["GET /v2/acme/web/manifests/1"] = HTML
    digest = digest_of(HTML[2])
    hub.registry.replies[f"GET /v2/acme/web/manifests/{digest}"] = HTML
    with pytest.raises(ImageInvalid, match="not what a registry answers"):
        published(hub, remote)


def test_schema_1_is_refused_with_what_to_do(hub: Hub, remote: Make) -> None:
    hub.registry.put("acme/web", b'{"schemaVersion": 1, "fsLayers": []}', "1")
    with pytest.raises(ImageInvalid, match=r"schema 1[^\n]*\n  fix: build it anew"):
        published(hub, remote)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "not what a registry answers"),
        (b"{", "not what a registry answers"),
        (b"{}", "names no schemaVersion 2"),
        (b"[" * 100_000, "not what a registry answers"),
        (b'{"schemaVersion": 2, "manifests": [], "config": {}, "layers": []}', "nobody knows which"),
        (b'{"schemaVersion": 2, "mediaType": "%s", "config": {}}' % INDEX.encode(), "nobody knows which"),
        (b'{"schemaVersion": 2, "manifests": []}', "names no image"),
        (b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:../..", "size": 1}]}', "no digest"),
        (
            b'{"schemaVersion": 2, "manifests": [%s]}'
            % b", ".join([b'{"digest": "sha256:%s", "size": 1}' % (b"0" * 64)] * 257),
            "257 parts",
        ),
    ],
)
def test_what_is_no_image_is_refused(hub: Hub, remote: Make, body: bytes, said: str) -> None:
    digest = digest_of(body)
    kind = {"Content-Type": INDEX if b"manifests" in body else MANIFEST, "Docker-Content-Digest": digest}
    for name in ("1", digest):
        for method in ("GET", "HEAD"):
            hub.registry.replies[f"{method} /v2/acme/web/manifests/{name}"] = (200, kind, body)
    with pytest.raises(ImageInvalid, match=said):
        published(hub, remote)


def test_a_chart_is_no_image(hub: Hub, remote: Make) -> None:
    config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", **hub.blob("acme/web", b"{}")}
    hub.put("acme/web", {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}, "1")
    with pytest.raises(ImageInvalid, match="no image, but"):
        published(hub, remote)


def test_other_bytes_than_those_of_a_digest_are_refused(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    hub.variant("acme/web", "2", layers=[b"other"])
    hub.registry.manifests["acme/web", digest] = hub.registry.manifests["acme/web", "2"]
    hub.registry.replies[f"HEAD /v2/acme/web/manifests/{digest}"] = (200, {}, b"")
    with pytest.raises(ImageInvalid, match="other bytes than those of"):
        published(hub, remote, f"acme/web@{digest}")


def test_a_digest_that_the_registry_calls_another_one_is_refused(hub: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    hub.variant("acme/web", "2", layers=[b"other"])
    hub.registry.manifests["acme/web", digest] = hub.registry.manifests["acme/web", "2"]
    with pytest.raises(ImageInvalid, match="the registry calls it sha256"):
        published(hub, remote, f"acme/web@{digest}")


def test_a_digest_that_nothing_can_be_held_against_is_refused(hub: Hub, remote: Make) -> None:
    with pytest.raises(ImageInvalid, match="nothing can be held against"):
        published(hub, remote, f"acme/web@md5:{'0' * 32}")


def test_an_index_that_lies_about_the_size_of_a_member_is_refused(hub: Hub, remote: Make) -> None:
    hub.index("acme/web", "1", {**hub.variant("acme/web"), "size": 7})
    with pytest.raises(ImageInvalid, match="is said to have 7"):
        published(hub, remote)


@pytest.mark.parametrize("gives_ranges", [True, False])
def test_a_layer_of_another_size_than_the_manifest_says_is_refused(
    hub: Hub, remote: Make, gives_ranges: bool
) -> None:
    hub.registry.gives_ranges = gives_ranges
    hub.variant("acme/web", "1", layers=[b"app"])
    manifest = json.loads(hub.registry.manifests["acme/web", "1"])
    manifest["layers"][0]["size"] += 1
    hub.put("acme/web", manifest, "1")
    with pytest.raises(ImageInvalid, match=r"bytes in the registry, and is said to have"):
        published(hub, remote)


def test_an_image_without_one_of_its_layers_is_missing(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1", layers=[b"app"])
    del hub.registry.blobs["acme/web", digest_of(gzip.compress(b"app", mtime=0))]
    with pytest.raises(ImageMissing, match="which its manifest names"):
        published(hub, remote)


@pytest.mark.parametrize("config", [b"{}", b"no JSON", b'{"os": 1, "architecture": "amd64"}'])
def test_a_configuration_that_is_none_is_refused(hub: Hub, remote: Make, config: bytes) -> None:
    described = {"mediaType": CONFIG, **hub.blob("acme/web", config)}
    hub.put("acme/web", {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}, "1")
    with pytest.raises(ImageInvalid, match="not what a registry answers"):
        published(hub, remote)


def test_indexes_are_followed_no_deeper_than_runtimes_do(hub: Hub, remote: Make) -> None:
    member = hub.variant("acme/web")
    for depth in range(4):
        digest = hub.index("acme/web", f"deep-{depth}", member)
        body = hub.registry.manifests["acme/web", digest]
        member = {"mediaType": INDEX, "digest": digest, "size": len(body)}
        if depth < 3:
            assert published(hub, remote, f"acme/web:deep-{depth}").variants
    with pytest.raises(ImageInvalid, match="indexes of indexes"):
        published(hub, remote, "acme/web:deep-3")


def test_an_index_that_is_said_to_be_in_itself_ends(hub: Hub, remote: Make) -> None:
    itself = f"sha256:{'5' * 64}"
    body = json.dumps({"schemaVersion": 2, "manifests": [{"digest": itself, "size": 1}]}).encode()
    told = {"Content-Type": INDEX, "Docker-Content-Digest": itself}
    for method, name in (("HEAD", "1"), ("GET", itself)):
        hub.registry.replies[f"{method} /v2/acme/web/manifests/{name}"] = (200, told, body)
    with pytest.raises(ImageInvalid, match="other bytes"):
        published(hub, remote)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again_and_then_told(hub: Hub, remote: Make, status: int) -> None:
    hub.registry.replies["HEAD /v2/acme/web/manifests/1"] = (status, {"Retry-After": "0"}, b"")
    with pytest.raises(RepositoryUnreachable, match=f"answered {status}"):
        published(hub, remote)
    assert len(hub.registry.asked) == 3


def test_an_answer_that_breaks_off_is_no_image(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    body = hub.registry.manifests["acme/web", "1"]
    cut = (200, {"Content-Length": str(len(body))}, body[:-5])
    hub.registry.replies[f"GET /v2/acme/web/manifests/{digest_of(body)}"] = cut
    with pytest.raises(RepositoryUnreachable, match="no answer"):
        published(hub, remote)


def test_an_answer_that_stalls_is_given_up(hub: Hub, remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_orchestrator.registries.web.SILENCE", 0.2)
    hub.variant("acme/web", "1")
    hub.registry.stall = threading.Event()
    try:
        with pytest.raises(RepositoryUnreachable, match="no answer"):
            published(hub, remote)
    finally:
        hub.registry.stall.set()


def test_a_blob_may_come_from_another_server_which_sees_no_login(
    hub: Hub, server: Server, remote: Make, tmp_path: Path
) -> None:
    hub.variant("acme/web", "1", layers=[])
    hub.registry.login = "ann:secret"
    log_in(tmp_path, hub)
    ((place, body),) = hub.registry.blobs.items()
    path = f"/v2/{place[0]}/blobs/{place[1]}"
    hub.registry.replies[f"GET {path}"] = (307, {"Location": f"{server.url}/there"}, b"")
    server.answer = lambda path: (200, {}, body)
    assert published(hub, remote).variants
    ((_, there, headers, _),) = server.asked
    assert (there, headers.get("authorization")) == ("/there", None)


def test_redirects_in_a_circle_end(hub: Hub, server: Server, remote: Make) -> None:
    hub.variant("acme/web", "1")
    there = (307, {"Location": f"{server.url}/round"}, b"")
    hub.registry.replies["HEAD /v2/acme/web/manifests/1"] = there
    server.answer = lambda path: there
    with pytest.raises(RepositoryUnreachable, match="redirects"):
        published(hub, remote)
    assert len(server.asked) < 10


def test_a_registry_is_not_led_to_a_server_that_the_fleet_does_not_let_reach(hub: Hub, remote: Make) -> None:
    metadata = (307, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")
    hub.registry.replies["HEAD /v2/acme/web/manifests/1"] = metadata
    with pytest.raises(EgressRefused):
        published(hub, remote)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=0.0.0.0")
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.1.1.1", 0)) as listening:
        host = f"127.1.1.1:{listening.getsockname()[1]}"

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        remote = RemoteImages(Internet(Egress(frozenset({host}))))
        with pytest.raises(RepositoryUnreachable, match="certificate verify failed"):
            remote.published(ImageReference.parse(f"{host}/acme/web:1"))


def test_indexes_of_indexes_are_not_followed_without_end(hub: Hub, remote: Make) -> None:
    members: list[dict[str, object]] = [
        {"mediaType": MANIFEST, "digest": "sha256:" + "f" * 64, "size": 5} for _ in range(16)
    ]
    for _ in range(3):
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": members}
        members = [hub.put("bomb", body, "1")] * 16

    with pytest.raises(ImageInvalid, match="more than 256 manifests"):
        remote().published(hub.name("bomb:1"))
    assert len(hub.registry.asked) < 600


@pytest.mark.parametrize("created", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_build_at_the_end_of_time_is_of_no_time(hub: Hub, remote: Make, created: str) -> None:
    hub.variant("web", "1", created=created)
    assert remote().published(hub.name("web:1")).variants[0].created is None


def test_a_user_without_end_is_cut(hub: Hub, remote: Make) -> None:
    hub.variant("web", "1", User="0:" + "A" * 100_000)
    assert len(remote().published(hub.name("web:1")).variants[0].user) < 1_000

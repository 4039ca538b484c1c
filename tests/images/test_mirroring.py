"""Copies of images in another registry."""

import gzip
import hashlib
import json
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from deploy_orchestrator.images import (
    ImageDiffers,
    ImageInvalid,
    ImageMissing,
    Mirror,
    MirroredImage,
    MirrorState,
    RemoteImages,
    below,
)
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.registries import DigestMismatch, NoAnswer, RepositoryUnreachable
from tests.images.conftest import GZIP, Hub
from tests.registry import Registry, digest_of

Make = Callable[[], RemoteImages]
SPDX = "application/spdx+json"
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def copied(hub: Hub, elsewhere: Hub, remote: Make, *names: str, **options: object) -> list[MirroredImage]:
    """Copies of images of `hub` under the same names `elsewhere`."""
    pairs = [(hub.name(each), elsewhere.name(each)) for each in names]
    return list(Mirror(remote(), **options).copied(pairs))  # type: ignore[arg-type]


def copy(
    hub: Hub, elsewhere: Hub, remote: Make, name: str = "acme/web:1", **options: object
) -> MirroredImage:
    (one,) = copied(hub, elsewhere, remote, name, **options)
    if one.failure:
        raise one.failure
    return one


def whole(registry: Registry) -> tuple[dict[tuple[str, str], bytes], dict[tuple[str, str], bytes]]:
    return registry.manifests, registry.blobs


def sent(registry: Registry, *methods: str) -> list[str]:
    return [each for each in registry.asked if each.split()[0] in methods]


def test_a_copy_is_the_original_to_the_byte_with_every_platform_and_all_that_refers_to_it(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    members = [hub.variant("acme/web", platform=each) for each in ("linux/amd64", "linux/arm64/v8")]
    digest = hub.index("acme/web", "1", *members)
    sbom = hub.refer("acme/web", digest, SPDX)
    hub.refer("acme/web", sbom, SIGNATURE)
    hub.refer("acme/web", members[0]["digest"], SIGNATURE)
    found = copy(hub, elsewhere, remote)
    assert (found.state, found.digest) == (MirrorState.COPIED, digest)
    assert whole(elsewhere.registry) == whole(hub.registry)


def test_what_cosign_keeps_under_tags_is_copied_with_the_image(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    hub.registry.lists_referrers = False
    digest = hub.variant("acme/web", "1")["digest"]
    tags = [f"{digest.replace(':', '-')}.{suffix}" for suffix in ("sig", "att", "sbom")]
    hub.variant("acme/web", *tags, layers=[b"signed"])
    copy(hub, elsewhere, remote)
    assert whole(elsewhere.registry) == whole(hub.registry)


def test_a_signature_of_ones_own_is_left_alone_unless_it_is_to_be_replaced(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    """Who signs the copies that they trust keeps their own signatures, whatever the source has."""
    digest = hub.variant("acme/web", "1")["digest"]
    tag = f"{digest.replace(':', '-')}.sig"
    theirs = hub.variant("acme/web", tag, layers=[b"theirs"])["digest"]
    own = elsewhere.variant("acme/web", tag, layers=[b"own"])["digest"]
    with pytest.raises(ImageDiffers, match=f"is there as {own}, and .* is {theirs}"):
        copy(hub, elsewhere, remote)
    assert digest_of(elsewhere.registry.manifests["acme/web", tag]) == own
    assert copy(hub, elsewhere, remote, replaces=True).digest == digest
    assert digest_of(elsewhere.registry.manifests["acme/web", tag]) == theirs


def test_signatures_are_added_to_those_that_are_there_and_none_is_lost(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    tag = f"{digest.replace(':', '-')}.sig"
    one, two, three = [b"one"], [b"one", b"two"], [b"one", b"two", b"own"]
    for theirs, there, then in ((one, None, one), (two, one, two), (two, three, three)):
        expected = hub.variant("acme/web", layers=then)["digest"]
        hub.variant("acme/web", tag, layers=theirs)
        if there:
            elsewhere.variant("acme/web", tag, layers=there)
        copy(hub, elsewhere, remote)
        assert digest_of(elsewhere.registry.manifests["acme/web", tag]) == expected


def test_referrers_are_listed_by_a_tag_where_the_registry_lists_none(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    elsewhere.registry.lists_referrers = False
    digest = hub.variant("acme/web", "1")["digest"]
    referrers = {hub.refer("acme/web", digest, kind) for kind in (SPDX, SIGNATURE)}
    copy(hub, elsewhere, remote)
    listed = json.loads(elsewhere.registry.manifests["acme/web", digest.replace(":", "-")])
    assert {each["digest"] for each in listed["manifests"]} == referrers
    attached = remote().published(elsewhere.name("acme/web:1")).attached
    assert (attached.sboms, attached.signatures) == ((SPDX,), (SIGNATURE,))


def test_what_is_there_is_not_sent_again(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    hub.refer("acme/web", hub.variant("acme/web", "1")["digest"], SPDX)
    copy(hub, elsewhere, remote)
    elsewhere.registry.asked.clear()
    assert copy(hub, elsewhere, remote).state is MirrorState.THERE
    assert sent(elsewhere.registry, "PUT", "POST") == []


def test_a_signature_that_came_later_is_copied_to_the_image_that_is_there(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    copy(hub, elsewhere, remote)
    signature = hub.refer("acme/web", digest, SIGNATURE)
    assert copy(hub, elsewhere, remote).state is MirrorState.COPIED
    assert ("acme/web", signature) in elsewhere.registry.manifests


def test_layers_that_are_there_under_another_name_are_taken_over_from_it(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    hub.variant("acme/web", "1", layers=[b"base", b"web"])
    hub.variant("acme/api", "1", layers=[b"base", b"api"], platform="linux/arm64")
    web, api = copied(hub, elsewhere, remote, "acme/web:1", "acme/api:1")
    assert sorted(each.sent.mounted for each in (web, api)) == [0, 1]
    assert whole(elsewhere.registry) == whole(hub.registry)
    pulled = [each.rpartition("/")[2] for each in sent(hub.registry, "GET") if "/blobs/" in each]
    assert len(pulled) == len(set(pulled)) == 5


def test_a_copy_within_a_registry_pulls_nothing(hub: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    mirror = Mirror(remote())
    found = mirror.copy(hub.name("acme/web:1"), hub.name("copies/web:1"))
    assert (found.sent.bytes, found.sent.mounted) == (0, 3)
    assert not [each for each in sent(hub.registry, "GET") if "/blobs/" in each]


def test_only_chosen_platforms_are_copied_under_the_same_digest(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    amd, arm = (hub.variant("acme/web", platform=each) for each in ("linux/amd64", "linux/arm64/v8"))
    digest = hub.index("acme/web", "1", amd, arm)
    elsewhere.registry.takes_parts = True
    assert copy(hub, elsewhere, remote, platforms=("linux/arm64",)).digest == digest
    assert ("acme/web", arm["digest"]) in elsewhere.registry.manifests
    assert ("acme/web", amd["digest"]) not in elsewhere.registry.manifests
    published = remote().published(elsewhere.name("acme/web:1"))
    assert ([str(each.platform) for each in published.variants], published.absent) == (
        ["linux/arm64/v8"],
        ("linux/amd64",),
    )
    assert copy(hub, elsewhere, remote).state is MirrorState.COPIED, "the others may come later"
    assert remote().published(elsewhere.name("acme/web:1")).absent == ()


def test_a_registry_that_takes_no_part_of_an_index_is_told_and_keeps_no_name(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    members = [hub.variant("acme/web", platform=each) for each in ("linux/amd64", "linux/arm64")]
    hub.index("acme/web", "1", *members)
    with pytest.raises(ImageInvalid, match="takes no index without all of its platforms"):
        copy(hub, elsewhere, remote, platforms=("linux/arm64",))
    assert elsewhere.registry.tags == []


def test_another_image_by_the_same_name_is_left_alone_unless_it_is_to_be_replaced(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    other = elsewhere.variant("acme/web", "1", layers=[b"other"])["digest"]
    with pytest.raises(ImageDiffers, match=f"is there as {other}, and .* is {digest}"):
        copy(hub, elsewhere, remote)
    assert digest_of(elsewhere.registry.manifests["acme/web", "1"]) == other
    assert copy(hub, elsewhere, remote, replaces=True).digest == digest
    assert digest_of(elsewhere.registry.manifests["acme/web", "1"]) == digest


def test_an_image_that_is_named_by_digest_is_copied_under_it(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    copy(hub, elsewhere, remote, f"acme/web@{digest}")
    assert elsewhere.registry.tags == []
    assert ("acme/web", digest) in elsewhere.registry.manifests
    copy(hub, elsewhere, remote, f"acme/web:1@{digest}")
    assert elsewhere.registry.tags == ["acme/web:1"]
    other = hub.variant("acme/web", "1", layers=[b"other"])["digest"]
    assert copy(hub, elsewhere, remote, f"acme/web:1@{other}").digest == other
    assert digest_of(elsewhere.registry.manifests["acme/web", "1"]) == digest, "nobody goes by the tag"


@pytest.mark.parametrize("replaces", [False, True])
def test_a_tag_that_does_not_lead_to_the_digest_beside_it_names_no_copy(
    hub: Hub, elsewhere: Hub, remote: Make, replaces: bool
) -> None:
    """Whoever runs a build that nobody released by the name of what others run gives it to nobody else."""
    build = hub.variant("acme/web", layers=[b"a build of nobody's"])["digest"]
    digest = hub.variant("acme/web", "1")["digest"]
    names = ("acme/web:1", f"acme/web:1@{build}")
    for each in reversed(names):
        assert copy(hub, elsewhere, remote, each, replaces=replaces).state is MirrorState.COPIED
    assert digest_of(elsewhere.registry.manifests["acme/web", "1"]) == digest
    assert ("acme/web", build) in elsewhere.registry.manifests
    for each in names:
        copy(hub, elsewhere, remote, each, replaces=replaces)
    assert digest_of(elsewhere.registry.manifests["acme/web", "1"]) == digest


def test_a_failure_stops_no_other_image(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    lost, web = copied(hub, elsewhere, remote, "acme/lost:1", "acme/web:1")
    assert (lost.state, web.state) == (MirrorState.FAILED, MirrorState.COPIED)
    assert isinstance(lost.failure, ImageMissing)


def test_what_was_broken_off_goes_on_where_it_ended(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1", layers=[b"one", b"two", b"three"])
    elsewhere.registry.refuses = ("PUT /v2/acme/web/manifests",)
    with pytest.raises(RepositoryUnreachable, match="answered 500"):
        copy(hub, elsewhere, remote)
    assert elsewhere.registry.manifests == {}, "nothing is named before all of it is there"
    elsewhere.registry.refuses = ()
    elsewhere.registry.asked.clear()
    found = copy(hub, elsewhere, remote)
    assert (found.sent.bytes, found.sent.skipped) == (0, 4)
    assert whole(elsewhere.registry) == whole(hub.registry)


def layer_path(hub: Hub, body: bytes) -> str:
    return f"/v2/acme/web/blobs/{digest_of(gzip.compress(body, mtime=0))}"


@pytest.mark.parametrize("lie", ["other bytes", "fewer bytes", "more bytes"])
def test_a_blob_that_is_not_what_the_manifest_says_is_never_sent_whole(
    hub: Hub, elsewhere: Hub, remote: Make, lie: str
) -> None:
    hub.variant("acme/web", "1", layers=[bytes(range(256)) * 1000])
    body = gzip.compress(bytes(range(256)) * 1000, mtime=0)
    lies = {"other bytes": body[:-1] + b"!", "fewer bytes": body[:-1], "more bytes": body + b"!"}
    hub.registry.replies[f"GET {layer_path(hub, bytes(range(256)) * 1000)}"] = (200, {}, lies[lie])
    with pytest.raises(DigestMismatch):
        copy(hub, elsewhere, remote)
    assert not [each for each in elsewhere.registry.blobs.values() if each == lies[lie]]
    assert elsewhere.registry.manifests == {}


def test_a_blob_that_breaks_off_leaves_nothing_by_its_name(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1", layers=[b"app"])
    body = gzip.compress(b"app", mtime=0)
    cut = (200, {"Content-Length": str(len(body))}, body[:-2])
    hub.registry.replies[f"GET {layer_path(hub, b'app')}"] = cut
    with pytest.raises(NoAnswer):
        copy(hub, elsewhere, remote)
    assert elsewhere.registry.manifests == {}
    assert digest_of(body) not in {digest for _, digest in elsewhere.registry.blobs}


def test_a_blob_that_stalls_is_given_up(
    hub: Hub, elsewhere: Hub, remote: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy_orchestrator.registries.web.SILENCE", 0.2)
    hub.variant("acme/web", "1", layers=[b"app"])
    hub.registry.stall, hub.registry.stalls_at = threading.Event(), "/blobs/"
    try:
        with pytest.raises(NoAnswer):
            copy(hub, elsewhere, remote)
    finally:
        hub.registry.stall.set()
    assert elsewhere.registry.manifests == {}


def test_a_registry_that_keeps_something_else_than_it_was_sent_is_told(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    hub.variant("acme/web", "1")
    other = elsewhere.variant("acme/other", "1", layers=[b"other"])["digest"]
    told = (200, {"Docker-Content-Digest": other}, b"")
    elsewhere.registry.replies["HEAD /v2/acme/web/manifests/1"] = told
    with pytest.raises(ImageInvalid, match="leads to something else"):
        copy(hub, elsewhere, remote, replaces=True)


def test_an_upload_never_goes_to_another_server(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    hub.variant("acme/web", "1")
    elsewhere.registry.uploads_at = f"http://{hub.registry.host}/v2/acme/web/blobs/uploads/1"
    (failed,) = copied(hub, elsewhere, remote, "acme/web:1")
    assert failed.failure
    assert "leads to another server" in failed.failure.what
    assert sent(hub.registry, "PUT") == []


def test_memory_does_not_grow_with_the_image(hub: Hub, elsewhere: Hub, remote: Make) -> None:
    layer = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(1_000_000))
    hub.variant("acme/web", "1", layers=[layer], layer_type=GZIP.replace("+gzip", ""))
    mirror = Mirror(remote())
    tracemalloc.start()
    try:
        mirror.copy(hub.name("acme/web:1"), elsewhere.name("acme/web:1"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(layer) == 32_000_000, "as much as the registry of this test, in this process, keeps of it"
    assert peak < len(layer) * 1.25


def test_images_go_below_a_place_each_under_its_own_registry() -> None:
    for name, to in {
        "nginx:1": "registry.example.com/hub/docker.io/library/nginx:1",
        "localhost:5000/web": "registry.example.com/hub/localhost-5000/web",
    }.items():
        assert str(below("registry.example.com/hub", ImageReference.parse(name))) == to
    one = ImageReference.parse("ghcr.io/acme/web:1")
    assert below("registry.example.com", one) == replace(
        one, registry="registry.example.com", repository="ghcr.io/acme/web"
    )


def test_an_image_that_is_there_for_no_chosen_platform_is_not_copied_empty(
    hub: Hub, elsewhere: Hub, remote: Make
) -> None:
    hub.index("acme/web", "1", hub.variant("acme/web"))
    elsewhere.registry.takes_parts = True
    with pytest.raises(ImageMissing, match="is not there for arm64, only for linux/amd64"):
        copy(hub, elsewhere, remote, platforms=("arm64",))
    assert elsewhere.registry.manifests == {}

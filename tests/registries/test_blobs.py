"""Blobs of any size, from one server to another as they come."""

import hashlib
import threading

import pytest

from deploy_orchestrator.registries import Blob, DigestMismatch, Egress, Internet, Registry, RepositoryError

BODY = bytes(range(256)) * 4096


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.fixture
def registry(server):
    url = f"oci://{server.host}"
    return Registry(url, url, Internet(Egress().naming(server.url)), lambda host: None)


def test_a_blob_comes_in_chunks_that_are_all_of_it(registry, server):
    server.answer = lambda path: (200, {}, BODY)
    with registry.blob("web", Blob("", digest_of(BODY), len(BODY))) as chunks:
        read = list(chunks)
    assert b"".join(read) == BODY
    assert len(read) > 1


@pytest.mark.parametrize("sent", [BODY[:-1], BODY + b"!", BODY[:-1] + b"!", b""])
def test_the_last_chunk_comes_only_where_all_of_them_are_what_was_promised(registry, server, sent):
    server.answer = lambda path: (200, {}, sent)
    read: list[bytes] = []
    with (
        registry.blob("web", Blob("", digest_of(BODY), len(BODY))) as chunks,
        pytest.raises(DigestMismatch),
    ):
        read.extend(chunks)
    assert sum(map(len, read)) < len(BODY)


def test_an_empty_blob_is_one(registry, server):
    server.answer = lambda path: (200, {}, b"")
    with registry.blob("web", Blob("", digest_of(b""), 0)) as chunks:
        assert b"".join(chunks) == b""


def test_a_blob_that_is_not_there_is_told(registry, server):
    with (
        pytest.raises(RepositoryError, match="there is no blob"),
        registry.blob("web", Blob("", digest_of(BODY), len(BODY))),
    ):
        raise AssertionError("nothing to read")


def test_who_stops_reading_leaves_no_reader_behind(registry, server):
    server.answer = lambda path: (200, {}, BODY * 8)
    with registry.blob("web", Blob("", digest_of(BODY * 8), len(BODY) * 8)) as chunks:
        next(chunks)
    assert not [each for each in threading.enumerate() if each.name.endswith("(read)")]

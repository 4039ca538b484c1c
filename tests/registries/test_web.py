import gzip
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import stamina

from deploy_orchestrator.registries import Answer, Egress, Internet, RepositoryUnreachable

NAME = "https://charts.example.com"


def fetched(server, path="/", *, limit=1000, **more) -> Answer:
    return Internet(Egress().naming(server.url)).fetch(
        f"{server.url}{path}", limit=limit, repository=NAME, **more
    )


def zeros(megabytes: int) -> bytes:
    pressed = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(pressed.compress(bytes(2**20)) for _ in range(megabytes)) + pressed.flush()


def test_an_answer_is_read_as_it_was_encoded(server):
    server.answer = lambda path: {
        "/plain": (200, {}, b"text"),
        "/identity": (200, {"Content-Encoding": "identity"}, b"text"),
        "/gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"text")),
        "/twice": (200, {"Content-Encoding": "GZip"}, gzip.compress(b"te") + gzip.compress(b"xt")),
    }[path]
    for path in ("/plain", "/identity", "/gzip", "/twice"):
        assert fetched(server, path).body == b"text"


def test_only_encodings_that_are_understood_are_asked_for(server):
    server.answer = lambda path: (200, {}, b"")
    fetched(server)
    assert server.asked[0][2]["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,identity,gzip", "br", "deflate", "zstd", "x"])
def test_an_encoding_that_could_hide_more_is_refused_before_it_is_undone(server, encoding):
    server.answer = lambda path: (200, {"Content-Encoding": encoding}, gzip.compress(zeros(64)))
    with pytest.raises(RepositoryUnreachable, match="Content-Encoding"):
        fetched(server)


def test_what_inflates_beyond_the_limit_is_not_inflated_to_its_end(server):
    bomb = zeros(64)
    server.answer = lambda path: (200, {"Content-Encoding": "gzip"}, bomb)
    tracemalloc.start()
    try:
        with pytest.raises(RepositoryUnreachable, match="larger than 1,000 bytes"):
            fetched(server)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", ["no gzip", "cut off", "followed"])
def test_what_is_no_whole_gzip_is_no_answer(server, cut):
    whole = gzip.compress(b"text")
    body = {"no gzip": b"no gzip", "cut off": whole[:-4], "followed": whole + b"more"}[cut]
    server.answer = lambda path: (200, {"Content-Encoding": "gzip"}, body)
    with pytest.raises(RepositoryUnreachable):
        fetched(server)


def test_a_head_of_something_gzipped_has_no_body(server):
    server.answer = lambda path: (200, {"Content-Encoding": "gzip"}, b"never sent")
    assert fetched(server, method="HEAD").body == b""


def test_an_answer_says_which_server_gave_it(server, elsewhere):
    server.answer = lambda path: (307, {"Location": f"{elsewhere.url}/there"}, b"")
    elsewhere.answer = lambda path: (200, {}, b"")
    web = Internet(Egress().naming(server.url, elsewhere.url))
    assert web.fetch(server.url, limit=9, repository=NAME).url == f"{elsewhere.url}/there"


def test_no_cookie_of_one_answer_goes_along_with_the_next_question(server):
    """Who asks without a login is not let in by the session of who asked with one."""
    server.answer = lambda path: (200, {"Set-Cookie": "session=of-who-has-a-login"}, b"")
    web = Internet(Egress().naming(server.url))
    for path in ("/private", "/public"):
        web.fetch(f"{server.url}{path}", limit=100, repository=server.url)
    with web.stream(f"{server.url}/blob", size=1, repository=server.url) as chunks:
        assert list(chunks) == []
    assert len(server.asked) == 3
    assert not any(name.lower() == "cookie" for _, _, headers, _ in server.asked for name in headers)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_sent_follows_no_redirect(server, elsewhere, method):
    server.answer = lambda path: (307, {"Location": elsewhere.url}, b"")
    web = Internet(Egress().naming(server.url, elsewhere.url))
    with pytest.raises(RepositoryUnreachable, match="307"):
        web.fetch(server.url, limit=9, repository=NAME, method=method, form={"refresh_token": "planted"})
    assert not elsewhere.asked


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_that_a_busy_server_refuses_is_tried_again(server, status):
    replies: Iterator[int] = iter([status, status, 200])
    server.answer = lambda path: (next(replies), {}, b"text")
    assert fetched(server).body == b"text"
    assert len(server.asked) == 3


def test_a_read_that_goes_on_being_refused_is_told_with_the_last_answer(server):
    server.answer = lambda path: (503, {}, b"")
    with pytest.raises(RepositoryUnreachable, match="503"):
        fetched(server)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_read_that_would_be_refused_again_is_not_repeated(server, status):
    server.answer = lambda path: (status, {}, b"")
    with pytest.raises(RepositoryUnreachable, match=str(status)):
        fetched(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_is_not_repeated(server, method):
    server.answer = lambda path: (503, {}, b"")
    with pytest.raises(RepositoryUnreachable):
        fetched(server, method=method, content=b"data")
    assert len(server.asked) == 1


def _in_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize("wait", [lambda: "1", _in_a_second])
def test_a_server_is_given_the_time_that_it_asks_for(server, wait):
    replies = iter([429, 200])
    server.answer = lambda path: (next(replies), {"Retry-After": wait()}, b"")
    with stamina.set_testing(False):
        begun = time.monotonic()
        fetched(server)
    assert time.monotonic() - begun >= 0.9


def test_a_server_that_asks_for_more_time_than_a_person_has_is_told_at_once(server):
    server.answer = lambda path: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(RepositoryUnreachable, match="asks to come back in 3600 seconds"):
        fetched(server)
    assert len(server.asked) == 1


def test_what_is_tried_again_leaves_nothing_on_the_terminal(server, capfd):
    server.answer = lambda path: (503, {}, b"")
    with pytest.raises(RepositoryUnreachable):
        fetched(server)
    assert len(server.asked) == 3
    assert capfd.readouterr() == ("", "")

import pygit2
import pytest
from pygit2.enums import ObjectType

from deploy_orchestrator.git import Commit, Ident, Repository, RevisionNotFound


@pytest.fixture
def crafted(repository: Repository):
    """Reads a commit that is made of these raw bytes."""
    objects = pygit2.Repository(str(repository.path))
    tree = str(objects.TreeBuilder().write()).encode()

    def read(message: bytes, *, time: bytes = b"0", name: bytes = b"Ann", headers: bytes = b"") -> Commit:
        person = name + b" <ann@example.com> " + time + b" +0000\n"
        raw = b"tree " + tree + b"\nauthor " + person + b"committer " + person + headers + b"\n" + message
        return repository.commit(str(objects.odb.write(ObjectType.COMMIT, raw)))

    return read


def test_trailers_are_the_lines_that_end_the_message(crafted):
    message = b"Subject: not one\n\nBody: not one\n\nReviewed-by: Ann <ann@example.com>\nDigest: sha256:ab\n"
    assert crafted(message).trailers == {"Reviewed-by": "Ann <ann@example.com>", "Digest": "sha256:ab"}
    assert crafted(b"Subject\n").trailers == {}


def test_a_message_of_any_bytes_can_be_read(crafted):
    commit = crafted(b"caf\xe9\n\nKey: caf\xe9\n", name=b"Andr\xe9", headers=b"encoding no-such-code\n")
    assert commit.subject == "caf\ufffd"
    assert commit.author == Ident("Andr\ufffd", "ann@example.com")


@pytest.mark.parametrize(("time", "year"), [(b"0", 1970), (b"99999999999999", 9999), (b"-5", 1970)])
def test_any_time_is_a_date(time, year, crafted):
    assert crafted(b"x", time=time).time.year == year
    assert crafted(b"x", time=time).time.utcoffset().total_seconds() == 0


def test_a_commit_that_is_none_is_not_found(crafted):
    with pytest.raises(RevisionNotFound):
        crafted(b"x", time=b"x")


def test_a_subject_is_the_first_line_that_says_something(crafted):
    assert crafted(b"\n\nHello\nworld").subject == "Hello"
    assert crafted(b"").subject == ""

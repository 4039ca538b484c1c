"""What a document holds is kept, and is the same whether it was read or remembered."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deploy_orchestrator import documents
from deploy_orchestrator.documents import Document, DocumentError
from deploy_orchestrator.storage import Cache

YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).map(documents.dump)


def read(data: bytes, cache: Cache) -> Document | str:
    try:
        return documents.parse(data, "a.yaml", cache)
    except DocumentError as error:
        return str(error)


@given(YAML | st.binary(max_size=40))
@example(b"")
@example(b"# only a comment\n")
@example(b"\xef\xbb\xbfa: 1\n")
@example(b"a: 1\na: 2\n")
@example(b"a: 1\n---\n# nothing\n")
@example(b"a: .nan\n")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_remembered_is_what_was_read(tmp_path: Path, data: bytes):
    cache = Cache(tmp_path)
    alone = read(data, Cache())
    assert repr(read(data, cache)) == repr(read(data, cache)) == repr(alone)


def test_a_key_that_stands_twice_is_told_each_time(tmp_path: Path):
    cache = Cache(tmp_path)
    for _ in range(2):
        (place,) = documents.parse(b"a: 1\na: 2\n", "a.yaml", cache).duplicates
        assert place.line == 2


def test_a_field_that_does_not_fit_is_told_at_its_line_though_it_is_remembered(tmp_path: Path):
    class Numbered(documents.Record):
        number: int

    cache = Cache(tmp_path)
    for _ in range(2):
        with pytest.raises(DocumentError, match=r"a\.yaml:2: number"):
            documents.parse(b"# here\nnumber: many\n", "a.yaml", cache).into(Numbered)

"""Writing: what `dump` writes means the same to us and to Helm."""

from typing import Any

import helm_python
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from deploy_orchestrator.documents import dump, parse
from deploy_orchestrator.documents.writer import _by_library

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
LOOKALIKES = st.text("0123456789+-_.eExXoObBaAfF:~yYnNtTsSlLuUrRiI=<>\n #", max_size=12)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not 2**53 < abs(x) < 1e21)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | DOUBLES
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS | LOOKALIKES
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | LOOKALIKES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@example("multi\nline\n")
@example("\n leading")
@example("trailing \nspace")
@example("  \n\n")
@example("\t\n")
@example({"k" * 200: 1})
@example("x" * 10_000 + " " + "y" * 10_000)
@example({"<<": {"a": 1}})
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    assert parse(dump(value), "f").value == value


@given(st.dictionaries(WORDS | LOOKALIKES, VALUES, max_size=4))
@example({"a": {"b": [{"c": 1, "d": [1, [2, [3]], [], {}]}, "x"], "e": {}}, "z": []})
@example({"a": ["l1\nl2", "l\n\n x\n", " lead\nb", "\n"], "b": [[{"c": "l1\nl2\n\n", "d": ["x\n  y\n"]}]]})
@example({"a": {"b": "x\n\n"}, "c": "end\n\n\n"})
@example({"k" * 130: 1, "a\nb": 2, "": 3, "?": 4, "- x": 5})
@example(
    {"a": ["x\x85y", {"b": "x\u2028y\nz"}, "x\r\ny", "\ufeff"], "c": [True, 1, 1.0, 1.5, None, -0.0, 2**70]}
)
def test_what_is_written_line_by_line_is_what_the_library_writes(value: Any) -> None:
    assert dump(value) == _by_library(value)


@given(st.dictionaries(WORDS | LOOKALIKES, SCALARS, max_size=5))
@example({"key": "012"})
@example({"y": "no", "0b-11": "0b+1", "<<": "<<", "1e3": "1e3", "2001-01-01": "2001-01-01", "=": "="})
def test_what_is_written_means_the_same_to_helm(values: dict[str, Any]) -> None:
    helms = helm_python.values_from_yaml(dump(values).decode())
    assert helms.keys() == values.keys()
    for key, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        assert helms[key] == (pytest.approx(value, rel=1e-15, abs=0) if is_number else value)


@given(LOOKALIKES)
def test_a_string_stays_a_string_for_yaml_1_1_readers_too(text: str) -> None:
    assert yaml.safe_load(dump({"a": text})) == {"a": text}


def test_equal_values_give_equal_bytes() -> None:
    shared = [1, 2]
    assert dump({"b": 1.0, "a": shared, "c": shared}) == dump({"c": [1, 2], "a": [1.0, 2], "b": 1})
    assert dump({"b": 1, "a": [{"x": "é"}], "c": "l1\nl2\n"}) == (
        "a:\n- x: é\nb: 1\nc: |\n  l1\n  l2\n".encode()
    )


def test_large_integers_keep_their_digits_and_long_lines_are_not_folded() -> None:
    assert dump({"a": 2**64 - 1, "b": "word " * 100 + "end"}) == (
        f"a: {2**64 - 1}\nb: {'word ' * 100}end\n".encode()
    )

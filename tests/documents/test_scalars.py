"""Scalars, keys and merges mean to us what they mean to Helm itself."""

import json
import string
from pathlib import Path
from typing import Any

import helm_python
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy_orchestrator.documents import DocumentError, parse

REFUSED = "refused"


def helm(text: str) -> Any:
    try:
        return helm_python.values_from_yaml(text)
    except helm_python.HelmValuesError:
        return REFUSED


def ours(text: str) -> Any:
    try:
        value = parse(text.encode(), "values.yaml").value
    except DocumentError:
        return REFUSED
    return {} if value is None else value if isinstance(value, dict) else REFUSED


def alike(left: Any, right: Any) -> bool:
    """Equal in value and type; integers that a double cannot hold compare as doubles, like Helm has them."""
    if isinstance(left, int) and isinstance(right, int) and max(abs(left), abs(right)) > 2**53:
        return float(left) == float(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return type(left) is type(right) and left == right


SCALARS = (Path(__file__).parent / "scalars.txt").read_text().split()
TAGGED = [
    "!!str 1",
    "!!str",
    "!!str ~",
    "!!str 2001-01-01",
    "!!int 1",
    '!!int "012"',
    "!!int 1_000",
    "!!int",
    "!!int 1.0",
    "!!int abc",
    "!!float 1",
    '!!float "1.5"',
    "!!float 0x10",
    "!!float abc",
    '!!float ".inf"',
    "!!bool yes",
    '!!bool "off"',
    "!!bool 1",
    "!!bool abc",
    "!!null",
    '!!null ""',
    "!!null abc",
    "!!binary aGVsbG8=",
    "!!binary /w==",
    '!!binary "///"',
    "!!timestamp 2001-01-01",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!python/object:os.system x",
    "!local x",
    "!local [1]",
    "!local {a: 1}",
    "!!str [1]",
    "!!map [1]",
    "!!merge <<",
    "!<tag:yaml.org,2002:str> 1",
    "&anchor",
    "&anchor 1e3",
    "|\n  x\n  y\n",
    ">-\n  x\n  y\n",
    "|2+\n   x\n\n",
]
KEYS = (Path(__file__).parent / "keys.txt").read_text().split()
TEXTS = [
    "",
    "---\n",
    "# only a comment\n",
    "null\n",
    "a: 1\n...\n",
    "a: 1\n---\n",
    "a: b: c\n",
    "\ta: 1\n",
    "a: 'x\n",
    "a: [1,\n",
    "a: - 1\n",
    "a: *x\n",
    "a: &x [*x]\n",
    "a: &x {b: *x}\n",
    "a: &x {<<: *x}\n",
    "a: &a 1\nb: &a 2\nc: *a\n",
    "b: &b 1e6\n*b : v\n",
    "b: &b [1]\n*b : v\n",
    "a: 1\na: 2\n",
    "a: {b: 1, b: 2}\n",
    "&a a: *a\n",
    "? |\n  x\n: b\n",
    "? [a]\n: b\n",
    "? \n: 1\n",
    "%YAML 1.2\n---\na: y\n",
    "%YAML 1.1\n---\na: y\n",
    "\ufeffa: 1\n",
    "a: b\r\nc: d\r\n",
    'a: "\\x41\\e\\N\\_\\L\\U0001F600"\n',
    'a: "\\ud800"\n',
    "a: \x07\n",
    "a: \x85\n",
    "a: {x, z: 1}\n",
    "a: {x: , z}\n",
    "b: &b {x: 1, z: 2}\na: {<<: *b, x: 3}\n",
    "b: &b {x: 1}\na:\n  x: 5\n  <<: *b\n",
    "b: &b {x: 1}\nc: &c {x: 2, z: 1}\na: {<<: [*b, *c]}\n",
    "b: &b {x: 1}\na:\n  <<: *b\n  <<: {z: 1}\n",
    "a:\n  '<<': {z: 1}\n",
    "a:\n  <<: 1\n",
    "a:\n  <<: [1]\n",
    "a:\n  <<:\n",
    "b: &b [{x: 1}]\na: {<<: *b}\n",
    "b: &b [{x: 1}]\na: {<<: [*b]}\n",
    "b: &b [{x: 1}]\na: {'<<': *b}\n",
    "a: {<<: [{x: 1}, {x: 2}]}\n",
    "<<: {a: 1}\nb: 2\n",
    "a: {!!merge <<: {x: 1}}\n",
    "b: &b {x: {q: 1}}\na: {<<: *b, x: {z: 1}}\n",
    "- <<: {a: 1}\n",
    "a: [<<]\n",
    "<<: <<\n",
]


@pytest.mark.parametrize("scalar", [*SCALARS, *TAGGED])
def test_a_scalar_means_what_it_means_to_helm(scalar: str) -> None:
    text = f"a: {scalar}\n"
    assert alike(ours(text), helm(text)), (ours(text), helm(text))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_the_string_that_helm_makes_of_it(key: str) -> None:
    text = f"{key}: v\n"
    assert alike(ours(text), helm(text)), (ours(text), helm(text))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_means_what_it_means_to_helm(text: str) -> None:
    assert alike(ours(text), helm(text)), (ours(text), helm(text))


NUMERIC = st.text("0123456789+-_.eExXoObBaAfF:", min_size=1, max_size=24)
KEYWORDISH = st.sampled_from(
    ["yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan", "y", "n", "~"]
).flatmap(
    lambda word: st.sampled_from(
        [word, word.upper(), word.title(), word.swapcase(), f"+{word}", f"-{word}", f"{word}1"]
    )
)
NUMBERS = st.one_of(
    st.integers().map(str), st.floats(allow_nan=False).map(repr), st.dates().map(str), st.datetimes().map(str)
)
WORDS = st.text(string.ascii_letters + string.digits + "._-+~=<>/", min_size=1, max_size=12)


@given(st.one_of(NUMERIC, KEYWORDISH, NUMBERS, WORDS))
@example("0b+1")
@example("9" * 5000)
@example("0x" + "f" * 5000)
def test_any_plain_scalar_means_what_it_means_to_helm_as_value_and_as_key(scalar: str) -> None:
    assert alike(ours(f"a: {scalar}\n"), helm(f"a: {scalar}\n"))
    assert alike(ours(f"{scalar}: v\n"), helm(f"{scalar}: v\n"))


@given(st.integers(-(2**63), 2**64 - 1))
def test_whole_numbers_of_64_bits_keep_all_their_digits_as_kubernetes_does(number: int) -> None:
    assert parse(f"a: {number}".encode(), "f").value == {"a": number}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_prints_as_helm_prints_it(number: float) -> None:
    text = f"a: {number!r}\n"
    assert json.dumps(ours(text)) == json.dumps(helm(text))


def test_of_several_spellings_of_a_key_the_last_wins_and_the_others_are_named() -> None:
    document = parse(b"1: a\n'1': b\n", "f")
    assert document.value == {"1": "b"}
    assert [str(place) for place in document.duplicates] == ["f:2: 1"]

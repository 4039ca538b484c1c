"""Reading: places, duplicates, models, and the bounds that hostile text meets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from deploy_orchestrator.documents import MAX_BYTES, MAX_DEPTH, DocumentError, dotted, parse, parse_all
from deploy_orchestrator.errors import Place

TEXT = b"""\
# a comment
name: shop

environments:
  - name: dev
    policy:
      soak: 10m
  - name: production
    policy: {approval: {required: 2},
      deadline: 5m}
long: |
  one
  two
"plain key": {inner: x}
"""


def test_a_field_is_placed_on_the_line_of_its_key_and_an_item_on_its_first_line() -> None:
    document = parse(TEXT, "fleet.yaml")
    lines = {
        (): 2,
        ("name",): 2,
        ("environments",): 4,
        ("environments", 0): 5,
        ("environments", 0, "policy", "soak"): 7,
        ("environments", 1, "name"): 8,
        ("environments", 1, "policy"): 9,
        ("environments", 1, "policy", "approval", "required"): 9,
        ("environments", 1, "policy", "deadline"): 10,
        ("long",): 11,
        ("plain key", "inner"): 14,
    }
    assert {field: document.place(*field).line for field in lines} == lines


def test_an_absent_field_is_placed_at_the_nearest_field_above_it() -> None:
    document = parse(TEXT, "fleet.yaml")
    assert document.place("environments", 1, "policy", "freezes", 0, "start") == Place(
        "fleet.yaml", 9, "environments[1].policy.freezes[0].start"
    )
    assert document.place("environments", 7).line == 4
    assert document.place("nowhere") == Place("fleet.yaml", 2, "nowhere")
    assert document.place() == Place("fleet.yaml", 2)
    assert parse(b"", "empty.yaml").place("name") == Place("empty.yaml", None, "name")


def test_later_documents_place_their_own_fields() -> None:
    first, second, third = parse_all(b"a: 1\n---\nb:\n  c: 2\n---\n- x\n", "many.yaml")
    assert first.place("a").line == 1
    assert second.place("b", "c").line == 4
    assert second.place("a").line == 3
    assert third.place(0).line == 6


def test_a_key_that_stands_twice_is_named_and_one_that_overrides_a_merge_is_not() -> None:
    document = parse(b"a: 1\nb: &b\n  - {c: 1,\n     c: 2}\nd:\n  <<: {e: 1}\n  e: 2\na: 3\n", "f")
    assert document.duplicates == (Place("f", 4, "b[0].c"), Place("f", 8, "a"))
    assert document.value["a"] == 3


def test_only_the_first_hundred_duplicates_are_named() -> None:
    assert len(parse(b"a:\n" * 1_000, "f").duplicates) == 100


def test_empty_documents_around_the_only_one_are_ignored_and_a_second_one_is_not() -> None:
    assert parse(b"a: 1\n---\n# nothing\n", "f").value == {"a": 1}
    assert parse(b"", "f").value is None
    with pytest.raises(DocumentError, match=r"f:4: expected one YAML document, found another"):
        parse(b"a: 1\n---\n\nb: 2\n", "f")


class Policy(BaseModel):
    model_config = ConfigDict(extra="forbid")
    roll_back: str = Field("5m", alias="rollBack")
    soak: str = "0s"


class Environment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    policy: Policy | None = None


class Fleet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    environments: dict[str, tuple[Environment, ...]]


UNKNOWN = "environments:\n  all:\n    - name: dev\n      polcy: {}\n"
MISFITS = [
    (UNKNOWN, "f:4: environments.all[0].polcy: there is no such field"),
    (UNKNOWN, "fix: did you mean policy?"),
    ("environments: {all: [{name: x, policy: {rollback: 1m}}]}", "fix: did you mean rollBack?"),
    ("environments: {all: [{name: x, zzz: 1}]}", "fix: known here: name, policy"),
    ("environments: {all: [{policy: {}}]}", "f:1: environments.all[0].name: the field is missing"),
    ("environments: {all: [{policy: {}}]}", "fix: add the field"),
    ("environments: {all: [{name: 1.30}]}", "expected a valid string, not 1.3\n  fix: put it in quotes"),
    ("environments: {all: [{name: 1, policy: {soak: 2}}]}", "(and 1 more)"),
    ("[]", "f:1: expected a mapping"),
    ("", "f: expected a mapping, not null"),
]


@pytest.mark.parametrize(("text", "message"), MISFITS)
def test_a_misfit_says_which_field_on_which_line_and_what_to_do(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse(text.encode(), "f").into(Fleet)
    assert message in str(error.value)


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(DocumentError) as error:
        parse(b"environments: " + b"x" * 10_000, "f").into(Fleet)
    assert len(str(error.value)) < 300


def test_a_field_path_is_written_as_people_write_it() -> None:
    assert dotted(("environments", 0, "policy", "soak")) == "environments[0].policy.soak"
    assert dotted(()) == ""


MERGES = "a: &a {b: [1]}\nx0: &x0 {<<: *a}\n" + "".join(
    f"x{i}: &x{i} {{<<: *x{i - 1}, k: [*x{i - 1}, *x{i - 1}]}}\n" for i in range(1, 40)
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "aliases in lists": BOMB,
    "aliases in merges": MERGES,
    "an alias of itself": "a: &a {b: *a}",
    "flow lists 1,000 deep": "[" * 1_000,
    "flow lists 100,000 deep": "[" * 100_000,
    "flow maps 100,000 deep": "{a: " * 100_000,
    "block lists 1,000 deep": "\n".join("  " * i + "-" for i in range(1_000)),
    "block lists on one line 100,000 deep": "- " * 100_000 + "x",
    "block maps 1,000 deep": "\n".join(" " * i + "a:" for i in range(1_000)),
    "keys 100,000 deep": "? " * 100_000 + "x",
    "one NUL": "a: \0b",
    "a bell": "a: \a",
    "an open quote": "a: '" + "x" * 100_000,
    "another YAML": "%YAML 1.2\n---\na: 1",
    "infinity": "a: .inf",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_ends_in_an_error_that_names_the_line(text: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse(text.encode(), "f")
    assert error.value.place is not None
    assert error.value.place.line is not None


def test_more_bytes_than_allowed_and_other_encodings_are_refused() -> None:
    with pytest.raises(DocumentError, match="larger than"):
        parse(b" " * (MAX_BYTES + 1), "f")
    with pytest.raises(DocumentError, match="f:2: not UTF-8 at byte 3"):
        parse(b"a:\n\xff", "f")
    with pytest.raises(DocumentError, match="not UTF-8"):
        parse("a: 1".encode("utf-16"), "f")


def test_nesting_as_deep_as_allowed_is_read() -> None:
    value: Any = parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "f").value
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []


@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%?,<\n \t", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_and_every_field_read_has_a_line(data: bytes) -> None:
    try:
        documents = parse_all(data, "f")
    except DocumentError:
        return
    for document in documents:
        assert document.place().line is not None

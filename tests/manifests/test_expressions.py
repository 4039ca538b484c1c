"""What expressions in a CustomResourceDefinition ask of the objects beside it, as a real API server answers.

`tests/e2e/test_refusals.py` asks one the same of all in `tests/data/expressions.yaml`.
"""

import json
import resource
import time
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.manifests import expressions

Asked = tuple[dict[str, Any], str, list[Any], list[Any]]
"""The schema of a field, the rule on it, values that the rule lets pass, and others."""

TEXT: Final = {"type": "string"}
WHOLE: Final = {"type": "integer"}
ASKED: Final[list[Asked]] = [
    (each["field"], each["rule"], each["holds"], each["fails"])
    for each in yaml.load(
        (Path(__file__).parents[1] / "data" / "expressions.yaml").read_text(), yaml.CSafeLoader
    )
]
BEYOND: Final[list[Asked]] = [
    (TEXT, "quantity(self).isGreaterThan(quantity('1Gi'))", ["2Gi", "1Mi"], []),
    (TEXT, "self == oldSelf", ["a"], []),
    (WHOLE, "self / 0 == 1", [1], []),
    ({"type": "string", "format": "duration"}, "self > duration('1m')", ["1h30m", "5s"], []),
    ({"type": "string", "format": "date-time"}, "self == 'x'", ["2026-01-01T01:00:00Z"], []),
    (WHOLE, "self >", [1], []),
    (WHOLE, "self + 1", [1], []),
    (WHOLE, f"self > 1{' && self > 1' * 2000}", [1], []),
    (WHOLE, f"{'(' * 500}self > 1{')' * 500}", [1], []),
]
"""What the library cannot say is left for the API server."""


def schema_of(field: dict[str, Any], rule: str) -> dict[str, Any]:
    held = {**field, expressions.RULES: [{"rule": rule, "message": "not so"}]}
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": {"field": held}}}}


@pytest.mark.parametrize(("field", "rule", "hold", "break_"), [*ASKED, *BEYOND])
def test_a_rule_refuses_what_it_certainly_does_not_let_pass(
    field: dict[str, Any], rule: str, hold: list[Any], break_: list[Any]
) -> None:
    schema = schema_of(field, rule)
    assert expressions.has_rules(schema)
    for value in hold:
        assert not expressions.refusals(schema, {"spec": {"field": value}})
    for value in break_:
        (refusal,) = expressions.refusals(schema, {"spec": {"field": value}})
        assert (refusal.path, refusal.message) == (("spec", "field"), "not so")


def test_what_is_absent_or_null_is_held_against_nothing() -> None:
    schema = schema_of(WHOLE, "self > 1")
    assert not expressions.refusals(schema, {"spec": {}})
    assert not expressions.refusals(schema, {"spec": {"field": None}})


def test_a_hostile_definition_takes_no_time() -> None:
    many = list(range(3000))
    nested = "self.all(a, self.all(b, self.all(c, self.all(d, a + b + c + d >= 0))))"
    schema = schema_of({"type": "array", "items": WHOLE}, nested)
    rules = [{"rule": f"self.size() > {number}"} for number in range(100_000)]
    schema["properties"]["spec"]["properties"]["other"] = {"type": "string", expressions.RULES: rules}
    started = time.process_time()
    expressions.refusals(schema, {"spec": {"field": many, "other": "a" * 100_000}})
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "rule",
    [
        "self.l.map(a, self.l.map(b, self.s + self.s)).size() < 0",
        "self.l.map(a, self.s.split('')).size() < 0",
        "self.s.replace('a', self.s).size() < 0",
        "[self.s, self.s, self.s].join(self.s).replace('a', self.s).size() < 0",
        "'%s%s'.format([self.s, self.s]).replace('a', self.s).size() < 0",
    ],
)
def test_what_would_take_more_than_there_is_is_not_worked_out(rule: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value = {"l": list(range(95)), "s": "a" * 1_000_000}
    assert not expressions.refusals({"type": "object", expressions.RULES: [{"rule": rule}]}, value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(
    schema=anything,
    body=st.dictionaries(st.text(max_size=4), anything, max_size=3),
    rule=st.text(max_size=12),
)
def test_schemas_rules_and_objects_of_any_shape_are_held_against_each_other(
    schema: Any, body: Any, rule: str
) -> None:
    before = json.dumps(body)
    expressions.refusals({"properties": {"a": schema}, expressions.RULES: [{"rule": rule}, schema]}, body)
    assert json.dumps(body) == before

import gzip
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy_orchestrator.charts import ChartError, Constraint, ConstraintError, Version, VersionError

ORACLE = Path(__file__).parents[1] / "data" / "constraint-oracle.tsv.gz"
GREATEST = 2**64 - 1


def answer(constraint: str, version: str) -> str:
    try:
        return "yes" if Constraint.parse(constraint).allows(version) else "no"
    except ConstraintError:
        return "bad-constraint"
    except VersionError:
        return "bad-version"


def facts() -> Iterator[tuple[str, str, str]]:
    with gzip.open(ORACLE, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            constraint, version, expected = line.removesuffix("\n").split("\t")
            yield constraint, version, expected


def test_all_answers_of_helms_own_library_agree() -> None:
    differing = [fact for fact in facts() if answer(*fact[:2]) != fact[2]]
    assert differing == []


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused"),
    [
        ("^*", "0.0.0", "0.0.1 1.0.0"),
        ("*", "0.0.0 9.9.9", "1.0.0-rc"),
        ("!=*", "0.0.1 1.0.0", "0.0.0"),
        ("<=*", "0.0.9", "0.1.0"),
        (">*", "0.0.1", "0.0.0"),
        ("~0.0.0", "0.0.0 5.4.3", "0.0.1-rc"),
        ("~0.0", "0.0.9", "0.1.0"),
        ("^0.0", "0.0.9", "0.1.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("^0", "0.9.9", "1.0.0"),
        (">11", "12.0.0", "11.9.9"),
        (">11.1", "11.2.0", "11.1.9"),
        ("<=1.2", "1.2.9", "1.3.0"),
        ("=>1.2 =<1.4", "1.2.0 1.4.9", "1.5.0"),
        ("~>1.2.3", "1.2.9", "1.3.0"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6"),
        ("1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2"),
        (">=1.2.3-0", "1.2.3-0 1.2.3 2.0.0-rc", "1.2.2"),
        (">=1.0.0 <2.0.0-0", "1.0.0 1.5.0-rc", "1.0.0-rc 2.0.0"),
        (">=1.0.0 || >=3.0.0-0", "1.0.0 3.0.0-rc", "2.0.0-rc"),
        ("!=1.2.x >=1.0.0-0", "1.2.3-rc 1.3.0", "1.2.3"),
        ("!=1.2.x-rc >=1.0.0-0", "1.2.3 1.2.3-rc.1 1.3.0-rc", "1.2.0-rc 1.2.9-rc"),
        ("1||2 - 3", "1.5.0 7.0.0 2.0.0", "0.9.0"),
        ("1 - 2>1.5", "2.0.0", "1.5.0"),
        ("*.9|9", "0.0.0 7.0.0", "1.0.0-0"),
        (f">{GREATEST - 1}", f"{GREATEST}.0.0", f"{GREATEST - 1}.9.9"),
    ],
)
def test_the_surprising_rules_of_helm_hold(constraint: str, allowed: str, refused: str) -> None:
    answers = {version: answer(constraint, version) for version in f"{allowed} {refused}".split()}
    assert answers == dict.fromkeys(allowed.split(), "yes") | dict.fromkeys(refused.split(), "no")


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "expected a version, found the end"),
        ("latest", 1, "expected a version, found 'l'"),
        ("==1.2.3", 2, "expected a version, found '='"),
        (">= ", 4, "expected a version, found the end"),
        (">=1.2, || 2", 8, "expected a version, found '||'"),
        (">=1.2 && <2", 7, "expected a version, found '&'"),
        (">=1.2,, <2", 7, "expected a version, found ','"),
        ("1.2.3.4", 6, "expected a space or a comma, found '.'"),
        ("1.2>1", 4, "expected a space or a comma, found '>'"),
        ("1.x 2 - 3", 5, "expected a space or a comma, found a hyphen range, which"),
        ("1 - 2 - 3", 7, "expected a version, found '-'"),
        ("^1.2 || ^1.2.3-01", 10, "the prerelease number 01 starts with a zero"),
        ("1.1x", 1, "expected a number, found '1x'"),
        (f"<{GREATEST + 1}", 2, f"the number {GREATEST + 1} is above 2^64 - 1"),
        ("||".join(["1"] * 33), 97, "more than 32 alternatives"),
        (" " * 513, 513, "longer than 512 characters"),
    ],
)
def test_what_is_no_constraint_says_where_and_why(text: str, column: int, reason: str) -> None:
    with pytest.raises(ConstraintError) as raised:
        Constraint.parse(text)
    assert (raised.value.position + 1, raised.value.text) == (column, text)
    assert raised.value.reason.startswith(reason)
    assert f"column {column}: {reason}" in str(raised.value)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, ChartError)


@given(st.text() | st.text(alphabet="0123456789.xX*v|-+~^<>=!, \tar", max_size=30))
def test_any_text_is_a_constraint_or_a_clear_error(text: str) -> None:
    error = None
    try:
        Constraint.parse(text)
    except ConstraintError as raised:
        error = raised
    assert error is None or (0 <= error.position <= len(text) and error.reason)


@pytest.mark.parametrize(
    ("constraint", "bounds"),
    [
        ("^1.2.3", ">=1.2.3 <2.0.0"),
        ("1.x.x", ">=1.0.0 <2.0.0"),
        ("~1.2", ">=1.2.0 <1.3.0"),
        (">1.2.3 <=1.4.5", ">=1.2.4 <=1.4.5"),
        ("1.2.3", "=1.2.3"),
        (">=2", ">=2.0.0"),
        ("^1.2.3-0", ">=1.2.3-0 <2.0.0-0"),
        (">=1.0.0-0 <=1.0.5", ">=1.0.0-0 <=1.0.5"),
        (">1.0.0 <1.0.1-0", "None"),
        (">1.0.0-rc <1.0.0", ">=1.0.0-rc.0 <1.0.0"),
        (">=1.2.3-rc <=1.2.3-rc !=1.2.x-rc", "None"),
        ("<=1.2.3-rc.0 >=1.2.0-0 !=1.2.x-rc.0", ">=1.2.0-0 <=1.2.3-rc"),
        ("1.x || 3.x", ">=1.0.0 <4.0.0"),
    ],
)
def test_bounds_are_the_tightest(constraint: str, bounds: str) -> None:
    assert str(Constraint.parse(constraint).bounds) == bounds


@pytest.mark.parametrize(
    "text",
    [
        ">2 <1",
        "1.x 2.x",
        "<0.0.0",
        "<0.0.0-0",
        ">1.2.3-a <1.2.3-a.0",
        ">1.0.0 <1.0.1-0",
        ">=1.2.3 <1.2.3-0",
        "=1.2.3-rc !=1.2.x-rc",
        f">{GREATEST}",
        f">{GREATEST}.{GREATEST}.{GREATEST}",
    ],
)
def test_what_no_version_satisfies_is_empty(text: str) -> None:
    assert Constraint.parse(text).is_empty


@pytest.mark.parametrize(
    ("text", "witness"),
    [
        (">1.2.3 <1.2.4-0.0", "1.2.4-0"),
        (">1.2.3-0 <1.2.3", "1.2.3-0.0"),
        (">1.0.0-a <1.0.0-b", "1.0.0-a.0"),
        (">=1.2.3-rc <1.2.3-rc.1 !=1.2.x-rc", "1.2.3-rc.0"),
        ("<0.0.1-0", "0.0.0-0"),
        (f">{GREATEST}.0.0-0", f"{GREATEST}.0.0"),
    ],
)
def test_what_only_an_unusual_version_satisfies_is_not_empty(text: str, witness: str) -> None:
    assert not Constraint.parse(text).is_empty
    assert Constraint.parse(text).allows(witness)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("^1.2.0 || ^2.0.0-rc", ">=1.5 <3", ">=1.5.0 <3.0.0"),
        ("^1.2.0 || ^2.0.0-rc", ">=1.5-0 <3", ">=1.5.0 <2.0.0 || >=2.0.0-rc <3.0.0-0"),
        ("1.x || 3.x", ">=1.4", ">=1.4.0 <2.0.0 || >=3.0.0 <4.0.0"),
        ("1.x", "2.x", "<0.0.0"),
        ("*", ">=0.0.0-0", "*"),
        ("*", "<2", "<2.0.0"),
        ("~1.2", "1.2.4 || 1.2.7", "=1.2.4 || =1.2.7"),
        (">=1.0.0-0", "!=1.2.x <2.0.0-0", ">=1.0.0-0 <2.0.0-0 !=1.2.x"),
        (">=1.0.0-0 <1.4.0", "!=1.2.x-rc >1.0.0-0", ">=1.0.0-0.0 <1.4.0 !=1.2.x-rc"),
        (">=1.0.0-0", "=1.2.3-rc.1", "=1.2.3-rc.1"),
        (">=1.3.1 <1.3.3", ">0.0.0-0", ">=1.3.1 <1.3.3"),
        (">=1.3.1 <1.3.3 >0.0.0-0", ">0.0.0-0", "=1.3.1 || >=1.3.2-0 <1.3.3"),
    ],
)
def test_an_intersection_is_a_constraint_that_helm_reads(one: str, other: str, both: str) -> None:
    assert str(Constraint.parse(one) & Constraint.parse(other)) == both


def test_equal_constraints_may_be_spelled_differently() -> None:
    assert Constraint.parse("=> 1.2, ~>v1.X") == Constraint.parse(">=1.2.* ~1")
    assert (
        len({Constraint.parse("1.2.3"), Constraint.parse("= 1.2.3"), Constraint.parse("=1.2.3+build")}) == 1
    )
    assert Constraint.parse("1.2.3") != Constraint.parse("1.2.3-0")


def join(numbers: list[str], end: str) -> str:
    return ".".join(numbers) + end


NUMBERS = ["0", "1", "2", "3", str(GREATEST)]
PRERELEASES = ["", "-0", "-0.0", "-a", "-a.0", "-a.1", "-b", f"-{GREATEST + 1}"]
VERSIONS = [Version.parse(join(numbers, end)) for *numbers, end in product(*[NUMBERS] * 3, PRERELEASES)]

parts = st.sampled_from([*NUMBERS, "x", "*"])
patterns = st.builds(join, st.lists(parts, min_size=1, max_size=3), st.sampled_from(["", "", *PRERELEASES]))
operators = st.sampled_from(["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"])
comparators = st.builds(str.__add__, operators, patterns) | st.builds("{} - {}".format, patterns, patterns)
groups = st.lists(comparators, min_size=1, max_size=3).map(", ".join)
constraints = st.lists(groups, min_size=1, max_size=3).map(" || ".join).map(Constraint.parse)


@given(constraints)
def test_a_constraint_survives_printing(constraint: Constraint) -> None:
    assert Constraint.parse(str(constraint)) == constraint


@given(constraints, constraints)
def test_an_intersection_allows_exactly_what_both_allow(one: Constraint, other: Constraint) -> None:
    both = one & other
    assert both == one.intersection(other)
    for version in VERSIONS:
        assert both.allows(version) == (one.allows(version) and other.allows(version))


@given(constraints, constraints)
def test_the_text_of_an_intersection_means_the_intersection(one: Constraint, other: Constraint) -> None:
    both = one & other
    assume(len(str(both)) <= 512)
    read = Constraint.parse(str(both))
    assert read == both
    assert [*map(read.allows, VERSIONS)] == [*map(both.allows, VERSIONS)]


@given(constraints, constraints)
def test_emptiness_is_claimed_exactly_where_no_version_is_allowed(one: Constraint, other: Constraint) -> None:
    both = one & other
    if both.is_empty:
        assert both.bounds is None
        assert not any(one.allows(version) and other.allows(version) for version in VERSIONS)
    else:
        assert both.bounds is not None
        assert one.allows(both.bounds.lower)
        assert other.allows(both.bounds.lower)


@given(constraints)
def test_every_allowed_version_is_within_the_bounds(constraint: Constraint) -> None:
    bounds = constraint.bounds
    allowed = [version for version in VERSIONS if constraint.allows(version)]
    assume(allowed)
    assert bounds is not None
    assert bounds.lower <= min(allowed)
    if bounds.upper is not None:
        assert max(allowed) <= bounds.upper
        assert constraint.allows(bounds.upper) == bounds.upper_included

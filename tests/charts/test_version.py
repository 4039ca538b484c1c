import pickle
from itertools import pairwise

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.charts import ChartError, Version, VersionError

GREATEST = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("2", "2.0.0"),
        ("0.46.00", "0.46.0"),
        ("01.02.03", "1.2.3"),
        ("25.11-0", "25.11.0-0"),
        ("0.6-SNAPSHOT", "0.6.0-SNAPSHOT"),
        ("1.0.0--", "1.0.0--"),
        ("1.0.0-0.x+a-b.01", "1.0.0-0.x+a-b.01"),
        (f"{GREATEST}.0.0", f"{GREATEST}.0.0"),
        ("0" * 200 + "1", "1.0.0"),
    ],
)
def test_helms_loose_forms_are_versions(text: str, means: str) -> None:
    assert str(Version.parse(text)) == means


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a number is missing"),
        ("latest", "expected a number, found 'latest'"),
        ("V1.2.3", "expected a number, found 'V1'"),
        (" 1.2.3", "expected a number, found ' 1'"),
        ("1..2", "a number is missing"),
        ("1.2.", "a number is missing"),
        ("1.2.3.4", "more than three numbers"),
        ("1.x", "expected a number, found 'x'"),
        ("٣.0.0", "expected a number, found '٣'"),
        ("0.7.0b1", "expected a number, found '0b1'"),
        ("6.0.0-01", "the prerelease number 01 starts with a zero"),
        ("1.0.0-", "an empty part in the prerelease"),
        ("1.0.0-a..b", "an empty part in the prerelease"),
        ("1.0.0-a_b", "a character in the prerelease that is no ASCII letter, digit or hyphen"),
        ("1.0.0+", "an empty part in the build metadata"),
        ("1.0.0+a+b", "a character in the build metadata that is no ASCII letter, digit or hyphen"),
        (f"{GREATEST + 1}.0.0", f"the number {GREATEST + 1} is above 2^64 - 1"),
        ("1" * 257, "longer than 256 characters"),
    ],
)
def test_what_is_no_version_says_why(text: str, reason: str) -> None:
    with pytest.raises(VersionError) as raised:
        Version.parse(text)
    assert (raised.value.text, raised.value.reason) == (text, reason)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, ChartError)


def test_the_order_is_that_of_semantic_versioning() -> None:
    prereleases = [
        "0",
        "0.0",
        "2",
        "10",
        "-",
        "Z",
        "alpha",
        "alpha.1",
        "alpha.beta",
        "beta.2",
        "beta.11",
        "rc",
    ]
    releases = ["1.0.0", "1.0.1-0", "1.0.1", "1.9.0", "1.10.0", "2.0.0"]
    versions = [Version.parse(text) for text in [*(f"1.0.0-{part}" for part in prereleases), *releases]]
    assert sorted(versions, reverse=True) == versions[::-1]
    assert all(one < other and other > one and one != other for one, other in pairwise(versions))


def test_prerelease_numbers_beyond_64_bits_sort_as_text() -> None:
    number, small, great = (Version.parse(f"1.0.0-{n}") for n in (GREATEST, 10**20, 99 * 10**18))
    assert number < small < great
    assert (number.compare(small), small.compare(str(small)), great.compare(small)) == (-1, 0, 1)


def test_build_metadata_changes_no_comparison() -> None:
    plain, built = Version.parse("1.2.3"), Version.parse("1.2.3+build.7")
    assert plain == built
    assert plain <= built
    assert plain >= built
    assert hash(plain) == hash(built)
    assert str(built) == "1.2.3+build.7"


numbers = st.integers(0, 3)
identifiers = st.sampled_from(["0", "1", "10", "a", "rc", "-", "0a"])
prereleases = st.none() | st.lists(identifiers, min_size=1, max_size=3).map(".".join)
versions = st.builds(Version, numbers, numbers, numbers, prereleases)


@given(versions, versions)
def test_versions_compare_as_those_of_the_semver_package(one: Version, other: Version) -> None:
    theirs = semver.Version.parse(str(one)).compare(str(other))
    assert (one < other, one == other, one > other) == (theirs < 0, theirs == 0, theirs > 0)
    assert one.compare(other) == theirs


@given(versions)
def test_a_version_survives_printing_and_pickling(version: Version) -> None:
    assert Version.parse(str(version)) == version
    assert pickle.loads(pickle.dumps(version)).key == version.key

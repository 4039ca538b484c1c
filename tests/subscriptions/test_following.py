"""Which versions a subscription follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.charts import Constraint
from deploy_orchestrator.fleet import Subscription
from deploy_orchestrator.subscriptions import allows


def following(constraint: str = "*", *prereleases: str) -> Subscription:
    return Subscription(name="db", chart="db", constraint=constraint, prereleases=prereleases)


@pytest.mark.parametrize(
    ("constraint", "prereleases", "version", "followed"),
    [
        ("*", (), "1.0.0", True),
        ("*", (), "2.0.0-rc.1", False),
        ("*", ("rc",), "2.0.0-rc.1", True),
        ("*", ("rc",), "2.0.0-rc1", True),
        ("*", ("rc",), "2.0.0-beta.1", False),
        ("*", ("rc",), "2.0.0-1", False),
        ("1.x", ("rc",), "2.0.0-rc.1", False),
        (">=15 <17", ("rc",), "16.0.0-rc.1", True),
        (">=15 <17", (), "17.0.0", False),
        ("1.x", (), "v1.2", True),
    ],
)
def test_what_the_constraint_allows_is_followed_and_of_pre_releases_those_that_are_named(
    constraint: str, prereleases: tuple[str, ...], version: str, followed: bool
) -> None:
    assert allows(following(constraint, *prereleases), version) is followed


numbers = st.integers(0, 3)
constraints = st.sampled_from(["*", "1.x", "^1.2.0", "~2.1.0", ">=1 <3", "1.2.3", "2.x || 0.x"])


@given(constraints, st.tuples(numbers, numbers, numbers), st.sampled_from(["rc.1", "beta", "rc2"]))
def test_a_pre_release_is_followed_where_its_release_would_be(
    constraint: str, parts: tuple[int, int, int], pre: str
) -> None:
    release = ".".join(map(str, parts))
    wanted = Constraint.parse(constraint).allows(release)
    assert allows(following(constraint), release) is wanted
    assert allows(following(constraint, "rc", "beta"), f"{release}-{pre}") is wanted
    assert not allows(following(constraint), f"{release}-{pre}")

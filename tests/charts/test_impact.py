from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.charts import (
    ABSENT,
    ChartChange,
    ChartIdentity,
    Repositories,
    ValueChange,
    analyze,
    broken,
    changed_values,
    impact,
    is_set,
    pinned,
    resolve,
)

Publish = Callable[..., Repositories]

URL = "https://hub.example.com"
COMMON = ChartIdentity(URL, "common")


@pytest.fixture
def hub(publish: Publish) -> Repositories:
    return publish(
        hub={
            "app@1.0.0": ["db 1.x", "web 1.x"],
            "db@1.0.0": ["common 1.x", "old 1.x"],
            "db@2.0.0": ["common 2.x", "new 1.x", "lost 1.x"],
            "web@1.0.0": ["common 1.x"],
            "common@1.0.0": [],
            "common@2.0.0": [],
            "old@1.0.0": [],
            "new@1.0.0": [],
        }
    )


def test_an_upgrade_tells_which_charts_change_and_which_conflicts_appear_and_go(hub: Repositories) -> None:
    (app,) = hub.find(URL, "app")
    before, after = analyze(app, hub), analyze(pinned(app, "db", "2.0.0"), hub)
    change = impact(before, after)
    assert change.charts == (
        ChartChange(COMMON, ("1.0.0",), ("1.0.0", "2.0.0")),
        ChartChange(ChartIdentity(URL, "db"), ("1.0.0",), ("2.0.0",)),
        ChartChange(ChartIdentity(URL, "new"), (), ("1.0.0",)),
        ChartChange(ChartIdentity(URL, "old"), ("1.0.0",), ()),
    )
    assert [conflict.identity for conflict in change.appearing] == [COMMON]
    assert change.going == ()
    assert [missing.dependency.name for missing in change.missing] == ["lost"]
    back = impact(after, before)
    assert ([conflict.identity for conflict in back.going], back.appearing, back.missing) == (
        [COMMON],
        (),
        (),
    )


def test_the_needs_that_do_not_allow_a_version_break(hub: Repositories) -> None:
    closure = resolve(hub.find(URL, "app")[0], hub)
    needs = broken(closure, COMMON, "2.0.0")
    assert sorted((str(need.parent), need.constraint) for need in needs) == [
        ("db@1.0.0", "1.x"),
        ("web@1.0.0", "1.x"),
    ]
    assert broken(closure, COMMON, "1.9.0") == ()


def test_defaults_are_compared_down_to_the_innermost_field() -> None:
    before = {
        "image": {"tag": "1", "pull": {"policy": "Always"}},
        "args": ["a"],
        "old": {"x": 1},
        "same": None,
    }
    after = {
        "image": {"tag": "2", "pull": None},
        "args": ["a", "b"],
        "new": {"y": {"z": 0}, "e": {}},
        "same": None,
    }
    assert set(map(str, changed_values(before, after))) == set(
        map(
            str,
            [
                ValueChange(("image", "tag"), "1", "2"),
                ValueChange(("image", "pull"), {"policy": "Always"}, None),
                ValueChange(("args",), ["a"], ["a", "b"]),
                ValueChange(("old", "x"), 1, ABSENT),
                ValueChange(("new", "y", "z"), ABSENT, 0),
                ValueChange(("new", "e"), ABSENT, {}),
            ],
        )
    )
    assert changed_values({"a": 1}, {"a": True}) == (ValueChange(("a",), 1, True),)


values = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        max_leaves=5,
    ),
    max_size=3,
)


@given(values, values)
def test_equal_defaults_and_only_these_have_no_changes(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert changed_values(one, one) == ()
    assert (changed_values(one, other) == ()) == (repr(sorted_(one)) == repr(sorted_(other)))


def sorted_(value: object) -> object:
    return {key: sorted_(below) for key, below in sorted(value.items())} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("given_values", "touched"),
    [
        ({"image": {"tag": "3"}}, True),
        ({"image": {"tag": None}}, True),
        ({"image": {"tag": {"x": 1}}}, True),
        ({"image": None}, True),
        ({"image": "web:3"}, True),
        ({"image": {"name": "web"}}, False),
        ({}, False),
    ],
)
def test_values_that_set_a_field_or_what_it_stands_in_are_touched(
    given_values: dict[str, object], touched: bool
) -> None:
    assert is_set(given_values, ("image", "tag")) is touched

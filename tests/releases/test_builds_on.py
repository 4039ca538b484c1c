"""Whether a newer change of what is released takes something of an older one back."""

import pytest

from deploy_orchestrator.manifests import diff
from deploy_orchestrator.releases import builds_on


def changed(build, **data):
    return build.manifests(build.config_map(**data)) if data else build.manifests(build.job())


@pytest.mark.parametrize(
    ("older", "newer", "builds"),
    [
        ({"a": "2"}, {"a": "2", "b": "1"}, True),
        ({"a": "2"}, {"a": "3"}, True),
        ({"a": "2"}, {"a": "1", "b": "2"}, False),
        ({"a": "2", "b": "1"}, {"a": "2"}, False),
        ({"a": "2", "b": "1"}, {"b": "1"}, True),
        ({"a": "1\nnew"}, {"a": "1\nnew\nnewer"}, True),
        ({"a": "1\nnew"}, {"a": "1\nnewer"}, False),
        ({}, {"a": "2"}, False),
    ],
)
def test_a_newer_change_builds_on_an_older_one_where_it_changes_all_of_that(build, older, newer, builds):
    text = any("\n" in each for each in older.values())
    released = build.manifests(build.config_map(a="1\nold" if text else "1"))
    first, second = (diff(released, changed(build, **each)) for each in (older, newer))
    assert builds_on(second, first) is builds


def test_a_first_release_builds_on_another_that_has_its_objects(build):
    one, both = (
        build.manifests(build.config_map(a="1")),
        build.manifests(build.config_map(a="2"), build.job()),
    )
    assert builds_on(diff(None, both), diff(None, one))
    assert not builds_on(diff(None, one), diff(None, both))

"""The table of keyed lists agrees with what the Kubernetes schemas say."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from deploy_orchestrator.manifests.lists import ITEM_KEYS, ORDERED, SETS

SCHEMA = files("kubernetes_validate") / "kubernetes-json-schema/v1.34.0-local-strict/_definitions.json"
NOT_WRITTEN = ("Status", "PodIP", "HostIP", "Condition", "List")
KEYLESS_TO_PEOPLE = {
    "addresses",
    "claims",
    "drivers",
    "reservedFor",
    "resources",
    "schedulingGates",
    "storageVersions",
    "variables",
    "x-kubernetes-validations",
}
"""Lists that charts do not write, or whose field name means another thing elsewhere: compared by place."""


def keyed_lists() -> Iterator[tuple[str, tuple[str, ...]]]:
    definitions: dict[str, Any] = json.loads(SCHEMA.read_text())["$defs"]
    for name, definition in definitions.items():
        for field, schema in definition.get("properties", {}).items():
            keys = schema.get("x-kubernetes-list-map-keys") or [schema.get("x-kubernetes-patch-merge-key")]
            if keys != [None] and not name.endswith(NOT_WRITTEN):
                yield field, tuple(keys)


def test_every_keyed_list_that_people_write_is_known_by_its_keys() -> None:
    for field, keys in keyed_lists():
        if field not in KEYLESS_TO_PEOPLE:
            known = ITEM_KEYS.get(field, ())
            assert any(set(each) <= set(keys) for each in known), (field, keys, known)


def test_no_list_is_both_keyed_by_the_schemas_and_a_set() -> None:
    keyed = {field for field, _ in keyed_lists()} - KEYLESS_TO_PEOPLE
    assert keyed.isdisjoint(SETS)
    assert ITEM_KEYS.keys() >= ORDERED

"""What is remembered of a fleet gives what reading all of it gives, whatever is edited in between."""

from pathlib import Path
from typing import Any

import pygit2
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.fleet import Fleet, FleetError, load
from deploy_orchestrator.git import Changes, ObjectStore, Tree
from tests.fleet.conftest import FILES, FLEET, TENANT

SHARING = FLEET.replace(
    "    policy:\n      soak: 10m\n", "    policy: {soak: 10m, sharedNamespaces: [apps]}\n", 1
)
APPS = "perEnvironment: {staging: {namespace: {name: apps, shared: true, keeper: true}}}\n"
ELSEWHERE = (
    "values:\n  - {file: tenants/shop/values.yaml, optional: true}\n  - {file: shared.yaml, optional: true}\n"
)
EDITS: list[dict[str, str | None]] = [
    {"tenants/shop/values.yaml": "replicas: 2\n"},
    {"tenants/shop/values.yaml": None},
    {"tenants/shop/tenant.yaml": TENANT.replace("pods: 30", "pods: 31")},
    {"tenants/shop/tenant.yaml": TENANT + APPS},
    {"tenants/blog/tenant.yaml": TENANT + APPS},
    {"tenants/blog/tenant.yaml": TENANT + "namespace: {name: shop-dev}\n"},
    {"tenants/blog/tenant.yaml": TENANT + ELSEWHERE},
    {"tenants/blog/tenant.yaml": TENANT.replace("~1.2.0", "~9.0.0")},
    {"tenants/blog/tenant.yaml": TENANT},
    {"tenants/blog/tenant.yaml": None},
    {"tenants/shop-dev/tenant.yaml": TENANT},
    {"tenants/shop-dev/tenant.yaml": None},
    {"tenants/shop/values-stagin.yaml": "a: 1\n"},
    {"tenants/shop/values-stagin.yaml": None},
    {"tenants/blog": "a file"},
    {"shared.yaml": "replicas: 3\n"},
    {"charts/web/values-tenant-shop.yaml": "replicas: 4\n"},
    {"charts/web/values-tenant-shop.yaml": None},
    {"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 9.0.0\n"},
    {"charts/web/Chart.yaml": str(FILES["charts/web/Chart.yaml"])},
    {"fleet.yaml": SHARING},
    {"fleet.yaml": FLEET},
]


def told(tree: Tree) -> Any:
    """All that a fleet says; each time read as if for the first time in a process."""
    load.cache_clear()
    try:
        fleet: Fleet = load(tree)
    except FleetError as error:
        return str(error)
    deployments = fleet.deployments()
    return (
        dict(fleet.tenants),
        {name: str(error) for name, error in fleet.broken.items()},
        fleet.values,
        fleet.charts,
        fleet.keepers,
        deployments,
        [fleet.inputs(each) for each in deployments],
    )


@given(st.lists(st.sampled_from(range(len(EDITS))), max_size=6))
@settings(max_examples=8, deadline=None)
def test_it_is_what_reading_all_of_it_gives(tmp_path_factory, edits: list[int]) -> None:
    folder: Path = tmp_path_factory.mktemp("fleet")
    objects = pygit2.init_repository(str(folder / "fleet.git"), bare=True)
    store = ObjectStore(folder / "fleet.git", folder / "kept")
    tree = Tree(None, str(objects.TreeBuilder().write()), store).changed(
        Changes("", {path: _bytes(text) for path, text in FILES.items()})
    )
    seen = [tree]
    for edit in map(EDITS.__getitem__, edits):
        removed = [path for path, text in edit.items() if text is None]
        replaced = ["tenants/blog"] if "tenants/blog" in edit or "tenants/blog/tenant.yaml" in edit else []
        tree = tree.changed(
            Changes(
                "",
                {path: text.encode() for path, text in edit.items() if text is not None},
                [*removed, *replaced],
            )
        )
        seen.append(tree)
    for each in (*seen, *reversed(seen)):
        assert told(each) == told(_without_memory(each))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _without_memory(tree: Tree) -> Tree:
    return Tree(tree.commit, tree.root, ObjectStore(tree.store.path))

"""A new tenant from the template."""

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layout import TEMPLATE, TENANTS
from deploy_orchestrator.fleet.tenants import check_name
from deploy_orchestrator.git import Tree

PLACEHOLDER = "__tenant__"


def new_tenant(name: str, tree: Tree) -> dict[str, bytes]:
    """The files of a new tenant by their paths: those of `tenants/_template/` in `tree`, with `name` for
    `__tenant__` in their paths and text.

    Raises:
        FleetError: the name will not do or is taken, or there is no template.
        UnsafeTree: the template holds a link.
    """
    check_name(name)
    if tree.exists(f"{TENANTS}/{name}"):
        raise FleetError(
            f"there is a tenant {name!r} already", place=Place(f"{TENANTS}/{name}"), fix="choose another name"
        )
    files = tree.files(TEMPLATE)
    if not files:
        raise FleetError(
            "there is no template for tenants", place=Place(TEMPLATE), fix="put a tenant.yaml there"
        )
    return {
        f"{TENANTS}/{name}/{path.replace(PLACEHOLDER, name)}": data.replace(
            PLACEHOLDER.encode(), name.encode()
        )
        for path, data in files.items()
    }

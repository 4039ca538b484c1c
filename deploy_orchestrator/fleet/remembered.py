"""The tenants of a fleet as they were read last: whose folder is another is read again, and nobody else's.

A tenant's folder has a Git id, and so has all that stands beside `tenants/`. Where both are what they were,
nobody came or went, and nobody asks for another namespace, nothing that is said of that tenant can be other.
What is kept holds nothing that the commit does not, and only of fleets in which nothing is broken.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

import pydantic

from deploy_orchestrator import charts, terms
from deploy_orchestrator.documents import READER
from deploy_orchestrator.fleet.configuration import Configuration
from deploy_orchestrator.fleet.layering import InFleet, layers_of
from deploy_orchestrator.fleet.layout import TENANTS
from deploy_orchestrator.fleet.model import Tenant
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.storage import cache_key, made_by

MANY: Final = 20
"""Tenants that are read anew rather than kept: what is kept is as long as the fleet."""
_KIND: Final = "fleets"


class RememberedTenant(pydantic.BaseModel):
    """A tenant: the Git id of its folder, what stands in it, and those of its values files by path."""

    folder: str
    tenant: str
    values: dict[str, str]

    def asks_like(self, other: Tenant) -> bool:
        """Whether it is in the environments of another state of it, and asks for the same names there."""
        own = _tenant(self.tenant)
        return (own.environments, own.namespace, own.release, own.per_environment, _placed(own)) == (
            other.environments,
            other.namespace,
            other.release,
            other.per_environment,
            _placed(other),
        )


class Remembered(pydantic.BaseModel):
    """A fleet's `tenants` by name, the `charts` in it that they ask for, and who keeps which shared
    namespace, as (environment, namespace, tenant).
    """

    tenants: dict[str, RememberedTenant]
    charts: tuple[str, ...]
    keepers: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, tree: Tree, settings: Configuration) -> Self | None:
        """What is remembered of a fleet of these tenants with the same beside them; None: nothing."""
        kept = tree.store.cache(_KIND).read(_key(tree))
        try:
            found = None if kept is None else cls.model_validate_json(kept)
        except pydantic.ValidationError:
            return None
        return found if found and [*found.tenants] == settings.tenants else None


class Tenants(Mapping[str, Tenant]):
    """Tenants by name, of which those that were remembered are read when they are asked for."""

    def __init__(self, known: Mapping[str, RememberedTenant], read: Mapping[str, Tenant]) -> None:
        self._known = known
        self._read = dict(read)

    def __getitem__(self, name: str) -> Tenant:
        if name not in self._read:
            self._read[name] = _tenant(self._known[name].tenant)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def remember(
    tree: Tree,
    settings: Configuration,
    tenants: Mapping[str, Tenant],
    values: Mapping[str, Mapping[str, str]],
    keepers: Mapping[tuple[str, str], str],
) -> None:
    """Keep what was read of a fleet, with the `values` files of each tenant, unless what stands in another's
    folder decides on one. Raises MachineRefused where it cannot be kept.
    """
    if not tree.store.cache(_KIND).folder or not all(
        _stands_alone(each, settings) for each in tenants.values()
    ):
        return
    folders = tree.ids(TENANTS)
    kept = Remembered(
        tenants={
            name: RememberedTenant(
                folder=folders[name], tenant=tenants[name].model_dump_json(), values=dict(values[name])
            )
            for name in settings.tenants
        },
        charts=tuple(settings.charts.sound()),
        keepers=tuple((*where, who) for where, who in keepers.items()),
    )
    tree.store.cache(_KIND).write(_key(tree), kept.model_dump_json().encode())


def _placed(tenant: Tenant) -> list[tuple[str, str | None]]:
    return [(each.name, each.namespace) for each in tenant.releases or ()]


def _stands_alone(tenant: Tenant, settings: Configuration) -> bool:
    if tenant.values is None and not any(each.values for each in tenant.releases or ()):
        return True
    named = {each.name: each for each in settings.environments}
    own = f"{TENANTS}/{tenant.name}/"
    return all(
        layer.path.startswith(own) or not layer.path.startswith(f"{TENANTS}/")
        for environment in tenant.environments
        for release in tenant.releases_in(environment)
        for layer in layers_of(tenant, release, named[environment])
        if isinstance(layer, InFleet)
    )


def _tenant(dumped: str) -> Tenant:
    return Tenant.model_validate_json(dumped, by_name=True, by_alias=False)


def _key(tree: Tree) -> str:
    """What stands beside the tenants, as it is read here."""
    beside = tree.changed(Changes("", deletes=[TENANTS])).root
    return cache_key(_made_by(), beside)


@lru_cache(maxsize=1)
def _made_by() -> str:
    here = Path(__file__).parent
    code = [*sorted(here.glob("*.py")), *sorted(Path(charts.__file__).parent.rglob("constraint/*.py"))]
    return f"{READER} {made_by(terms.__file__, *map(str, code))}"

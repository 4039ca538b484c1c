"""Where the values of a deployment come from, in the order in which Helm merges them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.fleet.layout import CHARTS, LAYER_PREFIX, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.model import Environment, Tenant, TenantRelease, ValueSource

_OF_CHART: Final = "{chart}/"
_NAMES: Final = (
    f"{LAYER_PREFIX}{{environment}}.yaml",
    f"{LAYER_PREFIX}tenant-{{tenant}}.yaml",
    f"{LAYER_PREFIX}tenant-{{tenant}}-{{environment}}.yaml",
)


def _default(folder: str) -> tuple[ValueSource, ...]:
    own = (f"{folder}/{name}" for name in ("values.yaml", *_NAMES))
    paths = (*(f"{_OF_CHART}{name}" for name in _NAMES), *own)
    return tuple(ValueSource(file=path, optional=True) for path in paths)


DEFAULT_VALUES: Final = _default(f"{TENANTS}/{{tenant}}")
"""What a fleet that says nothing of `values` gets: from the chart and then the tenant, from general to
particular.
"""
DEFAULT_VALUES_OF_SEVERAL: Final = _default(f"{TENANTS}/{{tenant}}/{{release}}")
"""The same for each of several releases: a folder of the tenant has its own."""


@dataclass(frozen=True, slots=True)
class InFleet:
    """A file of the fleet repository."""

    path: str
    optional: bool


@dataclass(frozen=True, slots=True)
class InPackage:
    """A file inside the package of a published chart."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Inline:
    """Values that stand in the `file` that names the sources."""

    file: str
    values: dict[str, Any]

    @property
    def data(self) -> bytes:
        return json.dumps(self.values, sort_keys=True).encode()


Layer = InFleet | InPackage | Inline


def sources_of(tenant: Tenant, release: TenantRelease) -> tuple[ValueSource, ...] | None:
    """Where the values of a tenant's release come from; None where nobody says it."""
    return tenant.values if release.values is None else release.values


def layers_of(tenant: Tenant, release: TenantRelease, environment: Environment) -> Iterator[Layer]:
    """The layers of a tenant's release in an environment, whether they are there or not; later ones win."""
    known = {
        "tenant": tenant.name,
        "environment": environment.name,
        "cluster": environment.cluster,
        "release": release.name,
    }
    said = sources_of(tenant, release)
    default = DEFAULT_VALUES if tenant.releases is None else DEFAULT_VALUES_OF_SEVERAL
    for source in default if said is None else said:
        if source.inline is not None:
            if environment.name in source.inline:
                yield Inline(f"{TENANTS}/{tenant.name}/{TENANT_FILE}", source.inline[environment.name])
            continue
        within, path = _split(source.file or "")
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        if not within:
            yield InFleet(path, source.optional)
        elif release.chart.repository:
            yield InPackage(path, source.optional)
        else:
            yield InFleet(f"{CHARTS}/{release.chart.name}/{path}", source.optional)


def layer_paths(tenant: Tenant, environment: Environment) -> tuple[str, ...]:
    """Where in the fleet values for the tenant's charts in `environment` may stand; the later ones of each
    release win.
    """
    return tuple(
        dict.fromkeys(
            each.path
            for release in tenant.releases_in(environment.name)
            for each in layers_of(tenant, release, environment)
            if isinstance(each, InFleet)
        )
    )


def own_names(tenant: str, environment: str) -> tuple[str, ...]:
    """The values files beside a `values.yaml` that are read for a tenant in an environment by default."""
    return tuple(each.format(tenant=tenant, environment=environment) for each in _NAMES)


def _split(path: str) -> tuple[bool, str]:
    return path.startswith(_OF_CHART), path.removeprefix(_OF_CHART)

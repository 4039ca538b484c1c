"""Where the values of a deployment come from, in the order in which Helm merges them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.fleet.layout import CHARTS, LAYER_PREFIX, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.model import Environment, Tenant, ValueSource

_OF_CHART: Final = "{chart}/"
_NAMES: Final = (
    f"{LAYER_PREFIX}{{environment}}.yaml",
    f"{LAYER_PREFIX}tenant-{{tenant}}.yaml",
    f"{LAYER_PREFIX}tenant-{{tenant}}-{{environment}}.yaml",
)
DEFAULT_VALUES: Final = tuple(
    ValueSource(file=path, optional=True)
    for path in (
        *(f"{_OF_CHART}{name}" for name in _NAMES),
        *(f"{TENANTS}/{{tenant}}/{name}" for name in ("values.yaml", *_NAMES)),
    )
)
"""What a fleet that says nothing of `values` gets: from the chart and then the tenant, from general to
particular.
"""


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


def layers_of(tenant: Tenant, environment: Environment) -> Iterator[Layer]:
    """The layers of a tenant in an environment, whether they are there or not; the later ones win."""
    known = {"tenant": tenant.name, "environment": environment.name, "cluster": environment.cluster}
    for source in DEFAULT_VALUES if tenant.values is None else tenant.values:
        if source.inline is not None:
            if environment.name in source.inline:
                yield Inline(f"{TENANTS}/{tenant.name}/{TENANT_FILE}", source.inline[environment.name])
            continue
        within, path = _split(source.file or "")
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        if not within:
            yield InFleet(path, source.optional)
        elif tenant.chart.repository:
            yield InPackage(path, source.optional)
        else:
            yield InFleet(f"{CHARTS}/{tenant.chart.name}/{path}", source.optional)


def layer_paths(tenant: Tenant, environment: Environment) -> tuple[str, ...]:
    """Where in the fleet values for the tenant's chart in `environment` may stand; the later ones win."""
    return tuple(each.path for each in layers_of(tenant, environment) if isinstance(each, InFleet))


def own_names(tenant: str, environment: str) -> tuple[str, ...]:
    """The values files beside a `values.yaml` that are read for a tenant in an environment by default."""
    return tuple(each.format(tenant=tenant, environment=environment) for each in _NAMES)


def _split(path: str) -> tuple[bool, str]:
    return path.startswith(_OF_CHART), path.removeprefix(_OF_CHART)

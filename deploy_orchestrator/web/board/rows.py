"""Tenants by environments, as far as somebody wants to see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from deploy_orchestrator.pipeline import Overview, Standing

BROKEN, WAITING = "broken", "waits for somebody"
MAX_WORD: Final = 200
TOGETHER: Final = frozenset({"chart", "wave"})


@dataclass(frozen=True, slots=True)
class Filter:
    """Of what is shown: one `environment`, tenants that have this text in their name, deployments in a
    `state`; and whether tenants stand together `by` their chart or their wave. Empty: all of them.
    """

    environment: str = ""
    tenant: str = ""
    state: str = ""
    by: str = ""

    @classmethod
    def said(cls, said: Mapping[str, str]) -> Self:
        """As the words of a link say."""
        environment, tenant, state = (
            said.get(each, "").strip()[:MAX_WORD] for each in ("environment", "tenant", "state")
        )
        by = said.get("by", "")
        return cls(environment, tenant, state, by if by in TOGETHER else "")

    def shows(self, each: Standing) -> bool:
        return self.environment in ("", each.environment) and self.tenant in each.tenant and self._is_in(each)

    def _is_in(self, each: Standing) -> bool:
        if self.state == BROKEN:
            return each.state.is_broken
        if self.state == WAITING:
            return each.needs_person
        return self.state in ("", each.state)


Row = tuple[str, tuple[Standing | None, ...]]
"""A tenant, and how it stands in each of the environments; None where it is not, or is not wanted."""


@dataclass(frozen=True, slots=True)
class Table:
    """The `environments` that anything is shown of, in their order, and tenants in named groups of rows."""

    environments: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


def table(overview: Overview, wanted: Filter) -> Table:
    """What is `wanted` of how everything stands."""
    tenants: dict[str, dict[str, Standing]] = {}
    for each in overview.deployments:
        if wanted.shows(each):
            tenants.setdefault(each.tenant, {})[each.environment] = each
    found = {environment for row in tenants.values() for environment in row}
    known = (*overview.environments, *sorted(found - {*overview.environments}))
    environments = tuple(each for each in known if each in found)
    groups: dict[tuple[int, str], list[Row]] = {}
    for name in sorted(tenants):
        row = tenants[name]
        group = _group(wanted.by, name, [*row.values()], overview.waves)
        groups.setdefault(group, []).append((name, tuple(row.get(each) for each in environments)))
    return Table(environments, tuple((group[1], tuple(groups[group])) for group in sorted(groups)))


def _group(by: str, tenant: str, row: Sequence[Standing], waves: Mapping[str, int]) -> tuple[int, str]:
    """With whom a tenant stands together, and where among the others these come."""
    if by == "chart":
        return 0, _chart(row)
    if by == "wave":
        number = waves.get(tenant, 0)
        return number, f"wave {number + 1}" if waves else "no waves"
    return 0, ""


def _chart(row: Sequence[Standing]) -> str:
    """What chart a tenant runs, as what is released last in the order of environments says, or what waits."""
    subjects = [each.release or (each.waiting and each.waiting.plan) for each in row]
    return next((each.chart.called for each in reversed(subjects) if each), "nothing yet")

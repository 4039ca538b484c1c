"""All rules, in the order in which their reasons are told. A new family is a new file and a line here."""

from typing import Final

from deploy_orchestrator.risk import (
    access,
    additions,
    availability,
    budgets,
    charts,
    configuration,
    containers,
    crds,
    data,
    destination,
    first,
    images,
    immutable,
    metadata,
    migrations,
    network,
    privilege,
    resources,
    soundness,
)
from deploy_orchestrator.risk.rule import Rule, Stated
from deploy_orchestrator.risk.unknown import FieldIgnored, UnknownChange

FAMILIES: Final = (
    soundness,
    immutable,
    migrations,
    data,
    images,
    charts,
    crds,
    access,
    privilege,
    network,
    availability,
    budgets,
    resources,
    containers,
    configuration,
    metadata,
    additions,
    first,
    destination,
)
JUDGING: Final[tuple[Rule, ...]] = tuple(rule for family in FAMILIES for rule in family.RULES)
IGNORED: Final = FieldIgnored()
UNKNOWN: Final = UnknownChange()
RULES: Final[tuple[Stated, ...]] = (*JUDGING, IGNORED, UNKNOWN)

"""The order in which changes pass environments: which come before which."""

from collections.abc import Sequence
from graphlib import CycleError

from deploy_orchestrator.documents import Document
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.model import Environment
from deploy_orchestrator.fleet.ordering import in_order
from deploy_orchestrator.fleet.reading import require_known, require_unique


def in_promotion_order(document: Document, environments: Sequence[Environment]) -> tuple[Environment, ...]:
    """`environments` of fleet.yaml, each with what comes before it named in `after`, and behind all of these;
    otherwise as they stand there.

    Raises:
        FleetError: one comes after an environment that there is not, or after itself.
    """
    names = [each.name for each in environments]
    for index, environment in enumerate(environments):
        fields = [
            (("environments", index, "after", i), each) for i, each in enumerate(environment.after or ())
        ]
        require_unique(document, fields)
        for field, each in fields:
            require_known(document, field, each, names, "environment")
    chained = [
        each if each.after is not None else each.model_copy(update={"after": tuple(names[:index][-1:])})
        for index, each in enumerate(environments)
    ]
    by_name = {each.name: each for each in chained}
    try:
        return tuple(by_name[name] for name in in_order({each.name: each.after or () for each in chained}))
    except CycleError as error:
        cycle: list[str] = error.args[-1]
        index = next(i for i, each in enumerate(environments) if each.name in cycle and each.after)
        raise FleetError(
            f"environments come after each other in a circle: {' → '.join(cycle)}",
            place=document.place("environments", index, "after"),
            fix="take one of them out of `after`",
        ) from error

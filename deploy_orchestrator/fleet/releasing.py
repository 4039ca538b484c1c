"""The Helm releases of one tenant: what one file may say of them, and which of them comes after which."""

from collections.abc import Sequence
from graphlib import CycleError

from deploy_orchestrator.documents import Document
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.model import TenantFile, TenantRelease
from deploy_orchestrator.fleet.ordering import in_order
from deploy_orchestrator.fleet.reading import require_known, require_unique


def require_one_way(file: TenantFile, document: Document) -> None:
    """Raises FleetError unless it names one chart, or several releases and nothing that only one has."""
    if file.chart and file.releases is not None:
        raise FleetError(
            "it names one chart and several releases",
            place=document.place("releases"),
            fix="keep `chart`, or move it below `releases`",
        )
    if not file.chart and file.releases is None:
        raise FleetError(
            "the field is missing",
            place=document.place("chart"),
            fix="add the field, or `releases` where there are several charts",
        )
    if file.releases is None:
        return
    if file.release:
        raise FleetError(
            "several releases have a name each",
            place=document.place("release"),
            fix="remove it, and name each of `releases`",
        )
    for environment, own in file.per_environment.items():
        if own.release:
            raise FleetError(
                "several releases are called the same in every environment",
                place=document.place("perEnvironment", environment, "release"),
                fix="remove it, and name each of `releases`",
            )


def require_order(releases: Sequence[TenantRelease], document: Document) -> None:
    """Raises FleetError where two of the `releases` of `document` have one name, one comes after what is none
    of them, or some come after each other.
    """
    names = [each.name for each in releases]
    require_unique(document, ((("releases", at, "name"), name) for at, name in enumerate(names)))
    for at, each in enumerate(releases):
        for number, name in enumerate(each.after):
            require_known(document, ("releases", at, "after", number), name, names, "release here")
    try:
        in_order({each.name: each.after for each in releases})
    except CycleError as error:
        circle: list[str] = error.args[-1][::-1]
        raise FleetError(
            f"they come after each other: {' after '.join(circle)}",
            place=document.place("releases", names.index(circle[0]), "after"),
            fix="take one of them out of `after`",
        ) from error

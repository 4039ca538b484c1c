"""Copy charts with everything that they need to another registry."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from deploy_orchestrator.charts.errors import ChartError, ChartsMeet
from deploy_orchestrator.charts.graph.closure import Closure, Known, Node
from deploy_orchestrator.charts.mirroring.destination import SOURCE, MirrorTarget
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.registries import RepositoryError


class CopyState(StrEnum):
    """What became of a chart that was to be copied."""

    COPIED = "copied"
    THERE = "already there"
    CARRIED = "carried"
    """It is inside the package of what needs it, and comes with that."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Copy:
    """What became of one `chart`, the repository `to` which it goes, and why it `failed` if it did."""

    chart: Node
    to: str
    state: CopyState
    failure: ChartError | RepositoryError | None = None


Packages = Mapping[Node, Callable[[], bytes]]
"""How to get the packages of charts that were read from disk."""

NO_PACKAGES: Packages = MappingProxyType({})


def mirror(
    closure: Closure, repositories: Repositories, destination: MirrorTarget, packages: Packages = NO_PACKAGES
) -> Iterator[Copy]:
    """Copy every chart of `closure`, one after the other, even what is switched off; may be repeated.

    Raises:
        ChartsMeet: two charts of one name, from different repositories, would come to the same place.
    """
    carried = _carried(closure)
    nodes = [node for node in closure.graph if node in packages or not (_is_local(node) or node in carried)]
    _require_apart(nodes, destination)
    catalog = Catalog(repositories)
    for node in closure.graph:
        if node not in nodes:
            yield Copy(node, "", CopyState.CARRIED)
            continue
        to = destination.of(node.identity)
        try:
            if node in packages:
                new = destination.push(
                    PublishedChart(node.repository, node.name, node.version), packages[node]()
                )
            else:
                chart = catalog.exactly(node.identity, node.version)
                new = destination.push(chart, repositories.package(chart))
            yield Copy(node, to, CopyState.COPIED if new else CopyState.THERE)
        except (ChartError, RepositoryError) as error:
            yield Copy(node, to, CopyState.FAILED, error)


def _require_apart(nodes: Iterable[Node], destination: MirrorTarget) -> None:
    meeting: defaultdict[tuple[str, str], set[ChartIdentity]] = defaultdict(set)
    for node in nodes:
        meeting[destination.of(node.identity), node.name].add(node.identity)
    for (place, name), charts in meeting.items():
        if len(charts) > 1:
            raise ChartsMeet(
                f"{' and '.join(sorted(map(str, charts)))} would both become {place}/{name}",
                fix=f"keep them apart: write {SOURCE} in the path, as in oci://HOST/PATH/{SOURCE}",
            )


def _carried(closure: Closure) -> set[Node]:
    known: defaultdict[Node, set[Known]] = defaultdict(set)
    for need in closure.needs:
        known[need.chart].add(need.known)
    return {node for node, ways in known.items() if ways == {Known.CARRIED}}


def _is_local(node: Node) -> bool:
    return not node.repository or node.repository.startswith("file://")

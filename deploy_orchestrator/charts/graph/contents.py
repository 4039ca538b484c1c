"""A chart with the contents of everything below it, put together as a graph says."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count

from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.graph.closure import Node, Unresolved
from deploy_orchestrator.charts.graph.lookup import Found, Step
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.errors import Place

MAX_COPIES = 5_000
"""The most charts that stand in one, counting each place; the largest real one has 120."""

Fetch = Callable[[PublishedChart], Chart | None]
"""Gets the contents of a published chart, or does without."""


def composed(found: Found, steps: Callable[[Found], Iterable[Step]], fetch: Fetch) -> Chart | None:
    """The chart that was `found`, with exactly the charts in its `charts/` that `steps` finds for it.

    What is unresolved, or what `fetch` does without, is left out.

    Raises:
        UnsafeChart: more than `MAX_COPIES`.
        ChartError: as `fetch` does.
    """
    copies = count(1)

    def compose(found: Found) -> Chart | None:
        if next(copies) > MAX_COPIES:
            raise UnsafeChart(f"more than {MAX_COPIES:,} charts in one", place=Place(str(found.node)))
        own = found.chart if isinstance(found.chart, Chart) else fetch(found.chart)
        if own is None:
            return None
        inside = {step.to.key: step.to for step in steps(found) if not isinstance(step.to, Unresolved)}
        return replace(own, subcharts=tuple(filter(None, map(compose, inside.values()))))

    return compose(found)


def placed(found: Found, steps: Callable[[Found], Iterable[Step]]) -> Iterator[tuple[str, Node]]:
    """Every chart that `composed` puts together, by its place as Helm has it: `web/charts/redis`."""

    def place(found: Found, path: str) -> Iterator[tuple[str, Node]]:
        yield path, found.node
        for step in steps(found):
            if not isinstance(step.to, Unresolved):
                yield from place(step.to, f"{path}/charts/{step.dependency.key}")

    return place(found, found.node.name)


def without(_: PublishedChart) -> None:
    """A `Fetch` that downloads nothing."""
    return

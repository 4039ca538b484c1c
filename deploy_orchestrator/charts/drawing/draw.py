"""One graph in any of the formats."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

from deploy_orchestrator.charts.drawing.graphviz import graphviz
from deploy_orchestrator.charts.drawing.mermaid import mermaid
from deploy_orchestrator.charts.drawing.page import page
from deploy_orchestrator.charts.drawing.picture import Picture, Runs, picture
from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.graph.closure import Closure
from deploy_orchestrator.charts.graph.conflicts import Conflict

MAX_ARROWS = 3_000
"""The most needs that are laid out; more would take minutes, and no one could read them."""

_DRAW: Mapping[str, Callable[[Picture], bytes]] = MappingProxyType(
    {
        "svg": partial(graphviz, output="svg"),
        "png": partial(graphviz, output="png"),
        "dot": partial(graphviz, output="dot"),
        "mermaid": mermaid,
        "html": page,
    }
)
FORMATS = (*_DRAW, "json")


def draw(
    closure: Closure,
    format: str,  # noqa: A002
    judged: Iterable[Conflict] = (),
    runs: Runs = (),
) -> bytes:
    """`closure` as one of `FORMATS`. Conflicts and what is switched off show without colour too.

    `html` is a page by itself, with a search, charts to fold up and paths to follow, and the harm and the way
    out of conflicts that were `judged`. With the parts of `closure` that deployments `runs`, by
    `environment/tenant`, it shows what one tenant or one environment has.

    Raises:
        ValueError: no such format.
        UnsafeChart: more than `MAX_ARROWS` needs; `json` has no such limit.
    """
    if format == "json":
        return json.dumps(closure.as_json(), indent=2, ensure_ascii=False).encode()
    if format not in _DRAW:
        raise ValueError(f"no format {format!r}: use {', '.join(FORMATS)}")
    shown = picture(closure, judged, runs)
    if len(shown.arrows) > MAX_ARROWS:
        raise UnsafeChart(
            f"a graph of {len(shown.arrows):,} dependencies is too large to draw", fix="use json"
        )
    return _DRAW[format](shown)

"""Graphs as SVG, PNG and DOT, laid out by Graphviz."""

import html
import threading
from typing import Any

from deploy_orchestrator.charts.drawing.picture import Arrow, Box, Picture

_LOCK = threading.Lock()
"""Graphviz keeps its state in global variables."""

_INK, _PALE, _CLASH = "#1f2933", "#8d99a6", "#c2255c"
_FILL = {"root": "#d0ebff", "application": "#f1f3f5", "library": "#fff3bf", "missing": "#ffffff"}
_SHAPE = {"root": "box", "application": "box", "library": "ellipse", "missing": "note"}
_LEGEND = (
    "thick, with !: versions clash    dashed: switched off    dotted, with ?: not found    round: library"
)


def graphviz(picture: Picture, output: str) -> bytes:
    """`picture` as `svg`, `png` or `dot`, with a legend."""
    with _LOCK:
        graph = _graph(picture)
        return graph.to_string().encode() if output == "dot" else graph.draw(format=output, prog="dot")


def _graph(picture: Picture) -> Any:
    import pygraphviz  # pyright: ignore[reportMissingTypeStubs]

    graph: Any = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(
        rankdir="LR",
        ranksep="1.1",
        nodesep="0.14",
        bgcolor="white",
        pad="0.3",
        fontname="Helvetica",
        fontsize="11",
        fontcolor=_PALE,
        label=_text(_LEGEND),
        labelloc="b",
        tooltip=_text(picture.title),
    )
    graph.node_attr.update(
        fontname="Helvetica", fontsize="12", style="filled,rounded", margin="0.12,0.05", height="0.3"
    )
    graph.edge_attr.update(fontname="Helvetica", fontsize="10", arrowsize="0.7")
    for box in picture.boxes:
        graph.add_node(box.id, **_node(box))
    for number, arrow in enumerate(picture.arrows):
        graph.add_edge(arrow.tail, arrow.head, key=str(number), **_edge(arrow))
    return graph


def _node(box: Box) -> dict[str, str]:
    mark = "?  " if box.kind == "missing" else "!  " if box.conflict else ""
    styles = ["filled", "rounded" if box.kind in ("root", "application") else ""]
    styles.append("dotted" if box.kind == "missing" else "" if box.enabled else "dashed")
    line = _CLASH if box.conflict else _INK if box.enabled else _PALE
    return {
        "label": _text(mark + "\n".join(box.lines)),
        "tooltip": _text(box.note or f"{box.name} {box.version}, {box.repository}"),
        "shape": _SHAPE[box.kind],
        "style": ",".join(filter(None, styles)),
        "fillcolor": _FILL[box.kind],
        "color": line,
        "fontcolor": _INK if box.enabled else _PALE,
        "penwidth": "2.6" if box.conflict else "1",
        "peripheries": "2" if box.kind == "root" else "1",
    }


def _edge(arrow: Arrow) -> dict[str, str]:
    line = _CLASH if arrow.conflict else _INK if arrow.enabled else _PALE
    missing = arrow.head.startswith("u")
    label = arrow.label if arrow.enabled else f"{arrow.label} (off)".strip()
    return {
        "label": _text(label),
        "tooltip": _text(
            " ".join(filter(None, (arrow.constraint, arrow.condition and f"if {arrow.condition}")))
        ),
        "style": "dotted" if missing else "solid" if arrow.enabled else "dashed",
        "color": line,
        "fontcolor": line,
        "penwidth": "2.2" if arrow.conflict else "1",
        "arrowhead": "normal" if arrow.enabled else "empty",
    }


def _text(text: str) -> str:
    return html.escape(text).replace("\\", "\\\\").replace("\n", "\\n")

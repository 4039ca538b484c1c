"""Graphs as Mermaid flowcharts: https://mermaid.js.org/syntax/flowchart.html."""

import re

from deploy_orchestrator.charts.drawing.picture import Arrow, Box, Picture

_SHAPE = {"root": '[["{}"]]', "application": '["{}"]', "library": '(["{}"])', "missing": '{{{{"{}"}}}}'}
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,:!?/_@+=~*()-]")


def mermaid(picture: Picture) -> bytes:
    """`picture` as a flowchart from left to right."""
    lines = ["flowchart LR"]
    lines += [f"  {box.id}{_SHAPE[box.kind].format(_label(box))}" for box in picture.boxes]
    lines += [f"  {arrow.tail} {_line(arrow)} {arrow.head}" for arrow in picture.arrows]
    lines += [
        "  classDef conflict stroke:#c2255c,stroke-width:3px",
        "  classDef off stroke-dasharray:5 4,color:#8d99a6",
        "  classDef missing stroke-dasharray:2 2",
    ]
    for name, ids in (
        ("conflict", [box.id for box in picture.boxes if box.conflict]),
        ("off", [box.id for box in picture.boxes if not box.enabled]),
        ("missing", [box.id for box in picture.boxes if box.kind == "missing"]),
    ):
        lines += [f"  class {','.join(ids)} {name}"] if ids else []
    return "\n".join([*lines, ""]).encode()


def _label(box: Box) -> str:
    mark = "? " if box.kind == "missing" else "! " if box.conflict else ""
    return _text(mark + " ".join(box.lines))


def _line(arrow: Arrow) -> str:
    label = arrow.label if arrow.enabled else f"{arrow.label} (off)".strip()
    said = f'|"{_text(label)}"|' if label else ""
    return f"{'==>' if arrow.conflict else '-->' if arrow.enabled else '-.->'}{said}"


def _text(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)

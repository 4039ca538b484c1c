"""Graphs as an HTML page that needs nothing else: search, fold up, follow paths."""

import base64
import hashlib
import html
import json
from dataclasses import asdict
from importlib import resources

from deploy_orchestrator.charts.drawing.picture import Picture

_PARTS = resources.files("deploy_orchestrator.charts.drawing") / "page"


def page(picture: Picture) -> bytes:
    """`picture` as a page. It may run no script but its own, and load nothing."""
    script, style = _part("page.js"), _part("page.css")
    filled = _part("page.html").split("$")
    parts = {
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}",
        "title": html.escape(picture.title),
        "style": style,
        "data": _data(picture),
        "script": script,
    }
    return "".join(parts[part] if index % 2 else part for index, part in enumerate(filled)).encode()


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(picture: Picture) -> str:
    boxes = [{**asdict(box), "lines": box.lines} for box in picture.boxes]
    data = {**asdict(picture), "boxes": boxes}
    return json.dumps(data).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")

"""What the actions between `{{` and `}}` in a chart and its values may ask of Helm."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from deploy_orchestrator.charts import Chart

_ACTION = re.compile(r"\{\{(?!-?\s*/\*).*?\}\}", re.DOTALL)
_ASKS: Final = {
    "capabilities": re.compile("Capabilities"),
    "clock": re.compile(r"\b(?:now|ago)\b"),
    "lookup": re.compile(r"\blookup\b"),
    "volatile": re.compile(
        r"\b(?:rand[A-Z]\w*|gen[A-Z]\w*|uuidv4|htpasswd|bcrypt|encryptAES|shuffle|now|ago|keys|values)\b"
    ),
}


def actions(texts: Iterable[bytes]) -> list[str]:
    """Every template action in `texts`, comments left out."""
    return [action for text in texts for action in _ACTION.findall(text.decode(errors="replace"))]


def actions_of(chart: Chart) -> list[str]:
    """Every template action of a chart and its dependencies, those in files and values for `tpl` too."""
    return actions(_texts(chart))


def asks(found: Iterable[str]) -> frozenset[str]:
    """What these actions may ask for.

    `capabilities`: the Kubernetes version and APIs of the cluster. `clock`: the time. `lookup`: objects in
    the cluster. `volatile`: what may be another each time, as random values or a map's keys in no order.
    """
    text = "\n".join(found)
    return frozenset(name for name, pattern in _ASKS.items() if pattern.search(text))


def _texts(chart: Chart) -> Iterator[bytes]:
    yield from chart.templates.values()
    yield from chart.files.values()
    yield json.dumps(chart.values, ensure_ascii=False).encode()
    for subchart in chart.subcharts:
        yield from _texts(subchart)

"""What `helm --set` makes of a path and a value, after `pkg/strvals` of Helm."""

import re
from typing import Any, Final, cast

from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.adoption.found import Parameter

_STEP: Final = re.compile(r"((?:[^.\[\]\\=,]|\\.)+)((?:\[\d{1,4}\])*)(?:\.|$)", re.DOTALL)
_WHOLE: Final = re.compile(r"-?(?:0|[1-9]\d{0,18})")
_DEEPEST: Final = 64
_COMMA: Final = re.compile(r"(?<!\\),")
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


def with_parameter(values: dict[str, Any], parameter: Parameter) -> None:
    """Set in `values` what a parameter names.

    As Argo CD gives it to Helm: a comma is a part of the value, but in a list between braces.

    Raises:
        NotAdoptable: its name is no path, or one of more than 64 steps.
    """
    _put(values, _path(parameter.name), _value(parameter))


def argument(parameter: Parameter) -> str:
    """What Argo CD writes behind `--set` or `--set-string`: `cleanSetParameters` of its `util/helm`."""
    value = parameter.value
    listed = value.startswith("{") and value.endswith("}")
    escaped = value if listed else re.sub(_COMMA, r"\,", value)
    return f"{parameter.name}={escaped}"


def _path(name: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 0
    while at < len(name):
        found = _STEP.match(name, at)
        if found is None:
            break
        steps.append(re.sub(r"\\(.)", r"\1", found[1]))
        steps += [int(each) for each in re.findall(r"\d+", found[2])]
        at = found.end()
    if at < len(name) or not steps or len(steps) > _DEEPEST or name.endswith("."):
        raise NotAdoptable(
            f"its parameter {name[:200]!r} names no value",
            fix="write it into valuesObject of the Application",
        )
    return steps


def _value(parameter: Parameter) -> Any:
    text = parameter.value
    if text.startswith("{") and text.endswith("}"):
        return [_typed(each, parameter) for each in re.split(_COMMA, text[1:-1])]
    return _typed(text, parameter)


def _typed(text: str, parameter: Parameter) -> Any:
    text = re.sub(r"\\(.)", r"\1", text)
    if parameter.text:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if _WHOLE.fullmatch(text) and abs(int(text)) < 2**63 else text


def _put(values: dict[str, Any], path: list[str | int], value: Any) -> None:
    here: Any = values
    for step, following in zip(path, [*path[1:], None], strict=True):
        last = following is None
        kind: type[list[Any]] | type[dict[str, Any]] = list if isinstance(following, int) else dict
        empty: Any = value if last else kind()
        if isinstance(step, int):
            items = cast(list[Any], here)
            items += [None] * (step + 1 - len(items))
            if last or not isinstance(items[step], kind):
                items[step] = empty
            here = items[step]
        else:
            fields = cast(dict[str, Any], here)
            if last or not isinstance(fields.get(step), kind):
                fields[step] = empty
            here = fields[step]

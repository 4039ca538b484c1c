"""The lines that a template puts out, as far as they are written out in it."""

from dataclasses import dataclass
from functools import lru_cache

from deploy_orchestrator.charts.templates.lexer import Action, Text, lex
from deploy_orchestrator.charts.templates.parser import parse

COMPUTED = "\ue000"
"""Stands for what an action puts out."""


@dataclass(slots=True)
class OutputLine:
    """One line: its number in the template, and whether it is put out only under a condition or in a loop."""

    text: str
    number: int
    conditional: bool


@lru_cache(maxsize=2048)
def output(source: bytes, file: str) -> tuple[OutputLine, ...]:
    """The lines of all branches of a template, without its definitions.

    Raises:
        ChartInvalid: it is no template.
    """
    parse(source, file)
    lines = [OutputLine("", 1, False)]
    opened: list[str] = []
    for part in lex(source.decode(errors="backslashreplace")):
        if isinstance(part, Action):
            _enter_or_leave(part, opened)
        if "define" in opened:
            continue
        if isinstance(part, Text):
            first, *others = part.value.split("\n")
            _write(lines[-1], first, part.line, opened)
            for number, text in enumerate(others, part.line + 1):
                lines.append(OutputLine("", number, False))
                _write(lines[-1], text, number, opened)
        elif _puts_out(part):
            if "nindent" in part.tokens:
                lines.append(OutputLine("", part.line, False))
            _write(lines[-1], COMPUTED, part.line, opened)
    return tuple(lines)


def _enter_or_leave(action: Action, opened: list[str]) -> None:
    if action.tokens[0] in ("define", "block", "if", "range", "with"):
        opened.append(action.tokens[0])
    elif action.tokens[0] == "end":
        opened.pop()


def _puts_out(action: Action) -> bool:
    keyword, *rest = action.tokens
    silent = keyword in ("define", "block", "if", "range", "with", "else", "end", "break", "continue")
    return not silent and rest[:1] not in ([":="], ["="])


def _write(line: OutputLine, text: str, number: int, opened: list[str]) -> None:
    if not line.text:
        line.number = number
    if text.strip():
        line.conditional |= bool(opened)
    line.text += text

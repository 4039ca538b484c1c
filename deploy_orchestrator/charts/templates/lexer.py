"""A Go template (`text/template`) as the text and actions that it is made of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SPACES = " \t\r\n"

_TRIM_LEFT = re.compile(rf"-[{SPACES}]")
_CLOSE_COMMENT = re.compile(rf"(?P<trim>[{SPACES}]-)?\}}\}}")
_TOKEN = re.compile(
    rf"""
      (?P<close> (?P<trim> [{SPACES}]+- )? \}}\}} )
    | (?P<space> [{SPACES}]+ )
    | (?P<token>
          "(?:[^"\\\n]|\\[^\n])*"
        | `[^`]*`
        | '(?:[^'\\\n]|\\[^\n])*'
        | \$\w*(?:\.\w+)*
        | (?:\.\w+)+
        | \w+
        | :=
        | [^"`'\x00-\x1f\x7f]
      )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Text:
    """Output as it stands there from `line` on, without what the actions beside it trim away."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Action:
    """What stands between `{{` and `}}`: its tokens, and the same as one line.

    `start` and `end` are the offsets of its delimiters in the source, `line` its line from 1.
    """

    tokens: tuple[str, ...]
    code: str
    start: int
    end: int
    line: int


class TemplateSyntaxError(ValueError):
    """What Go would not read as a template, and the line that it begins in."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def lex(source: str) -> Iterator[Text | Action]:
    """The parts of `source`; comments are left out.

    Raises:
        TemplateSyntaxError: an action, a comment or a string is not closed.
    """
    at = 0
    line = 1
    trim_start = False
    while (start := source.find("{{", at)) >= 0:
        trimmed = _TRIM_LEFT.match(source, start + 2)
        text = source[at:start]
        kept = text.lstrip(SPACES) if trim_start else text
        first = line + text.count("\n") - kept.count("\n")
        line += text.count("\n")
        kept = kept.rstrip(SPACES) if trimmed else kept
        if kept:
            yield Text(kept, first)
        inside = trimmed.end() if trimmed else start + 2
        if source.startswith("/*", inside):
            at, trim_start = _comment_end(source, inside, line)
        else:
            action, trim_start = _action(source, start, inside, line)
            yield action
            at = action.end
        line += source.count("\n", start, at)
    rest = source[at:]
    kept = rest.lstrip(SPACES) if trim_start else rest
    if kept:
        yield Text(kept, line + rest.count("\n") - kept.count("\n"))


def _comment_end(source: str, start: int, line: int) -> tuple[int, bool]:
    end = source.find("*/", start + 2)
    close = _CLOSE_COMMENT.match(source, end + 2) if end >= 0 else None
    if close is None:
        raise TemplateSyntaxError("a comment that does not end in */}}", line)
    return close.end(), close["trim"] is not None


def _action(source: str, start: int, inside: int, line: int) -> tuple[Action, bool]:
    tokens: list[str] = []
    code: list[str] = []
    at = inside
    while match := _TOKEN.match(source, at):
        at = match.end()
        if match["close"]:
            action = Action(tuple(tokens), "".join(code).strip(), start, at, line)
            return action, match["trim"] is not None
        if match["token"]:
            tokens.append(match["token"])
            code.append(match["token"])
        else:
            code.append(" ")
    raise TemplateSyntaxError("an action, or a string in it, that does not end", line)

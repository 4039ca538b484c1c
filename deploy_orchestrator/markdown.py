"""What people and programs wrote, in Markdown that it cannot get out of: no markup, link, mention or HTML.

For GitHub Flavored Markdown (https://github.github.com/gfm/), as forges and Dagster's web UI read it.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

MAX_CODE: Final = 400

_SYNTAX = re.compile(r"[\\`*_~|$\[\]]")
_BLOCK = re.compile(r"^(\d{0,9})([#+=.)-])")
_LIVE = re.compile(r"(?<![^\W_])(?:@[\w-]|www\.|GH-\d|mailto:|xmpp:)|://|#\d", re.IGNORECASE)
"""What a forge or Dagster makes a mention, a link or a reference of."""


class Markdown(str):
    """Markdown of one line that is ours, or closed already."""

    __slots__ = ()


def text(value: object) -> Markdown:
    """`value` on one line, for a paragraph or a cell of a table. Words that would come alive become code."""
    if isinstance(value, Markdown):
        return value
    line = " ".join(map(_word, visible(str(value)).split()))
    return Markdown(_BLOCK.sub(r"\1\\\2", line))


def code(value: str, limit: int = MAX_CODE) -> Markdown:
    """`value` on one line, in a code span that it cannot end; cut where it is longer than `limit`.

    Not for cells, which a `|` in it would end.
    """
    line = " ".join(visible(value).split())
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return Markdown(f"{ticks}{space}{line or ' '}{space}{ticks}")


def link(label: str, url: str) -> Markdown:
    """A link to `url`, which must be one that we vouch for."""
    return Markdown(f"[{_escaped(' '.join(visible(label).split()))}]({quote(url, safe=':/?&=%#.,~-_')})")


def fence(value: str, language: str = "") -> str:
    """`value` as it is, in a fenced block that it cannot end; control characters are spelled out."""
    shown = visible(value.removesuffix("\n"))
    return f"{rail(shown)}{language}\n{shown}\n{rail(shown)}"


def rail(value: str) -> str:
    """The line that begins and ends a fenced block of `value`."""
    return "`" * max(3, _longest_run(value) + 1)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose cells are each made `text`."""
    lines = [columns, ["---"] * len(columns), *(map(text, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def visible(value: str) -> str:
    """`value` with every control character but tabs and ends of lines spelled out."""
    if value.isprintable():
        return value
    return "".join(
        each if each.isprintable() or each in "\n\t" else " " if each.isspace() else ascii(each)[1:-1]
        for each in value
    )


def _word(word: str) -> str:
    if not _LIVE.search(word):
        return _escaped(word)
    return r"\|".join(code(part, len(part)) if part else "" for part in word.split("|"))


def _escaped(line: str) -> str:
    return _SYNTAX.sub(r"\\\g<0>", html.escape(line, quote=False))


def _longest_run(value: str) -> int:
    return max(map(len, re.findall("`+", value)), default=0)

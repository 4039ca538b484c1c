"""Tables, as GitHub and the site read them."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are Markdown of one line each."""
    return "\n".join(_row(row) for row in (head, ["---"] * len(head), *rows))


def one_line(text: str | None) -> str:
    """A docstring or description on one line."""
    return " ".join((text or "").split())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

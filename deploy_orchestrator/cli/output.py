"""How the command line speaks: results on standard output, progress and errors on standard error.

What people wrote elsewhere (names, messages, manifests) is shown as plain text: nothing in it is taken for
markup, and control characters are spelled out, so that none of it can change what the terminal shows.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from threading import Timer
from typing import TYPE_CHECKING, Any

import pydantic_core
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.terms import DECIDED, Verdict

if TYPE_CHECKING:
    from deploy_orchestrator.manifests import Diff
    from deploy_orchestrator.releases import Approval, Plan
    from deploy_orchestrator.risk import Judgement, Reason

ENDLESS = 10_000
"""Columns where there is no terminal: a line is never broken, for the next program or a log."""
PATIENCE = 1.0
"""Seconds that something may take before a terminal shows that it is under way."""

COLOURS = {
    "safe": "green",
    "needs-approval": "yellow",
    "blocked": "bold red",
    "open": "green",
    "waiting": "yellow",
    "paused": "bold yellow",
    "closed": "red",
    "Healthy": "green",
    "Synced": "green",
    "Progressing": "yellow",
    "OutOfSync": "yellow",
    "Degraded": "bold red",
    "Missing": "red",
    "release": "green",
    "revert": "yellow",
    "removal": "yellow",
    "created": "green",
    "changed": "yellow",
    "unreadable": "red",
    "there": "green",
    "missing": "red",
    "moved": "bold yellow",
    "broken": "red",
    "unknown": "yellow",
    "error": "bold red",
    "warning": "yellow",
}
DIFF_COLOURS = {"---": "bold", "+++": "bold", "@@ ": "cyan", "-": "red", "+": "green"}


def _console(*, stderr: bool = False) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr, width=None if terminal else ENDLESS, highlight=False, markup=False, emoji=False
    )


screen = _console()
errors = _console(stderr=True)


def plain(text: str, style: str = "") -> Text:
    """`text` that somebody else wrote, with every control character spelled out."""
    shown = (each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)
    return Text("".join(shown), style=style)


def coloured(word: str) -> Text:
    """A verdict, a state or a health in the colour that people expect of it."""
    return plain(word, COLOURS.get(word, ""))


def decided(approval: "Approval") -> str:
    """What somebody has decided, and why."""
    return f"{DECIDED[approval.decision]} by {approval.who}: {approval.reason}".removesuffix(": ")


def say(*parts: str | Text) -> None:
    """One line of a result."""
    screen.print(Text.assemble(*map(_shown, parts)))


def say_below(rows: Iterable[tuple[str | Text, str | Text]]) -> None:
    """What belongs to the line above: a word or nothing on the left, and on the right what it is about."""
    cells = [tuple(map(_shown, row)) for row in rows]
    if not screen.is_terminal:
        _write_aligned(cells, indent=2)
        return
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column()
    for row in cells:
        made.add_row(*row)
    _print_trimmed(Padding.indent(made, 2))


def table(*columns: str, last: str, rows: Iterable[tuple[str | Text, ...]]) -> None:
    """`rows` of short `columns`, which are never broken, and a `last` one that takes the rest."""
    cells = [tuple(map(_shown, row)) for row in rows]
    if not screen.is_terminal:
        _write_aligned([tuple(map(Text, (*columns, last))), *cells])
        return
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, no_wrap=True)
    made.add_column(last, overflow="fold")
    for row in cells:
        made.add_row(*row)
    _print_trimmed(made)


def _write_aligned(rows: Sequence[tuple[Text, ...]], indent: int = 0) -> None:
    """A table where nothing has a colour, is folded or cropped, which is quick for thousands of rows."""
    lines = [
        line for row in rows for line in zip_longest(*(each.plain.split("\n") for each in row), fillvalue="")
    ]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (set_cell_size(each, width) for each, width in zip(line, widths, strict=True))
        screen.file.write(f"{' ' * indent}{'  '.join(cells)}".rstrip() + "\n")


def show_json(value: Any) -> None:
    """`value`, any nesting of models and plain types, as indented JSON."""
    sys.stdout.write(pydantic_core.to_json(value, indent=2).decode() + "\n")


def show_page(text: str) -> None:
    """`text` as it is, for whoever renders it."""
    sys.stdout.write(f"{text}\n")


def show_change(
    key: str,
    change: "Plan | Judgement",
    difference: "Diff | None",
    authors: Sequence[str] = (),
    context: int | None = None,
) -> None:
    """What changes for a deployment: images and definitions, all of it line by line where `difference` is
    given, with `context` lines around each change, then the verdict with the reasons.
    """
    say(plain(key, "bold"), f"  {change.chart}, {change.summary}")
    if difference:
        from deploy_orchestrator.foresight import outlined

        say_below(outlined(difference))
        show_lines(difference, context)
    say(coloured(change.verdict), f"  {key}" + (f", by {', '.join(authors)}" if authors else ""))
    from deploy_orchestrator.risk import alike

    gravest_first = sorted(change.reasons, key=lambda each: list(Verdict).index(each.severity), reverse=True)
    say_below(chain.from_iterable(map(_explained, alike(gravest_first))))


def show_lines(difference: "Diff", context: int | None = None) -> None:
    """What differs, line by line, with `context` lines around each change."""
    text = difference.unified() if context is None else difference.unified(context)
    for line in text.removesuffix("\n").split("\n"):
        begins = next((each for each in DIFF_COLOURS if line.startswith(each)), "")
        screen.print(plain(line, DIFF_COLOURS.get(begins, "")), soft_wrap=True)


def tell(error: OrchestratorError, about: str | None = None) -> None:
    """An error as people read it: where and what, then what to do."""
    where = "".join(f"{part}: " for part in (about, error.place) if part)
    errors.print(Text.assemble(("error: ", "bold red"), plain(where, "bold"), plain(error.what)))
    if error.fix:
        errors.print(Text.assemble(("  fix: ", "bold cyan"), plain(error.fix)))


def note(text: str) -> None:
    """Something worth knowing that is no error."""
    errors.print(Text.assemble(("note: ", "bold yellow"), plain(text)))


@contextmanager
def progress(doing: str, total: int | None = None) -> Generator[Callable[[], None]]:
    """Show on a terminal what takes longer than a second; of `total` steps, as many as were told."""
    if not errors.is_interactive:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    counted = (BarColumn(), MofNCompleteColumn()) if total else ()
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), *counted, console=errors, transient=True
    )
    task = bar.add_task(doing, total=total)
    late = Timer(PATIENCE, bar.start)
    late.start()
    try:
        yield lambda: bar.advance(task)
    finally:
        late.cancel()
        late.join()
        bar.stop()


def _print_trimmed(shown: RenderableType) -> None:
    with screen.capture() as captured:
        screen.print(shown)
    for line in captured.get().splitlines():
        screen.file.write(f"{line.rstrip()}\n")


def _shown(part: str | Text) -> Text:
    return part if isinstance(part, Text) else plain(part)


def _explained(reasons: Sequence["Reason"]) -> Iterator[tuple[Text, Text]]:
    """Reasons that are alike: each in a line, then once what they mean."""
    for reason in reasons:
        where = f"{reason.object}: " if reason.object else ""
        yield coloured(reason.severity), plain(f"{reason.rule}: {where}{reason.saw}")
    told = [each for each in reasons if each.severity is not Verdict.SAFE]
    words = [word for field in ("why", "do", "policy") for each in told if (word := getattr(each, field))]
    for word in dict.fromkeys(words):
        yield Text(), plain(word, "dim")

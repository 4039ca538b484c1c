from contextlib import redirect_stdout
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.padding import Padding
from rich.table import Table

from deploy_orchestrator.cli import output
from deploy_orchestrator.cli.output import show_change
from deploy_orchestrator.manifests import ChartUsed, Manifests, diff
from deploy_orchestrator.risk import Judgement, Reason
from deploy_orchestrator.terms import Verdict


def test_what_reasons_that_are_alike_mean_is_told_once(capsys):
    reasons = [
        Reason(
            rule="check-excepted",
            severity=Verdict.NEEDS_APPROVAL,
            object=f"Deployment apps/{name}",
            saw="runs as root",
            why="Somebody else says.",
            do=do,
        )
        for name, do in (("one", "Read it."), ("two", "Read it."), ("three", "Mend it."))
    ]
    nothing = diff(Manifests(()), Manifests(()))
    show_change(
        "production/web", Judgement(ChartUsed(name="web", version="1.0.0"), nothing, tuple(reasons)), None
    )
    told = capsys.readouterr().out
    assert told.count("runs as root") == len(reasons)
    assert told.count("Read it.") == 1
    assert (
        told.index("two: runs") < told.index("Read it.") < told.index("three: runs") < told.index("Mend it.")
    )


words = st.text(st.sampled_from("ab é日\n\t\x1b"), max_size=9)


@given(st.lists(st.tuples(words, words, words), max_size=5))
def test_what_a_program_reads_stands_where_a_terminal_that_is_wide_enough_shows_it(rows):
    with redirect_stdout(StringIO()) as read:
        output.table("one", "two", last="three", rows=rows)
    wide = Table("one", "two", "three", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        wide.add_row(*map(output.plain, row))
    with output.screen.capture() as shown:
        output.screen.print(wide)
    assert read.getvalue().splitlines() == [line.rstrip() for line in shown.get().splitlines()]


@given(st.lists(st.tuples(words, words), max_size=5))
def test_what_stands_below_a_line_stands_where_a_terminal_that_is_wide_enough_shows_it(rows):
    with redirect_stdout(StringIO()) as read:
        output.say_below(rows)
    wide = Table.grid(padding=(0, 2, 0, 0))
    wide.add_column(no_wrap=True)
    wide.add_column()
    for row in rows:
        wide.add_row(*map(output.plain, row))
    with output.screen.capture() as shown:
        output.screen.print(Padding.indent(wide, 2))
    assert read.getvalue().splitlines() == [line.rstrip() for line in shown.get().splitlines()]

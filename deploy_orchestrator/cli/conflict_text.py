"""How a version conflict is told at a terminal."""

from collections.abc import Iterator

from deploy_orchestrator.charts import Analysis, Conflict, Harm, explain
from deploy_orchestrator.cli.output import plain, say, say_below

HARM_COLOURS = {
    Harm.NONE: "green",
    Harm.WORTH_KNOWING: "cyan",
    Harm.UNKNOWN: "yellow",
    Harm.HARMFUL: "bold red",
}


def show_conflict(conflict: Conflict, analysis: Analysis) -> None:
    """What a conflict of an analysis is about, why it is one, what harm it does, and the way out."""
    say(plain("conflict ", "bold red"), plain(conflict.name, "bold"), f" ({conflict.repository})")
    say_below(
        [
            ("why", explain(conflict)),
            ("harm", plain(conflict.harm, HARM_COLOURS[conflict.harm])),
            *(("", plain(reason, "dim")) for reason in why_unknown(conflict, analysis)),
            ("fix", plain(conflict.fix or "none found", "cyan")),
        ]
    )


def why_unknown(conflict: Conflict, analysis: Analysis) -> Iterator[str]:
    """Where the harm is unknown, what stands in the way of knowing it, and what to do."""
    if conflict.harm is not Harm.UNKNOWN:
        return
    if analysis.unread is None:
        yield "some name or object is made up while rendering: compare what `helm template` prints"
        return
    yield analysis.unread.what
    if analysis.unread.fix:
        yield analysis.unread.fix

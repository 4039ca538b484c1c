"""How a version conflict is told at a terminal."""

from collections.abc import Iterator, Sequence

from deploy_orchestrator.charts import (
    Analysis,
    Collision,
    Conflict,
    Deviation,
    Duplicate,
    Harm,
    explain,
    replacement,
)
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
            *(("or", plain(str(fix), "cyan")) for fix in conflict.fixes[1:]),
        ]
    )


def show_collision(collision: Collision) -> None:
    """A named template that several charts define, who gets which, and what harm that does."""
    clash = collision.clash
    say(plain("collision ", "bold red"), plain(clash.name, "bold"), f" ({clash.winner})")
    say_below([("why", said(collision)), ("harm", plain(collision.harm, HARM_COLOURS[collision.harm]))])


def said(collision: Collision) -> str:
    """Who gets which definition in place of its own."""
    return " ".join(dict.fromkeys(map(replacement, collision.clash.replacements)))


def show_duplicate(duplicate: Duplicate) -> None:
    """An object that several charts bring, and where."""
    where = f" in {duplicate.namespace}" if duplicate.namespace else ""
    say(plain("collision ", "bold red"), plain(f"{duplicate.kind} {duplicate.name}", "bold"), where)
    say_below([("why", brought(duplicate)), ("harm", plain(duplicate.harm, HARM_COLOURS[duplicate.harm]))])


def brought(duplicate: Duplicate) -> str:
    """Where an object comes from."""
    return f"It stands in {' and '.join(str(source) for source in duplicate.sources)}."


def show_deviations(deviations: Sequence[Deviation]) -> None:
    """Where Helm takes something else than is written."""
    if deviations:
        say(plain("what Helm will really take", "bold"))
        say_below(
            (plain(f"{each.parent}: {each.key}"), plain(each.why, "red" if each.is_grave else ""))
            for each in deviations
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

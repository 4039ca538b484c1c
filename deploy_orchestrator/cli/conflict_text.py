"""How a version conflict is told at a terminal."""

from deploy_orchestrator.charts import Conflict, Harm, explain
from deploy_orchestrator.cli.output import plain, say, say_below

HARM_COLOURS = {
    Harm.NONE: "green",
    Harm.WORTH_KNOWING: "cyan",
    Harm.UNKNOWN: "yellow",
    Harm.HARMFUL: "bold red",
}


def show_conflict(conflict: Conflict) -> None:
    """What the conflict is about, why it is one, what harm it does, and the way out."""
    say(plain("conflict ", "bold red"), plain(conflict.name, "bold"), f" ({conflict.repository})")
    say_below(
        [
            ("why", explain(conflict)),
            ("harm", plain(conflict.harm, HARM_COLOURS[conflict.harm])),
            ("fix", plain(conflict.fix or "none found", "cyan")),
        ]
    )

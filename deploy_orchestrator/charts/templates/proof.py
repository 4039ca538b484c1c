"""A clash as a person can check it: who gets what instead of what, and the two bodies side by side."""

from difflib import unified_diff
from textwrap import dedent

from deploy_orchestrator.charts.templates.clashes import Clash, Replacement
from deploy_orchestrator.charts.templates.scope import Located


def proof(clash: Clash) -> str:
    """One sentence for each chart that gets another definition than it brings, the difference under it."""
    return "\n".join(
        f"{_sentence(clash, one)}\n{_difference(one.replaced, clash.winner)}" for one in clash.replacements
    )


def _sentence(clash: Clash, replacement: Replacement) -> str:
    calls = f"calls {clash.name}" if replacement.certain else f"may call {clash.name}, by a computed name,"
    through = " > ".join(replacement.way)
    return (
        f"{replacement.victim.path} {calls} in {through} and gets that of {clash.winner.owner}"
        f" instead of that of {replacement.replaced.owner}, which it brings."
    )


def _difference(brought: Located, rendered: Located) -> str:
    return "".join(unified_diff(_lines(brought), _lines(rendered), str(brought), str(rendered)))


def _lines(located: Located) -> list[str]:
    return f"{dedent(located.definition.source).strip()}\n".splitlines(keepends=True)

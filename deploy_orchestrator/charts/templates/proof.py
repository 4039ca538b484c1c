"""A clash as a person can check it: who gets what instead of what, and the two bodies side by side."""

from difflib import unified_diff
from textwrap import dedent

from deploy_orchestrator.charts.templates.clashes import NameClash, Replacement
from deploy_orchestrator.charts.templates.scope import Located


def proof(clash: NameClash) -> str:
    """One sentence for each chart that gets another definition than it brings, the difference under it."""
    return "\n".join(f"{replacement(one)}\n{_difference(one.replaced, one.by)}" for one in clash.replacements)


def replacement(one: Replacement) -> str:
    """In one sentence who gets which definition in place of its own."""
    name = one.replaced.name
    calls = f"calls {name}" if one.certain else f"may call {name}, by a computed name,"
    return (
        f"{one.victim.path} {calls} in {' > '.join(one.way)} and gets that of {one.by.owner}"
        f" instead of that of {one.replaced.owner}, which it brings."
    )


def _difference(brought: Located, rendered: Located) -> str:
    return "".join(unified_diff(_lines(brought), _lines(rendered), str(brought), str(rendered)))


def _lines(located: Located) -> list[str]:
    return f"{dedent(located.definition.source).strip()}\n".splitlines(keepends=True)

"""A conflict in words that a person can follow."""

from collections import defaultdict

from deploy_orchestrator.charts.graph.conflicts import Conflict

_NAMED = 2


def explain(conflict: Conflict) -> str:
    """Why it is a conflict, in one or two sentences, the reasons first."""
    name = conflict.name
    by_constraint: defaultdict[str, list[str]] = defaultdict(list)
    for requirement in conflict.requirements:
        by_constraint[requirement.constraint].append(_who(requirement.path))
    reasons = _listed(
        [
            f"{_some(who)} {'needs' if len(who) == 1 else 'need'} {name} {constraint}"
            for constraint, who in by_constraint.items()
        ]
    )
    return f"Because {reasons}, {_verdict(conflict)}."


def _verdict(conflict: Conflict) -> str:
    name, loaded = conflict.name, _listed(list(conflict.resolved))
    if conflict.disjoint:
        return f"no version of {name} can serve all, published or not; Helm loads {loaded}"
    if not conflict.satisfiable:
        return f"none of the {conflict.known} known versions of {name} serves all; Helm loads {loaded}"
    return f"{name} {conflict.satisfying[0]} would serve all, and yet Helm loads {loaded}"


def _who(path: tuple[str, ...]) -> str:
    chart = path[-1].replace("@", " ")
    return chart if len(path) <= 2 else f"{chart} (through {path[-2].replace('@', ' ')})"


def _some(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = len(unique) - _NAMED
    return _listed(unique if more <= 1 else [*unique[:_NAMED], f"{more} more"])


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

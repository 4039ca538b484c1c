"""What a package of a chart carries, as `helm dependency update` would put it there before packaging."""

from collections.abc import Iterable

from deploy_orchestrator.charts import Constraint, Version


def carried_by(needs: Iterable[tuple[str, str]], published: Iterable[str]) -> list[str]:
    """For each need, a name and a constraint, the highest of the charts `name@version` that it allows."""
    known = [chart.partition("@")[::2] for chart in published]
    found: list[str] = []
    for name, constraint in needs:
        allowed = [one for other, one in known if other == name and Constraint.parse(constraint).allows(one)]
        found += [f"{name}@{max(allowed, key=Version.parse)}"] if allowed else []
    return found

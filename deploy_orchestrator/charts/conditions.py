"""Which dependencies are switched on.

The rules are those of `processDependencyConditions` and `processDependencyTags` in
`helm.sh/helm/v4/pkg/chart/v2/util`.
"""

from collections.abc import Mapping
from typing import Any, cast

from deploy_orchestrator.charts.metadata import Dependency


def enabled(dependency: Dependency, values: Mapping[str, Any], prefix: str = "") -> bool:
    """Whether `dependency` is switched on by `values`.

    These are the values of the root chart. `prefix` leads from there to the chart that has the dependency:
    empty for the root itself, `a.b.` for the subchart `b` of its subchart `a`. The first condition that is
    true or false decides; where none is, a true tag, or no false one, switches it on.
    """
    for condition in dependency.condition.strip().split(","):
        decided = _lookup(values, f"{prefix}{condition}") if condition else None
        if isinstance(decided, bool):
            return decided
    tags: object = values.get("tags")
    given = cast(dict[str, object], tags) if isinstance(tags, dict) else {}
    switches = [given[tag] for tag in dependency.tags if isinstance(given.get(tag), bool)]
    return True in switches or False not in switches


def _lookup(values: Mapping[str, Any], path: str) -> object:
    found: object = values
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast(Mapping[str, object], found).get(key)
    return found

"""`impact`: what an upgrade of a chart changes, before it is made, and whom it concerns."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy_orchestrator.charts import (
    ABSENT,
    Analysis,
    Chart,
    ChartChange,
    Impact,
    PublishedChart,
    Repositories,
    RepositoryError,
    Upgrade,
    ValueChange,
    analyze,
    explain,
    is_set,
    locate,
    target,
)
from deploy_orchestrator.charts import (
    impact as compare,
)
from deploy_orchestrator.charts import (
    upgrade as upgrade_chart,
)
from deploy_orchestrator.cli.chart_options import (
    AsOf,
    BadOption,
    Repository,
    Values,
    repositories_at,
    values_in,
)
from deploy_orchestrator.cli.conflict_text import show_conflict
from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.output import plain, progress, say, say_below, show_json, table
from deploy_orchestrator.fleet import ChartReference, Fleet
from deploy_orchestrator.survey import values_of


class ImpactFormat(StrEnum):
    """How an impact is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Concerned:
    """A deployment that runs the chart in some version, what changes with its values, and which it sets."""

    deployment: str
    runs: str
    after: Analysis
    impact: Impact
    sets: tuple[ValueChange, ...]


def impact(
    context: typer.Context,
    chart: Annotated[str, typer.Argument(metavar="CHART", help="A path, oci://…, or NAME[@VERSION].")],
    to: Annotated[str, typer.Option(metavar="VERSION", help="The version to upgrade to.")],
    dependency: Annotated[
        str | None, typer.Option(metavar="NAME", help="Upgrade this dependency of the chart instead.")
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", "-t", help="Also tell what it does to this tenant.")
    ] = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Also tell what it does to all who run the chart.")
    ] = False,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
    format: Annotated[  # noqa: A002
        ImpactFormat, typer.Option("--format", help="How to print the result.")
    ] = ImpactFormat.TEXT,
) -> None:
    """Show what an upgrade changes: charts, conflicts, constraints, defaults.

    Tenants are those of the fleet repository, each judged with its own values. The exit code is 1 when a
    constraint breaks, a dependency goes missing, or a conflict appears that cannot be satisfied or does harm.
    """
    fleet = opened(context).fleet() if tenant or all_tenants else None
    for name in tenant or ():
        if fleet:
            require_known(fleet, None, name)
    repositories = repositories_at(repository, fleet.mirrors if fleet else {})
    given = values_in(values)
    with progress("comparing"):
        root = locate(chart, repositories)
        found = upgrade_chart(root, to, repositories, dependency=dependency, as_of=as_of, values=given)
        then = target(root, to, dependency, repositories)
        concerned = [
            Concerned(key, runs, after, compare(before, after), _set_by(its_values, found))
            for key, runs, its_values in (_users(fleet, tenant, root, repositories) if fleet else ())
            for before, after in [
                (analyze(one, repositories, as_of=as_of, values=its_values) for one in (root, then))
            ]
        ]
    if tenant and not concerned:
        raise BadOption(f"none of {', '.join(tenant)} runs {root.name}", fix="leave out --tenant")
    if format is ImpactFormat.JSON:
        show_json(_json(found, dependency, to, concerned))
    elif format is ImpactFormat.MARKDOWN:
        say("\n".join(_markdown(found, _title(found, dependency, to), concerned)))
    else:
        _show(found, _title(found, dependency, to), concerned)
    judged = [each.impact for each in concerned] or [found.impact]
    if found.broken or not all(each.is_sound for each in judged):
        raise typer.Exit(1)


def _set_by(values: dict[str, Any], found: Upgrade) -> tuple[ValueChange, ...]:
    return tuple(change for change in found.values or () if is_set(values, change.field))


def _users(
    fleet: Fleet, tenants: list[str] | None, root: Chart | PublishedChart, repositories: Repositories
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for deployment in fleet.deployments():
        reference = deployment.tenant.chart
        if tenants and deployment.tenant.name not in tenants:
            continue
        if reference.name == root.name and _is_from(reference, root, repositories):
            yield deployment.key, reference.version, values_of(fleet, deployment)


def _is_from(reference: ChartReference, root: Chart | PublishedChart, repositories: Repositories) -> bool:
    if reference.repository is None or isinstance(root, Chart):
        return reference.repository is None and isinstance(root, Chart)
    try:
        return repositories.identity(reference.repository) == root.repository
    except RepositoryError:
        return False


def _title(found: Upgrade, dependency: str | None, to: str) -> str:
    if dependency is None:
        return f"{found.before.root} to {to}"
    now = next(
        (
            n.chart
            for n in found.before.closure.needs
            if n.parent == found.before.root and n.key == dependency
        ),
        None,
    )
    return f"{dependency} {now.version if now else 'missing'} to {to} in {found.before.root}"


def _versions(change: ChartChange) -> str:
    before, after = (", ".join(side) or "none" for side in (change.before, change.after))
    return f"{before} → {after}"


def _value(value: object) -> str:
    return "" if value is ABSENT else repr(value)


def _key(change: ValueChange) -> str:
    return ".".join(map(str, change.field))


def _kind(change: ValueChange) -> str:
    if change.before is ABSENT:
        return "added"
    return "removed" if change.after is ABSENT else "changed"


def _setters(change: ValueChange, concerned: list[Concerned]) -> str:
    return ", ".join(each.deployment for each in concerned if change in each.sets)


def _gist(impact: Impact) -> str:
    return ", ".join(
        f"{what} {one.name} ({one.harm})"
        for what, ones in (
            ("new conflict on", impact.appearing),
            ("worse conflict on", impact.worsening),
            ("no more conflict on", impact.going),
        )
        for one in ones
    )


def _show(found: Upgrade, title: str, concerned: list[Concerned]) -> None:
    say(plain(title, "bold"))
    impact = found.impact
    if impact.charts:
        table(
            "chart", last="versions", rows=((each.identity.name, _versions(each)) for each in impact.charts)
        )
    for need in found.broken:
        say(plain("breaks ", "bold red"), f"{need.parent} needs {need.chart.name} {need.constraint}")
    for missing in impact.missing:
        say(plain("goes missing ", "bold red"), f"{missing.dependency.name}: {missing.why}")
    for conflict in (*impact.appearing, *impact.worsening):
        show_conflict(conflict)
    for conflict in impact.going:
        say(plain("no more conflict ", "green"), conflict.name)
    if found.values is None:
        say(plain("defaults cannot be compared ", "yellow"), str(found.unread))
    elif found.values:
        rows = (
            (
                _kind(one),
                _key(one),
                _setters(one, concerned),
                f"{_value(one.before)} → {_value(one.after)}",
            )
            for one in found.values
        )
        table("default", "key", "set by", last="from → to", rows=rows)
    for each in concerned:
        say(plain(each.deployment, "bold"), f"  runs {each.runs}")
        gist, keys = _gist(each.impact), ", ".join(_key(one) for one in each.sets)
        say_below([(what, told) for what, told in (("conflicts", gist), ("sets", keys)) if told])
    if found.is_sound and not (impact.charts or found.values):
        say(plain("nothing changes", "green"))


def _markdown(found: Upgrade, title: str, concerned: list[Concerned]) -> Iterator[str]:
    impact = found.impact
    yield f"### {title}\n"
    for change in impact.charts:
        yield f"- `{change.identity.name}`: {_versions(change)}"
    for need in found.broken:
        yield f"- **breaks**: {need.parent} needs {need.chart.name} `{need.constraint}`"
    for missing in impact.missing:
        yield f"- **goes missing**: `{missing.dependency.name}`: {missing.why}"
    for one in (*impact.appearing, *impact.worsening):
        yield f"- **conflict on {one.name}** ({one.harm}): {explain(one)} Way out: {one.fix or 'none found.'}"
    for one in impact.going:
        yield f"- no more conflict on {one.name}"
    for change in found.values or ():
        setters = _setters(change, concerned)
        yield f"- {_kind(change)} default `{_key(change)}`" + (f", set by {setters}" if setters else "")
    if found.values is None:
        yield f"- defaults cannot be compared: {found.unread}"


def _json(found: Upgrade, dependency: str | None, to: str, concerned: list[Concerned]) -> dict[str, Any]:
    return {
        "chart": found.before.root.name,
        "version": found.before.root.version,
        "dependency": dependency,
        "to": to,
        **_impact(found.impact, found.after),
        "broken": [
            {"chart": str(need.parent), "needs": need.chart.name, "constraint": need.constraint}
            for need in found.broken
        ],
        "values": None
        if found.values is None
        else [
            {
                "key": list(one.field),
                "change": _kind(one),
                "before": None if one.before is ABSENT else one.before,
                "after": None if one.after is ABSENT else one.after,
                "set_by": [each.deployment for each in concerned if one in each.sets],
            }
            for one in found.values
        ],
        "values_unread": found.unread.what if found.unread else None,
        "deployments": [
            {
                "deployment": each.deployment,
                "runs": each.runs,
                **_impact(each.impact, each.after),
                "sets": [list(one.field) for one in each.sets],
            }
            for each in concerned
        ],
    }


def _impact(impact: Impact, after: Analysis) -> dict[str, Any]:
    told = {(each["repository"], each["name"]): each for each in after.as_json()["conflicts"]}
    return {
        "sound": impact.is_sound,
        "charts": [
            {
                "name": c.identity.name,
                "repository": c.identity.repository,
                "before": c.before,
                "after": c.after,
            }
            for c in impact.charts
        ],
        "missing": [{"name": one.dependency.name, "why": one.why} for one in impact.missing],
        "appearing": [told[one.identity] for one in impact.appearing],
        "worsening": [told[one.identity] for one in impact.worsening],
        "going": [{"name": one.name, "repository": one.repository} for one in impact.going],
    }

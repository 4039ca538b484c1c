"""What `impact` found, as JSON."""

from typing import Any

from deploy_orchestrator.charts import ABSENT, Analysis, Impact, Upgrade
from deploy_orchestrator.cli.impact_report import ImpactReport, Judged, kind
from deploy_orchestrator.cli.plan_json import error_json, preview_json


def impact_json(report: ImpactReport) -> dict[str, Any]:
    """Everything in a report, in plain JSON types."""
    return {
        "chart": report.name,
        "dependency": report.dependency,
        "to": report.to,
        "sound": report.is_sound,
        "edits": [
            {"place": str(each.place), "before": each.before, "after": each.after} for each in report.edits
        ],
        "charts": [_upgrade(found, report) for found in report.upgrades],
        "deployments": [_deployment(each) for each in report.judged],
        "carriers": [
            {
                "chart": str(each.need.chart),
                "within": str(each.need.parent),
                "deployments": each.deployments,
            }
            for each in report.carriers
        ],
        "unseen": report.unseen.what if report.unseen else None,
        "errors": [error_json(*failure) for failure in report.failures],
    }


def _upgrade(found: Upgrade, report: ImpactReport) -> dict[str, Any]:
    return {
        "chart": found.before.root.name,
        "version": found.before.root.version,
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
                "change": kind(one),
                "before": None if one.before is ABSENT else one.before,
                "after": None if one.after is ABSENT else one.after,
                "set_by": report.setters(one, found),
            }
            for one in found.values
        ],
        "values_unread": found.unread.what if found.unread else None,
    }


def _deployment(one: Judged) -> dict[str, Any]:
    return {
        "deployment": one.key,
        "charts": [
            {
                "runs": effect.runs,
                **_impact(effect.impact, effect.after),
                "sets": [list(change.field) for change in effect.sets],
            }
            for effect in one.concerned.charts
        ],
        "released": one.is_released,
        "overtaken": one.is_overtaken,
        "plan": {**preview_json(one.preview), "diff": one.difference.unified()} if one.preview else None,
    }


def _impact(impact: Impact, after: Analysis) -> dict[str, Any]:
    told = {(each["repository"], each["name"]): each for each in after.as_json()["conflicts"]}
    return {
        "sound": impact.is_sound,
        "changes": [
            {
                "name": one.identity.name,
                "repository": one.identity.repository,
                "before": one.before,
                "after": one.after,
            }
            for one in impact.charts
        ],
        "missing": [{"name": one.dependency.name, "why": one.why} for one in impact.missing],
        "appearing": [told[one.identity] for one in impact.appearing],
        "worsening": [told[one.identity] for one in impact.worsening],
        "going": [{"name": one.name, "repository": one.repository} for one in impact.going],
    }

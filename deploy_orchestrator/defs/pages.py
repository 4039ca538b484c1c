"""What people see in the web UI: results as tables, diffs and pictures in Dagster's metadata."""

import base64
import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from deploy_orchestrator.charts import Closure, Conflict, DependencyVersions, draw, explain
from deploy_orchestrator.delivery import Engine, Status
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.images import Image
from deploy_orchestrator.manifests import Diff, Finding, Manifests
from deploy_orchestrator.releases import Gate, Plan, Release
from deploy_orchestrator.survey import Survey, Surveyed

MAX_DIFF = 60_000
_LINE_BREAK = re.compile(r"[\r\n\v\f\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_MARKDOWN = re.compile(r"[\\`*_~|\[\]]")
NOTHING_PENDING = dg.MarkdownMetadataValue("Nothing to release: the candidate is what is released.")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table whose cells cannot break out of it."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return dg.MarkdownMetadataValue("\n".join(lines) if len(lines) > 2 else "none")


def charts(fleet: Fleet) -> dg.MarkdownMetadataValue:
    """Every chart that the fleet asks for, and who runs it."""
    asked = [(fleet.platform, "every tenant"), *((each.chart, each.name) for each in fleet.tenants.values())]
    users: dict[tuple[str, str, str], list[str]] = {}
    for chart, user in asked:
        users.setdefault((chart.name, chart.version, chart.repository or "the fleet"), []).append(user)
    return table(
        ["chart", "version", "repository", "run by"],
        [(*chart, ", ".join(names)) for chart, names in users.items()],
    )


def graph(closure: Closure) -> dg.MarkdownMetadataValue:
    """What needs what, as a picture."""
    svg = base64.b64encode(draw(closure, "svg")).decode()
    return dg.MarkdownMetadataValue(f"![dependency graph](data:image/svg+xml;base64,{svg})")


def needs(closure: Closure) -> dg.MarkdownMetadataValue:
    """Every edge of a dependency graph."""
    return table(
        ["chart", "needs", "constraint", "when", "on"],
        [
            (need.parent, need.chart, need.constraint, need.condition or ", ".join(need.tags), need.enabled)
            for need in closure.needs
        ],
    )


def unresolved(found: Survey) -> dg.MarkdownMetadataValue:
    """What could not be looked up, and why."""
    rows = [(missing.parent, missing.dependency.name, missing.why) for missing in found.closure.unresolved]
    return table(
        ["chart", "needs", "why not found"], [*rows, *((c, "", e) for c, e in found.failures.items())]
    )


def conflicts(found: Iterable[tuple[Surveyed, Conflict]]) -> dg.MarkdownMetadataValue:
    """Where versions clash, for whom, why, and the way out."""
    return table(
        ["chart", "clash on", "harm", "why", "way out", "for"],
        [
            (
                each.chart,
                conflict.name,
                conflict.harm,
                explain(conflict),
                conflict.fix or "none found",
                _few(each),
            )
            for each, conflict in found
        ],
    )


def upgrades(found: Iterable[tuple[Surveyed, DependencyVersions]]) -> dg.MarkdownMetadataValue:
    """What each dependency has, and how far it could go up."""
    return table(
        ["chart", "dependency", "constraint", "now", "allowed", "newest", "highest safe", "for"],
        [
            (
                each.chart,
                one.key,
                one.constraint,
                one.current,
                one.allowed,
                one.newest,
                one.safe or "",
                _few(each),
            )
            for each, one in found
        ],
    )


def unknown(found: Survey) -> dg.MarkdownMetadataValue:
    """The dependencies whose versions cannot be told, and why."""
    return table(
        ["chart", "dependency", "why"],
        [(each.chart, key, why) for each in found.charts for key, why in each.upgrades.unknown.items()],
    )


def objects(manifests: Manifests) -> dg.MarkdownMetadataValue:
    """Every object of a tenant."""
    return table(
        ["kind", "name", "namespace", "API version"],
        [(o.kind, o.name, o.namespace or "", o.api_version) for o in manifests.objects],
    )


def chart(manifests: Manifests) -> str:
    """The chart that manifests come from, and its version."""
    return f"{manifests.chart.name} {manifests.chart.version}" if manifests.chart else "unknown"


def findings(found: Iterable[Finding]) -> dg.MarkdownMetadataValue:
    """What the checks found, errors first."""
    ordered = sorted(found, key=lambda finding: (finding.severity != "error", finding.rule))
    return table(
        ["severity", "rule", "object", "found", "fix"],
        [(f.severity, f.rule, f.object or "", f.message, f.fix or "") for f in ordered],
    )


def images(found: Iterable[Image]) -> dg.MarkdownMetadataValue:
    """Every image and what runs it."""
    return table(
        ["image", "tag", "digest", "used by"],
        [(i.repository, i.tag or "", i.digest or "", ", ".join(map(str, i.used_by))) for i in found],
    )


def difference(diff: Diff) -> dg.MarkdownMetadataValue:
    """A coloured diff, cut where the UI would become slow."""
    text = diff.unified()
    cut = "" if len(text) <= MAX_DIFF else f"\n… {len(text) - MAX_DIFF:,} more characters"
    return dg.MarkdownMetadataValue(
        "~~~~~~diff\n" + text[:MAX_DIFF].replace("~~~~~~", "~~~~~ ") + cut + "\n~~~~~~"
    )


def reasons(plan: Plan) -> dg.MarkdownMetadataValue:
    """Why the verdict is what it is, and what to do."""
    return table(
        ["verdict", "what", "why it matters, and what to do"],
        [
            (
                reason.severity,
                f"{reason.rule}: {reason.object}: {reason.saw}"
                if reason.object
                else f"{reason.rule}: {reason.saw}",
                f"{reason.why} {reason.do}",
            )
            for reason in plan.reasons
        ],
    )


def gates(found: Iterable[Gate]) -> dg.MarkdownMetadataValue:
    """What a plan waits for."""
    return table(["gate", "state", "reason"], [(g.key, g.state.value, g.reason) for g in found])


def release(released: Release) -> dict[str, Any]:
    """What is released, from which source, and who approved it."""
    return {
        "digest": released.digest,
        "revision": released.revision,
        "release commit": released.commit,
        "source": released.source.commit,
        "authors": ", ".join(released.source.authors),
        "chart": f"{released.chart.name} {released.chart.version}",
        "approved by": ", ".join(a.who for a in released.approvals) or "nobody: no approval was needed",
        "released at": dg.TimestampMetadataValue(released.released_at.timestamp()),
    }


def status(state: Status, released: Release, engine: Engine) -> dict[str, Any]:
    """What is live, how it is, and since when."""
    link = engine.link(state.environment, state.tenant)
    return {
        "health": state.health.value,
        "sync": state.sync.value,
        "live revision": state.revision or "nothing",
        "released revision": released.revision,
        "healthy since" if state.health.value == "Healthy" else "unhealthy since": dg.TimestampMetadataValue(
            state.since.timestamp()
        ),
        "message": state.message,
        "drift": table(["changed by hand"], [(name,) for name in state.drift]),
        "engine": engine.name,
        **({"application": _link(link)} if link else {}),
    }


def _link(url: str) -> dg.UrlMetadataValue | dg.PathMetadataValue:
    path = url.removeprefix("file://")
    return dg.UrlMetadataValue(url) if path == url else dg.PathMetadataValue(path)


def _few(surveyed: Surveyed) -> str:
    first, *more = surveyed.deployments
    return f"{first} and {len(more)} more" if more else first


def _cell(value: object) -> str:
    text = _CONTROL.sub("\ufffd", _LINE_BREAK.sub(" ", str(value)))
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(text, quote=False))

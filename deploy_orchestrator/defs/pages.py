"""What people see in the web UI: results as tables, diffs and pictures in Dagster's metadata."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from deploy_orchestrator import markdown
from deploy_orchestrator.charts import Closure, Conflict, DependencyVersions, draw, explain
from deploy_orchestrator.delivery import Engine, Hook, Operation, Status, Verification
from deploy_orchestrator.errors import OrchestratorError, first_few
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.foresight import Survey, Surveyed
from deploy_orchestrator.images import AuditedImage, Image, Published, size
from deploy_orchestrator.manifests import Diff, Finding, Manifests
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Overview, Standing, State
from deploy_orchestrator.releases import Gate, Pausing, Plan, Release
from deploy_orchestrator.risk import Reason, Verdict, alike

MAX_DIFF = 60_000
MAX_SIGHTINGS = 5
MAX_ROWS = 500
DIGITS_OF_DIGESTS, DIGITS_OF_COMMITS = 12, 8
MAX_DRAWINGS = 50
"""Charts whose conflicts are drawn, each by itself; of more, only told."""
NOTHING_PENDING = dg.MarkdownMetadataValue("Nothing to release: the candidate is what is released.")


Table = dg.TableMetadataValue | dg.TextMetadataValue


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table, which the UI shows at once however long it is, and takes nothing in it for markup."""
    if not rows:
        return dg.TextMetadataValue("none")
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    records = [dg.TableRecord(dict(zip(columns, map(_cell, row), strict=True))) for row in rows]
    return dg.TableMetadataValue(records, schema)


def _cell(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else markdown.visible(str(value))


def short(name: str) -> str:
    """A digest or a commit by as many digits as the board and the commands show of it."""
    digest = name.removeprefix("sha256:")
    return name[:DIGITS_OF_COMMITS] if digest == name else digest[:DIGITS_OF_DIGESTS]


def board(environment: str, tenant: str) -> dg.UrlMetadataValue:
    """The deployment's page on the board, which `serve` has where Dagster's UI is."""
    return dg.UrlMetadataValue(f"/deployments/{environment}/{tenant}")


def charts(fleet: Fleet) -> Table:
    """Every chart that the fleet asks for, and who runs it."""
    asked = [
        (fleet.platform, "every tenant"),
        *((chart, each.name) for each in fleet.tenants.values() for chart in each.charts),
    ]
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


def clashes(found: Iterable[Surveyed]) -> dg.JsonMetadataValue:
    """For whom versions clash, why, and a drawing of what needs what there, for the pages of releases."""
    clashing = [each for each in found if each.analysis.conflicts]
    return dg.JsonMetadataValue(
        [
            {
                "deployments": list(each.deployments),
                "drawing": _drawing(each) if number < MAX_DRAWINGS else "",
                "rows": [_told(conflict) for conflict in each.analysis.conflicts],
            }
            for number, each in enumerate(clashing)
        ]
    )


def _drawing(found: Surveyed) -> str:
    drawn = attempt(draw, found.analysis.closure, "svg", found.analysis.conflicts)
    return "" if isinstance(drawn, OrchestratorError) else drawn.decode()


def needs(closure: Closure) -> Table:
    """Every edge of a dependency graph."""
    return table(
        ["chart", "needs", "constraint", "when", "on"],
        [
            (need.parent, need.chart, need.constraint, need.condition or ", ".join(need.tags), need.enabled)
            for need in closure.needs
        ],
    )


def unresolved(found: Survey) -> Table:
    """What could not be looked up, and why."""
    rows = [(missing.parent, missing.dependency.name, missing.why) for missing in found.closure.unresolved]
    return table(
        ["chart", "needs", "why not found"], [*rows, *((c, "", e) for c, e in found.failures.items())]
    )


def conflicts(found: Iterable[tuple[Surveyed, Conflict]]) -> Table:
    """Where versions clash, for whom, why, and the way out."""
    return table(
        ["chart", "clash on", "harm", "why", "way out", "for"],
        [(each.chart, *_told(conflict), _few(each)) for each, conflict in found],
    )


def _told(conflict: Conflict) -> tuple[str, str, str, str]:
    return conflict.name, str(conflict.harm), explain(conflict), str(conflict.fix or "none found")


def upgrades(found: Iterable[tuple[Surveyed, DependencyVersions]]) -> Table:
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


def unknown(found: Survey) -> Table:
    """The dependencies whose versions cannot be told, and why."""
    return table(
        ["chart", "dependency", "why"],
        [(each.chart, key, why) for each in found.charts for key, why in each.upgrades.unknown.items()],
    )


def objects(manifests: Manifests) -> Table:
    """Every object of a tenant."""
    return table(
        ["kind", "name", "namespace", "API version"],
        [(o.kind, o.name, o.namespace or "", o.api_version) for o in manifests.objects],
    )


def chart(manifests: Manifests) -> str:
    """The charts that manifests come from, and their versions."""
    return str(manifests.chart) if manifests.chart else "unknown"


def findings(found: Iterable[Finding]) -> Table:
    """What the checks found, errors first."""
    ordered = sorted(found, key=lambda finding: (finding.severity != "error", finding.rule))
    return table(
        ["severity", "rule", "object", "found", "fix"],
        [(f.severity, f.rule, f.object or "", f.message, f.fix or "") for f in ordered],
    )


def images(found: Iterable[Image]) -> Table:
    """Every image and what runs it."""
    return table(
        ["image", "tag", "digest", "used by"],
        [(i.repository, i.tag or "", i.digest or "", ", ".join(map(str, i.used_by))) for i in found],
    )


def audited(found: Iterable[AuditedImage]) -> Table:
    """Every image as its registry has it, on the platform on which it takes most."""
    return table(
        ["image", "digest", "download", "platforms", "SBOM", "signature", "run by"],
        [
            (
                each.name,
                each.found.digest,
                size(each.found.largest.download),
                ", ".join(str(one.platform) for one in each.found.variants),
                "yes" if each.found.attached.sboms else "no",
                "yes" if each.found.attached.signatures else "no",
                ", ".join(each.deployments),
            )
            for each in found
            if isinstance(each.found, Published)
        ],
    )


def difference(diff: Diff) -> dg.MarkdownMetadataValue:
    """A coloured diff, cut where the UI would become slow."""
    text = diff.unified()
    cut = "" if len(text) <= MAX_DIFF else f"\n… {len(text) - MAX_DIFF:,} more characters"
    return dg.MarkdownMetadataValue(markdown.fence(text[:MAX_DIFF] + cut, "diff"))


def reasons(plan: Plan) -> Table:
    """Why the verdict is what it is, and what to do."""
    return table(
        ["verdict", "what", "why it matters, and what to do"],
        [
            (same[0].severity, f"{same[0].rule}: {_sightings(same)}", _advice(same[0]))
            for same in alike(plan.reasons)
        ],
    )


def _sightings(same: Sequence[Reason]) -> str:
    told = [f"{each.object}: {each.saw}" if each.object else each.saw for each in same]
    return first_few(told, MAX_SIGHTINGS, "; ")


def _advice(reason: Reason) -> str:
    if reason.severity is Verdict.SAFE:
        return reason.why
    return " ".join(filter(None, (reason.why, reason.do, reason.policy)))


def gates(found: Iterable[Gate]) -> Table:
    """What a plan waits for."""
    return table(["gate", "state", "reason"], [(g.key, g.state.value, g.reason) for g in found])


def release(released: Release) -> dict[str, Any]:
    """What is released, from which source, and who approved it."""
    glass = released.glass_broken_by
    return {
        "digest": short(released.digest),
        "revision": short(released.revision),
        "release commit": short(released.commit),
        "source": short(released.source.commit),
        "authors": ", ".join(released.source.authors),
        "chart": str(released.chart),
        "approved by": ", ".join(a.who for a in released.approvals) or "nobody: no approval was needed",
        **({"glass broken": "; ".join(f"{a.who}: {a.reason}" for a in glass)} if glass else {}),
        "released at": dg.TimestampMetadataValue(released.released_at.timestamp()),
    }


def status(state: Status, released: Release, engine: Engine) -> dict[str, Any]:
    """What is live, how it is, and since when."""
    link = engine.link(state.environment, state.tenant)
    return {
        "health": state.health.value,
        "sync": state.sync.value,
        "live revision": short(state.revision) if state.revision else "nothing",
        "released revision": short(released.revision),
        "healthy since" if state.health.value == "Healthy" else "unhealthy since": dg.TimestampMetadataValue(
            state.since.timestamp()
        ),
        "message": state.message,
        "last operation": _operation(state.operation),
        "drift": table(["changed by hand"], [(name,) for name in state.drift]),
        **_ran("hooks", [(hook.object, hook) for hook in state.operation.hooks] if state.operation else []),
        "engine": engine.name,
        **({"application": _link(link)} if link else {}),
    }


def fleet_status(seen: Overview, engine: Engine) -> dict[str, Any]:
    """Everything on one page: what is not live and healthy first, then by name; what waits, what is paused,
    which rules wait, and what cannot be read.
    """
    ordered = sorted(seen.deployments, key=lambda each: (each.state is State.LIVE, each.key))
    columns = ["deployment", "state", "waits for", "what is wrong", "chart", "commit", "since (UTC)"]
    rows = [
        (*_deployment(each), _operation(each.status.operation if each.status else None)) for each in ordered
    ]
    left = len(ordered) - MAX_ROWS
    rules = [(each.environment, each.gate.reason, "; ".join(each.differences)) for each in seen.rules]
    return {
        "live and healthy": f"{seen.live} of {len(ordered)}",
        **({"troubles": table(["trouble"], [(each,) for each in seen.troubles])} if seen.troubles else {}),
        **(
            {"paused": table(["line", "by", "since (UTC)", "why"], _stopped(seen.paused))}
            if seen.paused
            else {}
        ),
        **({"rules that wait": table(["of", "for", "what changes"], rules)} if rules else {}),
        "deployments": table([*columns, "last operation"], rows[:MAX_ROWS]),
        **({"left out": f"{left} that come last"} if left > 0 else {}),
        "engine": engine.name,
        "board": dg.UrlMetadataValue("/"),
    }


def _stopped(paused: Sequence[Pausing]) -> list[tuple[object, ...]]:
    return [
        (stop.line.key, each.who, f"{each.at:%Y-%m-%d %H:%M:%S}", each.reason)
        for stop in paused
        for each in stop.paused
    ]


def _deployment(each: Standing) -> tuple[object, ...]:
    closed = ", ".join(gate.key for gate in each.waiting.closed) if each.waiting else ""
    release, status = each.release, each.status
    if release is None:
        return each.key, each.state, closed, "", "", "", ""
    state = f"{status.health}, {status.sync}" if status else "Unknown"
    chart = str(release.chart)
    since = f"{status.since:%m-%d %H:%M:%S}" if status and status.revision else ""
    return each.key, state, closed, each.message, chart, short(release.source.commit), since


def _operation(operation: Operation | None) -> str:
    if operation is None:
        return "none yet"
    begun = f"{operation.phase}, {operation.started:%m-%d %H:%M:%S}"
    took = f", {(operation.finished - operation.started).total_seconds():.0f} s" if operation.finished else ""
    failed = [f"{hook.object}: {hook.message or hook.phase}" for hook in operation.hooks if hook.phase.failed]
    said = "; ".join([*failed, *([operation.message] if operation.phase.failed else [])])
    return f"{begun}{took}{f': {said}' if said else ''}"


def tests(found: Iterable[Verification]) -> dict[str, Any]:
    """How the tests of a release went, and the last lines of those that failed."""
    return _ran("tests", [(str(test.object), test.ran) for test in found])


def _ran(what: str, hooks: Sequence[tuple[str, Hook | None]]) -> dict[str, Any]:
    rows = [(name, ran.phase if ran else "not run", (ran and ran.logs) or "") for name, ran in hooks]
    told = [
        f"{markdown.text(name)}:\n\n{markdown.fence(ran.message)}"
        for name, ran in hooks
        if ran and ran.phase.failed and ran.message
    ]
    printed = {f"{what} printed": dg.MarkdownMetadataValue("\n\n".join(told))} if told else {}
    return {what: table(["hook", "outcome", "all that it printed"], rows), **printed}


def _link(url: str) -> dg.UrlMetadataValue | dg.PathMetadataValue:
    path = url.removeprefix("file://")
    return dg.UrlMetadataValue(url) if path == url else dg.PathMetadataValue(path)


def _few(surveyed: Surveyed) -> str:
    return first_few(surveyed.deployments, 1)

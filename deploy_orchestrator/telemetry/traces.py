"""Traces of changes, from what Git tells of them: one of each commit of the fleet, through all its releases.

A trace and its spans are named by the commits that they are about, so that any process tells the same of a
change, after any restart, and no context travels with it. What has not ended yet is no span.

Attributes have the names of https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from deploy_orchestrator.releases import Delivered
from deploy_orchestrator.telemetry.past import ReleaseCommit

TENANT: Final = "deploy_orchestrator.tenant"
CHART: Final = "deploy_orchestrator.chart"


@dataclass(frozen=True, slots=True)
class Span:
    """What took from `start` to `end`; `id` and `parent` have 64 bits, `trace` has 128. A `run` is the whole
    way of a release, of which others are steps. What failed says so in `failure`.
    """

    name: str
    trace: int
    id: int
    parent: int | None
    start: datetime
    end: datetime
    run: bool = False
    failure: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


def trace_of(source: str) -> int:
    """The trace of what a commit of the fleet changes."""
    return _id("change", source, 16)


def ended_spans(
    changes: Sequence[ReleaseCommit], delivered: Sequence[Delivered], repository: str
) -> tuple[Span, ...]:
    """The spans that ended by what was `delivered` since this was asked last, among all `changes` there ever
    were; `repository` is the URL of the fleet. Each span is told once, the one of the fleet's commit, below
    which the others stand, with the first release of it that ended anywhere.
    """
    known = {each.commit: each for each in changes}
    ended: dict[str, ReleaseCommit] = {}
    recovered: dict[str, ReleaseCommit] = {}
    for each in delivered:
        if change := known.get(each.release):
            at_first = each.outcome == ("failed" if change.failed else "healthy")
            (ended if at_first else recovered)[change.commit] = change
    begun = {
        each.source
        for each in changes
        if each.kind == "release" and (each.healthy or each.failed) and each.commit not in ended
    }
    roots = {each.source: each for each in ended.values() if each.kind == "release"}
    return (
        *(_change(each, repository) for source, each in roots.items() if source not in begun),
        *(span for each in ended.values() for span in _run(each, known)),
        *(_recovery(each, known) for each in recovered.values()),
    )


def _change(each: ReleaseCommit, repository: str) -> Span:
    """The commit itself, of a moment: when its change is over only the last of its releases tells."""
    at = each.committed or each.planned or each.at
    told = {"vcs.ref.head.revision": each.source}
    if "://" in repository:
        told["vcs.repository.url.full"] = repository
    return Span("change", trace_of(each.source), _id("change", each.source), None, at, at, attributes=told)


def _run(each: ReleaseCommit, known: Mapping[str, ReleaseCommit]) -> Iterator[Span]:
    ended = each.failed or each.healthy or each.at
    trace, parent = _place(each, known)
    start = each.at if each.kind == "revert" else each.committed or each.planned or each.at
    yield Span(
        f"RUN {each.kind}",
        trace,
        _id("run", each.commit),
        parent,
        *_in_order(start, ended),
        run=True,
        failure="delivery" if each.failed else None,
        attributes={
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.name": each.kind,
            "cicd.pipeline.run.id": each.commit,
            "cicd.pipeline.result": _result(failed=bool(each.failed)),
            "deployment.environment.name": each.environment,
            "deployment.id": each.commit,
            "deployment.name": each.key,
            "deployment.status": "failed" if each.failed else "succeeded",
            "vcs.ref.head.revision": each.source,
            TENANT: each.tenant,
            CHART: each.chart,
        },
    )
    if each.kind == "release":
        yield from _step(each, trace, "plan", each.committed, each.planned)
        yield from _step(each, trace, "approve", each.planned, each.approved)
        yield from _step(each, trace, "release", each.approved or each.planned, each.at)
    yield from _step(each, trace, "deploy", each.at, ended, failed=bool(each.failed))


def _recovery(each: ReleaseCommit, known: Mapping[str, ReleaseCommit]) -> Span:
    """Of what had failed at first."""
    (span,) = _step(each, _place(each, known)[0], "recover", each.failed, each.healthy)
    return span


def _step(
    each: ReleaseCommit,
    trace: int,
    name: Literal["plan", "approve", "release", "deploy", "recover"],
    start: datetime | None,
    end: datetime | None,
    *,
    failed: bool = False,
) -> Iterator[Span]:
    if start is None or end is None:
        return
    told = {
        "cicd.pipeline.task.name": name,
        "cicd.pipeline.task.run.id": f"{each.commit}/{name}",
        "cicd.pipeline.task.run.result": _result(failed=failed),
    }
    if name in ("deploy", "recover"):
        told["cicd.pipeline.task.type"] = "deploy"
    yield Span(
        f"RUN {name}",
        trace,
        _id(name, each.commit),
        _id("run", each.commit),
        *_in_order(start, end),
        failure="delivery" if failed else None,
        attributes=told,
    )


def _place(each: ReleaseCommit, known: Mapping[str, ReleaseCommit]) -> tuple[int, int]:
    """The trace that it belongs to, and what it stands below: a revert below what it undid."""
    undone = known.get(each.reverts) if each.reverts else None
    if undone:
        return trace_of(undone.source), _id("run", undone.commit)
    return trace_of(each.source), _id("change", each.source)


def _in_order(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The clocks of people, of ours and of the engine differ."""
    return start, max(start, end)


def _result(*, failed: bool) -> str:
    return "failure" if failed else "success"


def _id(what: str, commit: str, size: int = 8) -> int:
    return int.from_bytes(sha256(f"{what} {commit}".encode()).digest()[:size])

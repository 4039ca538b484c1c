"""Who did what, when and why: out of Git, as rows."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Approval
from deploy_orchestrator.telemetry import Past, ReleaseCommit

DAYS: Final = 30
MAX_DAYS: Final = 3_660
MAX_CHANGES: Final = 5_000
"""What is read of Git for one answer, which takes seconds."""
_FORMULA: Final = re.compile('((?:^|[;\t\r\n])["\\s]*)([=+@\uff1d\uff0b\uff0d\uff20-])')
"""How a cell begins that a spreadsheet runs, also one that takes a semicolon for the end of a cell:
https://owasp.org/www-community/attacks/CSV_Injection
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did, by a `commit` of the deployments repository, to what is of the fleet's `source`."""

    at: datetime
    who: str
    what: str
    environment: str
    tenant: str
    commit: str
    source: str
    why: str


def entries(orchestrator: Orchestrator, past: Past, days: int) -> list[Entry]:
    """Of the last `days`, the newest first: what was released, reverted and removed, and the decisions that
    let it; what was decided on what waits; who stopped the line, and who started it again. Of more than
    `MAX_CHANGES` of what is released the newest are told.

    Raises:
        OrchestratorError: the history cannot be read.
    """
    since = datetime.now(UTC) - timedelta(days=days)
    lately = [each for each in past.changes() if each.at >= since][-MAX_CHANGES:]
    found = [
        *(entry for each in lately for entry in _of_change(orchestrator, each)),
        *_on_what_waits(orchestrator),
        *_stops(orchestrator),
    ]
    return sorted((each for each in found if each.at >= since), key=lambda each: each.at, reverse=True)


def as_csv(found: Iterable[Entry]) -> str:
    """The rows with a line of names; no cell begins as a formula does."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(each.name for each in fields(Entry))
    writer.writerows([_cell(each) for each in astuple(entry)] for entry in found)
    return text.getvalue()


def _cell(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return _FORMULA.sub(r"\1'\2", f"'{text}" if text.startswith(("\t", "\r")) else text)


def _of_change(orchestrator: Orchestrator, change: ReleaseCommit) -> Iterator[Entry]:
    where = change.environment, change.tenant
    event = attempt(orchestrator.deployments.event, *where, change.commit, change.kind)
    if isinstance(event, OrchestratorError):
        yield Entry(change.at, "", "unreadable", *where, change.commit, "", str(event))
        return
    release = event.release
    source = release.source.commit if release else ""
    made = release if change.kind == "release" else None
    who = ", ".join(made.source.authors) if made else str(event.who)
    yield Entry(change.at, who, change.kind, *where, change.commit, source, event.reason or "")
    for each in made.approvals if made else ():
        yield _decision(each, where, source)


def _on_what_waits(orchestrator: Orchestrator) -> Iterator[Entry]:
    for plan in orchestrator.deployments.pending_plans():
        found = attempt(orchestrator.decisions, plan)
        for each in () if isinstance(found, OrchestratorError) else found[0]:
            yield _decision(each, (plan.environment, plan.tenant), plan.source.commit)


def _stops(orchestrator: Orchestrator) -> Iterator[Entry]:
    for each in orchestrator.pausing():
        where = each.line.environment, each.line.tenant or ""
        for one in (*each.paused, *([each.resumed] if each.resumed else [])):
            yield _decision(one, where, "")


def _decision(each: Approval, where: tuple[str, str], source: str) -> Entry:
    return Entry(each.at, each.who, each.decision, *where, each.commit, source, each.reason)

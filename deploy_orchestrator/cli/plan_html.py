"""A plan as one HTML file that needs nothing else: to be kept beside a pipeline's run, sent, or printed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.foresight import Proposal, grouped, headline, new_warnings, outlined
from deploy_orchestrator.markdown import visible
from deploy_orchestrator.risk import Verdict

MAX_DIFF_LINES: Final = 5_000

_KINDS: Final = {"---": "place", "+++": "place", "@@": "place", "#": "place", "-": "removed", "+": "added"}


def report(
    proposals: Sequence[Proposal],
    failures: Sequence[tuple[str, OrchestratorError]],
    notes: Sequence[str],
    context: int,
) -> str:
    """What a plan found as a page without scripts, the gravest first, with all reasons and diffs.

    Deployments for which the same lines change for the same reasons share a section.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    templates.filters["visible"] = visible  # pyright: ignore[reportUnknownMemberType]
    return templates.get_template("plan.html").render(
        headline=headline(proposals, failures),
        failures=failures,
        notes=[note.replace("`", "") for note in notes],
        groups=[_group(number, group, context) for number, group in enumerate(grouped(proposals), start=1)],
    )


def _group(number: int, group: Sequence[Proposal], context: int) -> dict[str, Any]:
    judgement = group[0].judgement
    order = list(Verdict)
    lines = list(_lines(judgement.difference.unified(context)))
    return {
        "number": number,
        "keys": [each.deployment.key for each in group],
        "verdict": judgement.verdict,
        "chart": str(judgement.chart),
        "summary": judgement.summary,
        "outline": list(outlined(judgement.difference)),
        "reasons": sorted(judgement.reasons, key=lambda each: -order.index(each.severity)),
        "warnings": new_warnings(group[0]),
        "lines": lines[:MAX_DIFF_LINES],
        "cut": max(0, len(lines) - MAX_DIFF_LINES),
    }


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in visible(text.removesuffix("\n")).split("\n") if text else ():
        yield next((kind for begin, kind in _KINDS.items() if line.startswith(begin)), ""), line

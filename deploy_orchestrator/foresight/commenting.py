"""A plan as a comment on a pull request: short, and closed to what people wrote elsewhere.

What is not this module's own words stands in code spans or fenced blocks that its text cannot end, where no
forge reads markup, mentions or references.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from deploy_orchestrator.errors import OrchestratorError, first_few
from deploy_orchestrator.foresight.comparison import Proposal
from deploy_orchestrator.foresight.outline import outlined
from deploy_orchestrator.manifests import Finding
from deploy_orchestrator.markdown import code, fence, rail, visible
from deploy_orchestrator.risk import RULES, Reason, Verdict, alike

MARK = "<!-- deploy-orchestrator plan -->"
"""The first line, by which a pipeline finds its earlier comment to replace it."""

MAX_COMMENT = 40_000
"""The most characters of a comment; GitHub takes 65,536."""

MAX_DIFF = 8_000
MAX_NAMES = 12
MAX_OUTLINE = 8
MAX_REASONS = 12
MAX_ALIKE = 3
MAX_WARNINGS = 5
SIGNS = {Verdict.SAFE: "🟢", Verdict.NEEDS_APPROVAL: "🟡", Verdict.BLOCKED: "🔴"}

_RESERVE = 500
_OWN_WORDS = frozenset(rule.do for rule in RULES)
_GRAVEST_FIRST = tuple(reversed(Verdict))


def comment(
    proposals: Sequence[Proposal], failures: Sequence[tuple[str, OrchestratorError]], notes: Sequence[str]
) -> str:
    """What a plan found as GitHub Flavored Markdown of at most `MAX_COMMENT` characters, the gravest first.

    What does not render comes before all else; deployments for which the same lines change for the same
    reasons share a section. Where the whole is too long, diffs are cut and then left out, and whole sections
    after them; the comment says so. `notes` are further lines for its head.
    """
    groups = grouped(proposals)
    head = [MARK, f"## Plan: {headline(proposals, failures)}", *notes]
    room = MAX_COMMENT - _RESERVE - sum(len(line) + 2 for line in head)
    texts = [*(_failure(*each) for each in failures), *map(_section, groups)]
    body: list[str] = []
    for text in texts:
        if len(text) + 2 > room:
            break
        body.append(text)
        room -= len(text) + 2
    silent = 0
    for index, group in enumerate(groups[: max(0, len(body) - len(failures))], start=len(failures)):
        diff = _diff(group[0], min(MAX_DIFF, room))
        if diff is None:
            silent += bool(group[0].judgement.difference)
        else:
            body[index] += f"\n\n{diff}"
            room -= len(diff) + 2
    return "\n\n".join([*head, *body, *_left_out(len(texts) - len(body), silent)])


def headline(proposals: Sequence[Proposal], failures: Sequence[object]) -> str:
    """How many are judged in which way, and how many do not render."""
    counts = [(sum(_verdict(each) is verdict for each in proposals), verdict) for verdict in _GRAVEST_FIRST]
    told = [f"{SIGNS[verdict]} {count} {_words(verdict)}" for count, verdict in counts if count]
    if failures:
        told.insert(0, f"❌ {len(failures)} not rendered")
    return ", ".join(told) or "nothing changes"


def _words(verdict: Verdict) -> str:
    return verdict.replace("-", " ")


def _verdict(proposal: Proposal) -> Verdict:
    return proposal.judgement.verdict


def grouped(proposals: Sequence[Proposal]) -> list[list[Proposal]]:
    """Those together for which the same lines change for the same reasons, the gravest first."""
    groups: defaultdict[object, list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        groups[_likeness(proposal)].append(proposal)
    return sorted(groups.values(), key=lambda group: _GRAVEST_FIRST.index(_verdict(group[0])))


def _likeness(proposal: Proposal) -> object:
    def neutral(text: str) -> str:
        return text if text.endswith(" /dev/null") else own.sub("-", text)

    deployment, judgement = proposal.deployment, proposal.judgement
    called = (deployment.namespace, deployment.tenant.name, deployment.environment.name)
    own = re.compile("|".join(rf"(?<![a-z0-9]){re.escape(each)}(?![a-z0-9])" for each in called))
    lines = judgement.difference.unified().split("\n")
    return (
        str(judgement.chart),
        tuple((each.rule, each.severity, neutral(f"{each.object} {each.saw}")) for each in judgement.reasons),
        tuple((each.rule, neutral(f"{each.object} {each.message}")) for each in new_warnings(proposal)),
        tuple(neutral(line) for line in lines if line.startswith(("+", "-", "#"))),
    )


def _section(group: Sequence[Proposal]) -> str:
    first = group[0]
    judgement, chart = first.judgement, first.judgement.chart
    title = names([each.deployment.key for each in group])
    lines = [f"### {SIGNS[judgement.verdict]} {_words(judgement.verdict)}: {title}", ""]
    lines += [f"{code(str(chart))}: {judgement.summary}.", ""]
    outline = [f"- {what}: {code(how)}" for what, how in outlined(judgement.difference)]
    lines += _bounded(outline, MAX_OUTLINE, "images and definitions")
    lines += _bounded(list(_reasons(judgement.reasons)), MAX_REASONS, "reasons")
    lines += _bounded(list(map(_warning, new_warnings(first))), MAX_WARNINGS, "new warnings")
    return "\n".join(lines).rstrip()


def new_warnings(proposal: Proposal) -> list[Finding]:
    """The warnings that the state before does not have."""
    return [each for each in proposal.findings if each.severity == "warning" and each in proposal.new]


def names(each: Sequence[str]) -> str:
    """The first of these, and how many more there are."""
    return first_few(each, MAX_NAMES)


def _bounded(lines: list[str], limit: int, what: str) -> Iterator[str]:
    yield from lines[:limit]
    if len(lines) > limit:
        yield f"- and {len(lines) - limit} more {what}"


def _reasons(reasons: Sequence[Reason]) -> Iterator[str]:
    """What is not safe: the same thing in many objects is one reason."""
    for same in alike(each for each in reasons if each.severity is not Verdict.SAFE):
        first = same[0]
        told = [code(f"{each.object}: {each.saw}" if each.object else each.saw) for each in same]
        advice = first.do if first.do in _OWN_WORDS else code(first.do)
        policy = f" By the policy: {code(first.policy)}" if first.policy else ""
        said = f"**{_words(first.severity)}** {first.rule}: {first_few(told, MAX_ALIKE)}"
        yield f"- {said}  \n  {first.why} {advice}{policy}"


def _warning(finding: Finding) -> str:
    where = f"{finding.object}: " if finding.object else ""
    return f"- new warning {finding.rule}: {code(where + finding.message)} Fix: {code(finding.fix)}"


def _failure(key: str, error: OrchestratorError) -> str:
    place = f"{code(str(error.place))}: " if error.place else ""
    fix = f"  \nFix: {code(error.fix)}" if error.fix else ""
    return f"### ❌ not rendered: {code(key)}\n\n{place}{code(error.what)}{fix}"


def _diff(proposal: Proposal, limit: int) -> str | None:
    text = visible(proposal.judgement.difference.unified().removesuffix("\n"))
    lines = text.split("\n")
    room = limit - 2 * len(rail(text)) - _RESERVE
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    if not "".join(kept):
        return None
    cut = len(lines) - len(kept)
    size = f"{len(lines):,} lines" + (f", of which the first {len(kept):,} are shown" if cut else "")
    block = fence("\n".join(kept), "diff")
    summary = f"<summary>Diff of {proposal.deployment.key}, {size}</summary>"
    return f"<details>{summary}\n\n{block}\n\n</details>"


def _left_out(sections: int, diffs: int) -> Iterator[str]:
    parts = [f"{sections} more changes" if sections else "", f"the diffs of {diffs}" if diffs else ""]
    if what := " and ".join(filter(None, parts)):
        yield (
            f"**Left out, to keep this short:** {what}. "
            "`deploy-orchestrator plan` with the same options shows everything."
        )

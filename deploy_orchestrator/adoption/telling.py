"""What came of adopting, for people to read."""

from collections import Counter
from collections.abc import Iterable, Iterator

from deploy_orchestrator.adoption.adopting import Adoption, Examined, Outcomes
from deploy_orchestrator.adoption.drafting import Adopted
from deploy_orchestrator.adoption.profile import NEVER, UNKNOWN_SCOPE, unknown_kinds
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.markdown import code, text

STATES = ("equal", "differs", "not proved", "not carried over")
_SHOWN = 20


def report(adoption: Adoption) -> str:
    """ADOPTION.md: what was carried over, what could not be and why, what a person must decide."""
    return "\n".join(_lines(adoption)) + "\n"


def _lines(adoption: Adoption) -> Iterator[str]:
    counted = Counter(each.state for each in adoption.outcomes)
    counted["not carried over"] += len(adoption.refused)
    yield "# What was adopted"
    yield ""
    yield ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state]) or "Nothing."
    yield ""
    yield "*equal*: our objects are the original's, byte by byte in canonical form."
    for state in STATES[::-1]:
        some = [each for each in adoption.outcomes if each.state == state]
        refused = adoption.refused if state == "not carried over" else ()
        if some or refused:
            yield ""
            yield f"## {state.capitalize()}"
            yield ""
            for each in sorted(some, key=lambda each: each.old.key):
                yield from _about(each)
            for owner, error in refused:
                yield f"- {text(owner)}"
                yield f"    - {text(_said(error))}"
    yield ""
    yield "## To decide"
    yield ""
    yield from (f"- {text(each)}" for each in adoption.decisions)
    if adoption.edited:
        yield ""
        yield "## Left as somebody edited it"
        yield ""
        yield from (f"- {code(path)}" for path in adoption.edited)


def _about(outcome: Outcomes) -> Iterator[str]:
    where = f" as {code(outcome.adopted.tenant)}" if isinstance(outcome.adopted, Adopted) else ""
    yield f"- {text(outcome.old.key)}{where}"
    for each in told(outcome):
        yield f"    - {text(each)}"


def told(outcome: Outcomes) -> Iterator[str]:
    """What is to be known of one release, a line each."""
    if isinstance(outcome.adopted, OrchestratorError):
        yield _said(outcome.adopted)
        return
    yield from (f"cut out as a secret: {path}" for path in outcome.adopted.cut)
    for each in outcome.adopted.twice:
        yield f"{each}: the key stands twice, and the last one counts, as for Helm"
    yield from outcome.old.notes
    if isinstance(outcome.examined, OrchestratorError):
        yield _said(outcome.examined)
        yield from _why_cut(outcome.adopted)
        return
    yield from _compared(outcome.examined)
    if outcome.state == "differs":
        yield from _why_cut(outcome.adopted)
    yield from _live(outcome)
    if kinds := unknown_kinds(outcome.examined.findings):
        yield f"unknown-scope: nobody says the scope of {', '.join(kinds)}, which blocks it"
    for finding in outcome.examined.findings:
        if finding.severity == "error" and finding.rule in NEVER - {UNKNOWN_SCOPE}:
            yield f"{finding.rule}: {finding.object or ''} {finding.message} To do: {finding.fix}"


def _why_cut(adopted: Adopted) -> Iterator[str]:
    if adopted.cut:
        yield "what was cut out may be why. To do: write back what is no secret, and run adopt again"


def _compared(examined: Examined) -> Iterator[str]:
    proof = examined.proof
    if isinstance(proof, OrchestratorError):
        yield _said(proof)
        return
    yield f"{proof.equal} objects are equal"
    for word, names in (
        ("differs", proof.differing),
        ("missing", proof.missing),
        ("only ours", proof.extra),
        ("ours by design", proof.added),
    ):
        yield from _first(f"{word}: {each}" for each in names)


def _live(outcome: Outcomes) -> Iterator[str]:
    if isinstance(outcome.takeover, OrchestratorError):
        yield f"the cluster was not asked: {_said(outcome.takeover)}"
    elif outcome.takeover:
        yield f"a dry run keeps {outcome.takeover.kept} live objects as they are"
        yield from _first(f"a dry run says: {each}" for each in outcome.takeover.would)


def _first(lines: Iterable[str]) -> Iterator[str]:
    said = list(lines)
    yield from said[:_SHOWN]
    if len(said) > _SHOWN:
        yield f"{len(said) - _SHOWN} more"


def _said(error: OrchestratorError) -> str:
    where = f"{error.place}: " if error.place else ""
    return f"{where}{error.what}" + (f". To do: {error.fix}" if error.fix else "")

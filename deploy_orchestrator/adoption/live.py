"""What applying our objects would change of those that are live."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.delivery import ClusterClient, Inspection, inspect
from deploy_orchestrator.fleet import TakeoverEvidence
from deploy_orchestrator.manifests import Manifests, hooks

_KEPT: Final = 100
"""How many lines of what would change are kept; more tell nobody more."""
_LONGEST: Final = 1_000
"""Characters of one of them."""


def tried(cluster: ClusterClient, namespace: str, candidate: Manifests) -> TakeoverEvidence:
    """What server-side dry runs say of applying the `candidate` over what is live, and which hooks that
    runs; nothing is written.
    """
    found = inspect(cluster, namespace, None, candidate)
    runs = (f"{each.key} would run, as a hook" for each in candidate.objects if hooks.is_hook(each))
    said = [_line(each) for each in (*would(found, candidate), *runs)]
    more = [f"{len(said) - _KEPT} more"] if len(said) > _KEPT else []
    return TakeoverEvidence(
        content=candidate.content,
        live=Manifests(each for each in found.there.objects if each.kind != "Secret").content,
        kept=len(found.kept),
        would=(*said[:_KEPT], *more),
    )


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def would(found: Inspection, candidate: Manifests) -> Iterator[str]:
    """What applying the candidate would do beside leaving all as it is, a line each."""
    for change in found.taken_over.changed:
        yield f"{change.key} would change: {', '.join(field.field for field in change.fields)}"
    for each in found.taken_over.removed:
        yield f"{each.key} would be made anew"
    for key, said in (*found.refused.items(), *found.unasked.items()):
        yield f"{key}: {said}"
    there = {*found.kept, *(change.key for change in found.taken_over.changed)}
    for each in candidate.objects:
        if not hooks.is_hook(each) and each.key not in {*there, *found.refused, *found.unasked}:
            yield f"{each.key} is not live"

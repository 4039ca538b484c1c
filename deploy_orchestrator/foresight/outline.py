"""What stands out in a change, in words: images, and definitions of custom kinds."""

from collections.abc import Iterator

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import Diff, ImageChange, highlights

_NAMED_AT_MOST = 3


def outlined(difference: Diff) -> Iterator[tuple[str, str]]:
    """What kind of thing changes, and how, a line each; nothing where neither images nor definitions do."""
    found = highlights(difference)
    for each in found.images:
        yield "image", _image(each)
    for word, names in (("new", found.added), ("changed", found.changed), ("gone", found.removed)):
        if names:
            yield "definitions", f"{len(names)} {word}: {first_few(names, _NAMED_AT_MOST)}"


def _image(change: ImageChange) -> str:
    objects = first_few(list(map(str, change.objects)), _NAMED_AT_MOST)
    return f"{change.before or 'none'} → {change.after or 'none'}  {objects}"

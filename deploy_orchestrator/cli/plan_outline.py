"""What stands out in a change, in words: images, and definitions of custom kinds."""

from collections.abc import Iterator

from deploy_orchestrator.manifests import Diff, ImageChange, highlights

_NAMED_AT_MOST = 3


def outlined(difference: Diff) -> Iterator[tuple[str, str]]:
    """What kind of thing changes, and how, a line each; nothing where neither images nor definitions do."""
    found = highlights(difference)
    for each in found.images:
        yield "image", _image(each)
    for word, names in (("new", found.added), ("changed", found.changed), ("gone", found.removed)):
        if names:
            yield "definitions", f"{len(names)} {word}: {_some(names)}"


def _image(change: ImageChange) -> str:
    return f"{change.before or 'none'} → {change.after or 'none'}  {_some(list(map(str, change.objects)))}"


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")

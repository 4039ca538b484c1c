"""A difference side by side: what was before on the left, what is after on the right."""

from collections.abc import Iterator
from itertools import zip_longest


def pairs(unified: str) -> Iterator[tuple[str, str]]:
    """Each row of a unified text: lines that stay stand on both sides, lines that go on the left, those that
    come in their place beside them on the right, and nothing where there is none.
    """
    before: list[str] = []
    after: list[str] = []
    for line in unified.splitlines():
        if line.startswith("-") and not after:
            before.append(line)
        elif line.startswith("+"):
            after.append(line)
        else:
            yield from zip_longest(before, after, fillvalue="")
            before, after = ([line], []) if line.startswith("-") else ([], [])
            if not before:
                yield line, line
    yield from zip_longest(before, after, fillvalue="")

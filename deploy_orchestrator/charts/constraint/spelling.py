"""A set of versions as a constraint that Helm reads: every intersection of constraints can be spelled as one.

Releases are spelled without a prerelease, so that no prerelease slips in. Prereleases are spelled with one,
which lets in the releases among them; those that do not belong are kept out by `!=1.2.x`, which spares
prereleases.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from deploy_orchestrator.charts.constraint.sets import (
    LEAST,
    Ranges,
    VersionSet,
    first_patch,
    least,
    release,
    successor,
)
from deploy_orchestrator.charts.version import MAX_NUMBER, Key, Version

NOTHING = "<0.0.0"
ANYTHING = "*"

Minor = tuple[int, int]


def spell(versions: VersionSet) -> str:
    """The constraint that allows exactly `versions`."""
    releases = versions.releases
    groups: list[str] = []
    for first, beyond in _pieces(versions):
        among = VersionSet.between((first, beyond)).releases
        minors = _minors(among - versions.releases)
        releases -= among - _releases_of(minors)
        excluded = [f"!={major}.{minor}.x" for major, minor in minors] + _missing_slices(
            versions, first, beyond
        )
        groups.append(" ".join([_interval(first, beyond), *excluded]))
    groups = [_interval(first, beyond) for first, beyond in releases.intervals()] + groups
    return " || ".join(groups) or NOTHING


def _pieces(versions: VersionSet) -> Iterator[tuple[Key, Key | None]]:
    """The prereleases as intervals within each of which a slice belongs as a whole or not at all."""
    cuts = sorted(least(*at[:2], edge) for at, patches in versions.slices.items() for edge in patches.edges)
    for first, beyond in versions.prereleases.intervals():
        starts = [first, *(cut for cut in cuts if first < cut and (beyond is None or cut < beyond))]
        yield from pairwise(starts)
        yield starts[-1], _without_release_before(beyond, versions)


def _without_release_before(beyond: Key | None, versions: VersionSet) -> Key | None:
    if beyond and beyond[4] == LEAST and beyond[2]:
        before = release(beyond[0], beyond[1], beyond[2] - 1)
        return beyond if before in versions.releases else before
    return beyond


def _minors(releases: Ranges[Key]) -> list[Minor]:
    minors: dict[Minor, None] = {}
    for first, beyond in releases.intervals():
        major, minor = first[:2]
        while major <= MAX_NUMBER and (beyond is None or release(major, minor) < beyond):
            minors[major, minor] = None
            major, minor = least(major, minor + 1)[:2]
    return [*minors]


def _releases_of(minors: Iterable[Minor]) -> Ranges[Key]:
    return VersionSet.between(
        *((release(*minor), least(minor[0], minor[1] + 1)) for minor in minors)
    ).releases


def _missing_slices(versions: VersionSet, first: Key, beyond: Key | None) -> list[str]:
    missing: list[str] = []
    for at, patches in versions.slices.items():
        major, minor, identifiers = at
        patch = first_patch(first, at)
        if patch is not None and patch not in patches:
            key = (major, minor, patch, False, identifiers)
            if beyond is None or key < beyond:
                missing.append(f"!={major}.{minor}.x-{Version.of(key).prerelease}")
    return missing


def _interval(first: Key, beyond: Key | None) -> str:
    if beyond is None:
        return ANYTHING if first == release(0) else f">={Version.of(first)}"
    if first == release(0):
        return f"<{Version.of(beyond)}"
    following = release(first[0], first[1], first[2] + 1) if first[3] else successor(first)
    if beyond == following:
        return f"={Version.of(first)}"
    return f">={Version.of(first)} <{Version.of(beyond)}"

"""Sets of versions, exact for all versions that can be written.

Releases and prereleases are kept apart, each as intervals in the version order, because a constraint that
names no prerelease allows none. Every version has a next one (`1.2.3-rc` has `1.2.3-rc.0`, the release
`1.2.3` has `1.2.4-0`), so an interval is written as its first version and the first version beyond, and is
empty exactly where these two are equal.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from deploy_orchestrator.charts.version import MAX_NUMBER, Identifier, Key, Version

Point = TypeVar("Point", int, Key)

Slice = tuple[int, int, tuple[Identifier, ...]]
"""Major, minor and prerelease: the prereleases that differ in nothing but the patch number."""

LEAST: tuple[Identifier, ...] = ((0, 0),)


@dataclass(frozen=True, slots=True)
class Ranges(Generic[Point]):
    """Intervals of ordered points: at each edge, in ascending order, the set begins or ends."""

    edges: tuple[Point, ...] = ()

    def __contains__(self, point: Point) -> bool:
        return bisect_right(self.edges, point) % 2 == 1

    def __and__(self, other: "Ranges[Point]") -> "Ranges[Point]":
        return self._merge(other, lambda here, there: here and there)

    def __or__(self, other: "Ranges[Point]") -> "Ranges[Point]":
        return self._merge(other, lambda here, there: here or there)

    def __sub__(self, other: "Ranges[Point]") -> "Ranges[Point]":
        return self._merge(other, lambda here, there: here and not there)

    def _merge(self, other: "Ranges[Point]", rule: Callable[[bool, bool], bool]) -> "Ranges[Point]":
        edges: list[Point] = []
        for edge in sorted({*self.edges, *other.edges}):
            if rule(edge in self, edge in other) != len(edges) % 2:
                edges.append(edge)
        return Ranges(tuple(edges))

    def intervals(self) -> Iterator[tuple[Point, Point | None]]:
        """Each interval as its first point and the first point beyond, None where it never ends."""
        for index in range(0, len(self.edges), 2):
            yield self.edges[index], self.edges[index + 1] if index + 1 < len(self.edges) else None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The tightest bounds of a set: `lower` is in it, `upper` (None: no end) is where `upper_included`."""

    lower: Version
    upper: Version | None
    upper_included: bool

    def __str__(self) -> str:
        if self.upper is None:
            return f">={self.lower}"
        if self.upper == self.lower:
            return f"={self.lower}"
        return f">={self.lower} {'<=' if self.upper_included else '<'}{self.upper}"


@dataclass(frozen=True, slots=True)
class VersionSet:
    """Some releases and some prereleases.

    `slices` corrects `prereleases`: of a slice that it names, only the patch numbers given there belong. It
    exists for `!=1.2.x-rc`, which leaves out 1.2.0-rc, 1.2.1-rc and so on without end.
    """

    releases: Ranges[Key] = Ranges()
    prereleases: Ranges[Key] = Ranges()
    slices: Mapping[Slice, Ranges[int]] = field(default_factory=dict[Slice, Ranges[int]])

    @classmethod
    def between(cls, *spans: tuple[Key, Key | None]) -> "VersionSet":
        """All versions from each first key on, and below each second one. Spans ascend and do not overlap."""
        edges = [edge for span in spans for edge in span if edge is not None]
        return cls(Ranges(_cancel(map(_as_release, edges))), Ranges(_cancel(map(_as_prerelease, edges))))

    def __contains__(self, version: Version) -> bool:
        return self._holds(version.key)

    def _holds(self, key: Key) -> bool:
        if key[3]:
            return key in self.releases
        if self.slices:
            patches = self.slices.get(_slice(key))
            if patches is not None:
                return key[2] in patches
        return key in self.prereleases

    def __and__(self, other: "VersionSet") -> "VersionSet":
        return VersionSet(
            self.releases & other.releases,
            self.prereleases & other.prereleases,
            {at: self._patches(at) & other._patches(at) for at in {**self.slices, **other.slices}},
        )._simplified()

    def __or__(self, other: "VersionSet") -> "VersionSet":
        return VersionSet(
            self.releases | other.releases,
            self.prereleases | other.prereleases,
            {at: self._patches(at) | other._patches(at) for at in {**self.slices, **other.slices}},
        )._simplified()

    def __hash__(self) -> int:
        return hash((self.releases, self.prereleases))

    def _patches(self, at: Slice) -> Ranges[int]:
        return self.slices[at] if at in self.slices else self._uncorrected(at)

    def _uncorrected(self, at: Slice) -> Ranges[int]:
        return Ranges(_cancel(first_patch(edge, at) for edge in self.prereleases.edges))

    def _simplified(self) -> "VersionSet":
        if not self.slices:
            return self
        needed = {at: patches for at, patches in self.slices.items() if patches != self._uncorrected(at)}
        return VersionSet(self.releases, self.prereleases, needed)

    @property
    def is_empty(self) -> bool:
        return not self.releases.edges and self._first_prerelease() is None

    def _first_prerelease(self) -> Key | None:
        for first, beyond in self.prereleases.intervals():
            key = first
            while beyond is None or key < beyond:
                if self._holds(key):
                    return key
                key = successor(key)
        return None

    @property
    def bounds(self) -> Bounds | None:
        """The tightest bounds, None for the empty set."""
        prerelease = self._first_prerelease()
        firsts = [*self.releases.edges[:1], *([prerelease] if prerelease else [])]
        if not firsts:
            return None
        lower = Version.of(min(firsts))
        if len(self.releases.edges) % 2 or len(self.prereleases.edges) % 2:
            return Bounds(lower, None, False)
        upper, included = max(filter(None, (self._release_end(), self._prerelease_end())))
        if not (included or prerelease):
            upper = release(*upper[:3])
        return Bounds(lower, Version.of(upper), included)

    def _release_end(self) -> tuple[Key, bool] | None:
        if not self.releases.edges:
            return None
        major, minor, patch, *_ = self.releases.edges[-1]
        return (release(major, minor, patch - 1), True) if patch else (least(major, minor), False)

    def _prerelease_end(self) -> tuple[Key, bool] | None:
        for first, beyond in reversed([*self.prereleases.intervals()]):
            key = cast(Key, beyond)
            while key > first:
                major, minor, patch, _, identifiers = key
                if identifiers == LEAST and patch:
                    return release(major, minor, patch - 1), False
                if identifiers == LEAST or identifiers[-1] != LEAST[0]:
                    return key, False
                key = (major, minor, patch, False, identifiers[:-1])
                if self._holds(key):
                    return key, True
        return None


def release(major: int, minor: int = 0, patch: int = 0) -> Key:
    """The key of a release."""
    return (major, minor, patch, True, ())


def least(major: int, minor: int = 0, patch: int = 0) -> Key:
    """The key of the first prerelease of these numbers; the last may be one greater than a number can be."""
    if patch > MAX_NUMBER:
        minor, patch = minor + 1, 0
    if minor > MAX_NUMBER:
        major, minor = major + 1, 0
    return (major, minor, patch, False, LEAST)


def successor(key: Key) -> Key:
    """The key of the next version, releases and prereleases taken together."""
    major, minor, patch, is_release, identifiers = key
    return least(major, minor, patch + 1) if is_release else (major, minor, patch, False, identifiers + LEAST)


def first_patch(key: Key, at: Slice) -> int | None:
    """The patch number of the first version of the slice that is not below `key`."""
    major, minor, identifiers = at
    if key[:2] != (major, minor):
        return 0 if key[:2] < (major, minor) else None
    patch = key[2] if key <= (major, minor, key[2], False, identifiers) else key[2] + 1
    return patch if patch <= MAX_NUMBER else None


def _as_release(key: Key) -> Key | None:
    return release(*key[:3]) if key[0] <= MAX_NUMBER else None


def _as_prerelease(key: Key) -> Key | None:
    following = successor(key) if key[3] else key
    return following if following[0] <= MAX_NUMBER else None


def _slice(key: Key) -> Slice:
    return key[0], key[1], key[4]


def _cancel(edges: Iterable[Point | None]) -> tuple[Point, ...]:
    kept: list[Point] = []
    for edge in edges:
        if kept and kept[-1] == edge:
            kept.pop()
        elif edge is not None:
            kept.append(edge)
    return tuple(kept)

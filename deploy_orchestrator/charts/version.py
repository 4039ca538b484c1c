"""Chart versions as Helm reads them: Semantic Versioning 2, read and ordered as by Masterminds/semver 3.5."""

from functools import lru_cache
from typing import final

import semver

from deploy_orchestrator.charts.errors import ChartError

Identifier = tuple[int, int | str]
"""One part of a prerelease: `(0, number)` or `(1, text)`, so that numbers sort before texts."""

Key = tuple[int, int, int, bool, tuple[Identifier, ...]]
"""Major, minor, patch, whether it is a release, its prerelease: keys sort as their versions do."""

MAX_NUMBER = 2**64 - 1
MAX_LENGTH = 256
ALPHANUMERIC = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")


class VersionError(ChartError, ValueError):
    """A text that is no version; `reason` says why."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f"version {text!r}: {reason}", fix="write it as MAJOR.MINOR.PATCH, for example 1.4.2"
        )
        self.text = text
        self.reason = reason


@final
class Version(semver.Version):
    """A version that compares, hashes and prints. Build metadata is printed and otherwise ignored.

    The order is that of Semantic Versioning, except that a numeric prerelease identifier above 2^64 - 1
    counts as text, as it does in Masterminds/semver.
    """

    __slots__ = ("key",)

    key: Key

    def __init__(
        self,
        major: int,
        minor: int = 0,
        patch: int = 0,
        prerelease: str | None = None,
        build: str | None = None,
    ) -> None:
        super().__init__(major, minor, patch, prerelease, build)
        self.key = (major, minor, patch, not prerelease, _identifiers(prerelease) if prerelease else ())

    @classmethod
    def parse(cls, version: str) -> "Version":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The version that a text spells, Helm's loose forms included: `v1.2.3`, `1.2`, `1-rc.1`, `01.02.03`.

        Raises:
            VersionError: it spells none.
        """
        return _parse(version)

    @classmethod
    def of(cls, key: Key) -> "Version":
        """The version that has this key."""
        major, minor, patch, _, prerelease = key
        return cls(major, minor, patch, ".".join(str(value) for _, value in prerelease) or None)

    def compare(self, other: "Version | str") -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """-1, 0 or 1, as this version is below, equal to or above `other`."""
        key = (Version.parse(other) if isinstance(other, str) else other).key
        return (self.key > key) - (self.key < key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Version) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return self.key != other.key if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.key < other.key if isinstance(other, Version) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.key <= other.key if isinstance(other, Version) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.key > other.key if isinstance(other, Version) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.key >= other.key if isinstance(other, Version) else NotImplemented


@lru_cache(maxsize=65536)
def _parse(text: str) -> Version:
    if len(text) > MAX_LENGTH:
        raise VersionError(text, f"longer than {MAX_LENGTH} characters")
    front, plus, build = text.partition("+")
    numbers, dash, prerelease = front.partition("-")
    parts = numbers.removeprefix("v").split(".")
    if len(parts) > 3:
        raise VersionError(text, "more than three numbers")
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            raise VersionError(text, f"expected a number, found {part!r}" if part else "a number is missing")
        if int(part) > MAX_NUMBER:
            raise VersionError(text, f"the number {part} is above 2^64 - 1")
    if dash:
        _check(text, "prerelease", prerelease)
        for identifier in prerelease.split("."):
            if identifier.isdigit() and identifier.startswith("0") and identifier != "0":
                raise VersionError(text, f"the prerelease number {identifier} starts with a zero")
    if plus:
        _check(text, "build metadata", build)
    return Version(
        *map(int, parts), *[0] * (3 - len(parts)), prerelease=prerelease or None, build=build or None
    )


def _check(text: str, what: str, identifiers: str) -> None:
    for identifier in identifiers.split("."):
        if not identifier:
            raise VersionError(text, f"an empty part in the {what}")
        if not ALPHANUMERIC.issuperset(identifier):
            raise VersionError(text, f"a character in the {what} that is no ASCII letter, digit or hyphen")


def _identifiers(prerelease: str) -> tuple[Identifier, ...]:
    return tuple(
        (0, int(part)) if part.isdigit() and int(part) <= MAX_NUMBER else (1, part)
        for part in prerelease.split(".")
    )

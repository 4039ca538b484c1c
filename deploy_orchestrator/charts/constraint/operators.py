"""What each operator means: a table from its spelling to the set of versions that it allows.

The rules are those of Masterminds/semver 3.5, also where they surprise: `^*` is 0.0.0 alone, `~0.0.0` is
everything, `!=*` leaves out 0.0.0 alone, `<=*` stops below 0.1.0, `!=1.2.x-rc` leaves out the `-rc` of every
patch.
"""

from collections.abc import Callable
from dataclasses import dataclass

from deploy_orchestrator.charts.constraint.sets import Ranges, VersionSet, least, successor
from deploy_orchestrator.charts.version import Key, Version

EXACT = 3


@dataclass(frozen=True, slots=True)
class Comparator:
    """An operator and the version it compares with, of which `precision` numbers were given: one in `1.x`."""

    operator: str
    version: Version
    precision: int

    @property
    def versions(self) -> VersionSet:
        """The versions allowed where prereleases count."""
        return OPERATORS[self.operator](self)


def _equal(comparator: Comparator) -> VersionSet:
    if comparator.precision < EXACT:
        return _tilde(comparator)
    key = comparator.version.key
    return VersionSet.between((key, successor(key)))


def _not_equal(comparator: Comparator) -> VersionSet:
    key = comparator.version.key
    match comparator.precision:
        case 1:
            return VersionSet.between((LOWEST, least(key[0])), (_beyond(key, 1), None))
        case 2 if comparator.version.prerelease:
            major, minor, _, _, prerelease = key
            everything = VersionSet.between((LOWEST, None))
            return VersionSet(
                everything.releases, everything.prereleases, {(major, minor, prerelease): Ranges()}
            )
        case 2:
            releases = VersionSet.between((LOWEST, key), (_beyond(key, 2), None)).releases
            return VersionSet(releases, VersionSet.between((LOWEST, None)).prereleases)
        case _:
            return VersionSet.between((LOWEST, key), (successor(key), None))


def _greater(comparator: Comparator) -> VersionSet:
    key = comparator.version.key
    if comparator.precision in (1, 2):
        return VersionSet.between((_beyond(key, comparator.precision), None))
    return VersionSet.between((successor(key), None))


def _less(comparator: Comparator) -> VersionSet:
    return VersionSet.between((LOWEST, comparator.version.key))


def _greater_or_equal(comparator: Comparator) -> VersionSet:
    return VersionSet.between((comparator.version.key, None))


def _less_or_equal(comparator: Comparator) -> VersionSet:
    key = comparator.version.key
    if comparator.precision == EXACT:
        return VersionSet.between((LOWEST, successor(key)))
    return VersionSet.between((LOWEST, _beyond(key, comparator.precision or 2)))


def _tilde(comparator: Comparator) -> VersionSet:
    key = comparator.version.key
    if comparator.precision in (0, EXACT) and key[:3] == (0, 0, 0):
        return VersionSet.between((key, None))
    return VersionSet.between((key, _beyond(key, min(comparator.precision, 2))))


def _caret(comparator: Comparator) -> VersionSet:
    key = comparator.version.key
    if key[0] or comparator.precision == 1:
        return VersionSet.between((key, _beyond(key, 1)))
    if key[1] or comparator.precision == 2:
        return VersionSet.between((key, _beyond(key, 2)))
    return VersionSet.between((key, _beyond(key, 3)))


def _beyond(key: Key, precision: int) -> Key:
    """The first version above all that share the first `precision` numbers with `key`."""
    major, minor, patch, *_ = key
    following = ((major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1))
    return least(*following[precision - 1])


LOWEST = least(0)

OPERATORS: dict[str, Callable[[Comparator], VersionSet]] = {
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _greater_or_equal,
    "<=": _less_or_equal,
    "~": _tilde,
    "^": _caret,
}

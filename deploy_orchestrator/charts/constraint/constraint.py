"""A constraint: a text people write in `Chart.yaml`, and the exact set of versions that it allows."""

from dataclasses import dataclass, field
from functools import lru_cache, reduce

from deploy_orchestrator.charts.constraint.grammar import Group, parse
from deploy_orchestrator.charts.constraint.operators import EXACT, Comparator
from deploy_orchestrator.charts.constraint.sets import Bounds, VersionSet
from deploy_orchestrator.charts.version import Version

NOTHING: Group = (Comparator("<", Version(0), EXACT),)


@dataclass(frozen=True, slots=True)
class Constraint:
    """Which versions of a chart will do, exactly as Helm decides it (Masterminds/semver 3.5).

    A group of comparators allows prereleases only if one of them names a prerelease. Constraints are equal if
    they make the same comparisons, however these are spelled. `str()` is a constraint that Helm reads.
    """

    text: str = field(compare=False)
    groups: tuple[Group, ...]
    versions: VersionSet = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """The constraint that `text` spells.

        Raises:
            ConstraintError: it spells none; says where and why.
        """
        return _parse(text)

    def allows(self, version: str | Version) -> bool:
        """Whether Helm would take `version` for this constraint.

        Raises:
            VersionError: `version` is a text that spells no version.
        """
        return (Version.parse(version) if isinstance(version, str) else version) in self.versions

    def intersection(self, other: "Constraint") -> "Constraint":
        """The constraint that allows what both allow."""
        candidates = {
            group: _versions(group)
            for group in (_both(here, there) for here in self.groups for there in other.groups)
        }
        groups = tuple(group for group in candidates if not _is_superfluous(group, candidates)) or (NOTHING,)
        return Constraint(_print(groups), groups, self.versions & other.versions)

    __and__ = intersection

    @property
    def is_empty(self) -> bool:
        """Whether no version at all is allowed, published or not."""
        return self.versions.is_empty

    @property
    def bounds(self) -> Bounds | None:
        """The tightest bounds of the allowed versions; None where none is."""
        return self.versions.bounds

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=16384)
def _parse(text: str) -> Constraint:
    groups = parse(text)
    return Constraint(text, groups, reduce(lambda one, other: one | other, map(_versions, groups)))


def _versions(group: Group) -> VersionSet:
    versions = reduce(lambda one, other: one & other, (comparator.versions for comparator in group))
    return versions if _names_prerelease(group) else versions.releases_only()


def _names_prerelease(group: Group) -> bool:
    return any(comparator.version.prerelease for comparator in group)


def _both(here: Group, there: Group) -> Group:
    if _names_prerelease(here) != _names_prerelease(there):
        here, there = (tuple(comparator.on_releases() for comparator in group) for group in (here, there))
    return tuple(dict.fromkeys((*here, *there)))


def _is_superfluous(group: Group, candidates: dict[Group, VersionSet]) -> bool:
    versions = candidates[group]
    if versions.is_empty:
        return True
    earlier = True
    for other, wider in candidates.items():
        if other == group:
            earlier = False
        elif versions & wider == versions and (earlier or versions != wider):
            return True
    return False


def _print(groups: tuple[Group, ...]) -> str:
    return " || ".join(" ".join(map(str, group)) for group in groups)

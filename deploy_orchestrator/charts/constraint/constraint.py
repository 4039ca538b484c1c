"""A constraint: a text people write in `Chart.yaml`, and the exact set of versions that it allows."""

from dataclasses import dataclass, field
from functools import lru_cache, reduce

from deploy_orchestrator.charts.constraint.grammar import Group, parse
from deploy_orchestrator.charts.constraint.sets import Bounds, VersionSet
from deploy_orchestrator.charts.constraint.spelling import spell
from deploy_orchestrator.charts.version import Version


@dataclass(frozen=True, slots=True)
class Constraint:
    """Which versions of a chart will do, exactly as Helm decides it (Masterminds/semver 3.5).

    A group of comparators allows prereleases only if one of them names a prerelease. Equal constraints allow
    the same versions, however they are spelled. `str()` is a constraint that Helm reads, and that equals this
    one.
    """

    text: str = field(compare=False)
    versions: VersionSet = field(repr=False)

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
        """The constraint that allows exactly what both allow."""
        versions = self.versions & other.versions
        return Constraint(spell(versions), versions)

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
    return Constraint(text, reduce(lambda one, other: one | other, map(_versions, parse(text))))


def _versions(group: Group) -> VersionSet:
    versions = reduce(lambda one, other: one & other, (comparator.versions for comparator in group))
    names_prerelease = any(comparator.version.prerelease for comparator in group)
    return versions if names_prerelease else VersionSet(versions.releases)

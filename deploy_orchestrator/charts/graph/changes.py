"""What to change for everything to load one version of a chart."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One direct dependency, called `key` there, that takes another version."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Vendored:
    """One direct dependency, called `key` there, that is kept in `charts/` unpacked, with the chart in
    question in another version inside: its package of the version that loads now brings the wrong one.
    """

    key: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do for everything to load one version of the chart `name`: that which it `loads` then.

    Without such a version nothing needs it, or only what needs the constraint `unmet`, which nothing
    published meets. What is `vendored` is so as no published version would do.
    """

    name: str
    changes: tuple[VersionChange, ...]
    loads: str | None = None
    unmet: str | None = None
    vendored: tuple[Vendored, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The direct dependencies that it is about."""
        return (*(each.key for each in self.changes), *(each.key for each in self.vendored))

    def __str__(self) -> str:
        told = [f"{change.key} from {change.before} to {change.after}" for change in self.changes]
        kept = [f"{each.name} {each.version}" for each in self.vendored]
        parts = [f"Change {_listed(told)}"] if told else []
        if kept:
            inside = f"{self.name} {self.loads} inside, as no published version brings it"
            parts.append(f"{'keep' if told else 'Keep'} {_listed(kept)} unpacked in charts/ with {inside}")
        then = f"everything loads {self.name} {self.loads}" if self.loads else f"nothing needs {self.name}"
        if self.unmet:
            then = f"only {self.name} {self.unmet} is needed, which is not published"
        return f"{', and '.join(parts)}: then {then}."


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

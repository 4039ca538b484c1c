"""All named templates of a chart with its subcharts, in the one namespace that they share.

Helm reads the deepest files first and, of those of one depth, the last by name first; a definition replaces
the one read before unless it is empty (`sortTemplates` in `helm.sh/helm/v4/pkg/engine`, `associate` in Go's
`text/template`). So the definition in the shallowest file wins, and among these the one in the first by name.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from deploy_orchestrator.charts.load import Chart
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.templates.names import Name
from deploy_orchestrator.charts.templates.parser import Definition, Use, parse, uses_in


@dataclass(frozen=True, slots=True)
class Owner:
    """A chart in its place: `path` is Helm's, such as `web/charts/redis`, with the alias where it has one."""

    path: str
    name: str
    version: str
    repository: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Located:
    """A definition with the chart and the file that it stands in."""

    owner: Owner
    file: str
    definition: Definition

    @property
    def name(self) -> str:
        return self.definition.name or self.file

    def __str__(self) -> str:
        return f"{self.file}:{self.definition.line}"


Way = tuple[str, ...]
"""How a definition is reached: the file and line of each call, the first in a file that is rendered."""


class Scope:
    """The definitions of a chart and all its subcharts, as `switched` gives them.

    Raises:
        ChartInvalid: a file that is no template.
    """

    def __init__(self, chart: Chart, values: Mapping[str, Any]) -> None:
        self.owners: list[Owner] = []
        self.rendered: defaultdict[Owner, list[str]] = defaultdict(list)
        self._definitions: defaultdict[str, list[Located]] = defaultdict(list)
        self._evaluated: list[Use] = []
        for owner, one in owners(chart):
            self._add(owner, one)
        self._evaluated += [use for text in _texts(dict(values)) for use in uses_in(text)]
        for located in self._definitions.values():
            located.sort(key=lambda one: (one.file.count("/"), one.file.encode()))
        self._matching: dict[Name, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[tuple[str, Sequence[Located]]]:
        """Each name with its definitions that are not empty, the one that wins first."""
        for name, located in self._definitions.items():
            yield name, [one for one in located if not one.definition.is_empty]

    def winner(self, name: str, within: Owner | None = None) -> Located | None:
        """The definition that `name` stands for; `within` a chart, if that were rendered by itself."""
        return next(
            (
                one
                for one in self._definitions.get(name, ())
                if not one.definition.is_empty and (within is None or _is_within(one.owner, within))
            ),
            None,
        )

    def reached(self, owner: Owner, *, guess: bool) -> dict[str, Way]:
        """Every name that the rendered files of a chart reach, and how.

        With `guess` also names that are computed, or stand in values and files that `tpl` may be given.
        """
        ways: dict[str, Way] = dict.fromkeys(self.rendered[owner], ())
        waiting = deque(ways)
        while waiting:
            name = waiting.popleft()
            winner = self.winner(name)
            if winner is None:
                continue
            for use in self._uses(winner.definition, guess):
                step = f"{winner.file}:{use.line}"
                for called in self._called(use, guess):
                    if called not in ways:
                        ways[called] = (*ways[name], step)
                        waiting.append(called)
        return ways

    def _add(self, owner: Owner, chart: Chart) -> None:
        self.owners.append(owner)
        for path, source in chart.templates.items():
            is_partial = PurePosixPath(path).name.startswith("_")
            if chart.metadata.is_library and not is_partial:
                continue
            file = f"{owner.path}/{path}"
            for definition in parse(source, file):
                located = Located(owner, file, definition)
                self._definitions[located.name].append(located)
            if not is_partial:
                self.rendered[owner].append(file)
        texts = [*_texts(chart.values), *_readable(chart.files)]
        self._evaluated += [use for text in texts for use in uses_in(text)]

    def _uses(self, definition: Definition, guess: bool) -> Sequence[Use]:
        return (*definition.uses, *self._evaluated) if guess and definition.evaluates else definition.uses

    def _called(self, use: Use, guess: bool) -> Iterator[str]:
        for name in use.names:
            if name.exact is not None:
                yield name.exact
            elif guess:
                if name not in self._matching:
                    self._matching[name] = tuple(filter(name.matches, self._definitions))
                yield from self._matching[name]


def owners(chart: Chart) -> Iterator[tuple[Owner, Chart]]:
    """`chart` and all its subcharts, each before what is inside it, in the order in which Helm takes them."""
    yield from _owners(chart, chart.name, chart.name, "")


def _owners(chart: Chart, path: str, name: str, repository: str) -> Iterator[tuple[Owner, Chart]]:
    yield Owner(path, name, chart.version, repository), chart
    declared = {dependency.key: dependency for dependency in chart.metadata.dependencies}
    for subchart in chart.subcharts:
        needed = declared.get(subchart.name, Dependency(name=subchart.name))
        yield from _owners(subchart, f"{path}/charts/{subchart.name}", needed.name, needed.repository)


def _is_within(owner: Owner, root: Owner) -> bool:
    return f"{owner.path}/".startswith(f"{root.path}/")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in cast(Mapping[Any, object], value).values():
            yield from _texts(below)
    elif isinstance(value, list):
        for below in cast(list[object], value):
            yield from _texts(below)


def _readable(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, data in files.items():
        if not path.endswith(".md"):
            yield data.decode(errors="replace")

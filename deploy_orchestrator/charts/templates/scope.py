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

from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.processing import Processed
from deploy_orchestrator.charts.templates.names import Name
from deploy_orchestrator.charts.templates.parser import Call, Definition, parse, uses_in


@dataclass(frozen=True, slots=True)
class Owner:
    """A chart in its place: `path` leads there, as `web/charts/redis`, with the alias where it has one.

    `files` is the path that Helm gives its files. It is the same but deep inside a chart under an alias:
    there Helm shares what it has loaded, so that they go by other names, or by those of another place.
    """

    path: str
    name: str
    version: str
    repository: str
    files: str

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
        return self.file if self.definition.name is None else self.definition.name

    def __str__(self) -> str:
        return f"{self.file}:{self.definition.line}"


Way = tuple[str, ...]
"""How a definition is reached: the file and line of each call, the first in a file that is rendered."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Every name that something reaches, with the name and the place that it is called from."""

    calls: Mapping[str, tuple[str, str] | None]

    def __contains__(self, name: str) -> bool:
        return name in self.calls

    def way(self, name: str) -> Way:
        """How `name` is reached."""
        steps: list[str] = []
        while call := self.calls[name]:
            name, step = call
            steps.append(step)
        return tuple(reversed(steps))


class Scope:
    """The definitions of a chart and all its subcharts.

    Raises:
        ChartInvalid: a file that is no template.
    """

    def __init__(self, chart: Processed, values: Mapping[str, Any]) -> None:
        self._owners: dict[str, Owner] = {}
        self._rendered: defaultdict[Owner, list[str]] = defaultdict(list)
        self._definitions: defaultdict[str, list[Located]] = defaultdict(list)
        self._matching: dict[Name, tuple[str, ...]] = {}
        texts = [*_texts(values)]
        for owner, one in owners(chart):
            self._add(owner, one)
            texts += [*_texts(one.values), *_readable(one.files)]
        self._evaluated = {use.names: use for text in texts for use in uses_in(text)}
        for located in self._definitions.values():
            located.sort(key=lambda one: (one.file.count("/"), one.file.encode()))

    def __iter__(self) -> Iterator[tuple[str, Sequence[Located]]]:
        """Each name with its definitions that are not empty, the one that wins first."""
        yield from self._definitions.items()

    def alone(self, name: str) -> Mapping[Owner, Located]:
        """For each chart the definition that `name` would stand for if the chart were rendered by itself."""
        winners: dict[Owner, Located] = {}
        for one in self._definitions.get(name, ()):
            for path in _and_above(one.owner.path):
                winners.setdefault(self._owners[path], one)
        return winners

    def reached(self, owner: Owner, *, guess: bool) -> Reached:
        """Every name that the rendered files of a chart reach.

        With `guess` also names that are computed, or stand in values and files that `tpl` may be given.
        """
        calls: dict[str, tuple[str, str] | None] = dict.fromkeys(self._rendered[owner])
        waiting = deque(calls)
        while waiting:
            name = waiting.popleft()
            for winner in self._definitions.get(name, [])[:1]:
                for use in self._uses(winner.definition, guess):
                    for called in self._called(use, guess):
                        if called not in calls:
                            calls[called] = (name, f"{winner.file}:{use.line}")
                            waiting.append(called)
        return Reached(calls)

    def _add(self, owner: Owner, chart: Chart) -> None:
        self._owners[owner.path] = owner
        for path, source in chart.templates.items():
            is_partial = PurePosixPath(path).name.startswith("_")
            if chart.metadata.is_library and not is_partial:
                continue
            file = f"{owner.files}/{path}"
            for definition in parse(source, file):
                if not definition.is_empty:
                    located = Located(owner, file, definition)
                    self._definitions[located.name].append(located)
            if not is_partial:
                self._rendered[owner].append(file)

    def _uses(self, definition: Definition, guess: bool) -> Iterator[Call]:
        yield from definition.uses
        if guess and definition.evaluates:
            yield from self._evaluated.values()

    def _called(self, use: Call, guess: bool) -> Iterator[str]:
        for name in use.names:
            if name.exact is not None:
                yield name.exact
            elif guess:
                if name not in self._matching:
                    self._matching[name] = tuple(filter(name.matches, self._definitions))
                yield from self._matching[name]


def owners(top: Processed) -> Iterator[tuple[Owner, Chart]]:
    """The chart and all its subcharts, each before what is inside it, in the order in which Helm has them."""

    def visit(one: Processed, path: str) -> Iterator[tuple[Owner, Chart]]:
        repository = one.asked.repository if one.asked else ""
        yield Owner(path, one.chart.name, one.chart.version, repository, one.files), one.chart
        for below in one.subcharts:
            yield from visit(below, f"{path}/charts/{below.name}")

    return visit(top, top.name)


def _and_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path, _, _ = path.rpartition("/charts/")


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
        if b"{{" in data and not path.endswith(".md"):
            yield data.decode(errors="replace")

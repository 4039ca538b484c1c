"""Objects and custom resource definitions that several charts bring, as far as reading tells.

An object counts where its kind and name are written out; what is computed shows only when it is rendered.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, cast

from deploy_orchestrator.charts.harm import Harm
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.processing import processed
from deploy_orchestrator.charts.templates.output import COMPUTED, OutputLine, output
from deploy_orchestrator.charts.templates.scope import Owner, owners
from deploy_orchestrator.documents import DocumentError, parse

_MANIFESTS = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a chart brings an object, as it is written there; `conditional` if it is not always rendered."""

    owner: Owner
    file: str
    line: int
    text: str
    conditional: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One object that several charts bring, where only one can stand in the cluster.

    `namespace` is None where none is written. Of custom resource definitions in `crds/`, Helm installs the
    first of `sources` and skips the others.
    """

    kind: str
    name: str
    namespace: str | None
    sources: tuple[Source, ...]

    @property
    def harm(self) -> Harm:
        first, *others = (_parsed(source.text) for source in self.sources)
        if COMPUTED not in self.sources[0].text and all(other == first for other in others):
            return Harm.NONE
        return Harm.UNKNOWN if any(source.conditional for source in self.sources) else Harm.HARMFUL


def duplicates(chart: Chart, values: Mapping[str, Any] | None = None) -> tuple[Duplicate, ...]:
    """Every object that more than one chart of `chart` and its subcharts brings.

    `chart` has all its dependencies in `charts/`. With `values` only what they leave switched on counts;
    without, everything.

    Raises:
        ChartInvalid: a file that is no template, or values of a subchart that are no mapping.
    """
    sources: defaultdict[tuple[str, str, str | None], list[Source]] = defaultdict(list)
    for owner, one in owners(processed(chart, values)):
        for file, lines in _manifests(owner, one):
            for document in _documents(lines):
                key = _object(document)
                if key:
                    sources[key].append(_source(owner, file, document))
    return tuple(
        Duplicate(*key, tuple(found))
        for key, found in sources.items()
        if len({source.owner for source in found}) > 1
    )


def _manifests(owner: Owner, chart: Chart) -> Iterator[tuple[str, Sequence[OutputLine]]]:
    for path, data in chart.crds.items():
        if PurePosixPath(path).suffix.lower() in _MANIFESTS:
            texts = data.decode(errors="replace").splitlines()
            yield (
                f"{owner.files}/{path}",
                [OutputLine(text, number, False) for number, text in enumerate(texts, 1)],
            )
    if chart.metadata.is_library:
        return
    for path, data in chart.templates.items():
        file = f"{owner.files}/{path}"
        if PurePosixPath(path).suffix.lower() in _MANIFESTS and not PurePosixPath(path).name.startswith("_"):
            yield file, output(data, file)


def _documents(lines: Iterable[OutputLine]) -> Iterator[list[OutputLine]]:
    document: list[OutputLine] = []
    for line in lines:
        if line.text.startswith("---"):
            yield document
            document = []
        elif line.text.strip():
            document.append(line)
    yield document


def _object(document: list[OutputLine]) -> tuple[str, str, str | None] | None:
    value = _parsed("\n".join(line.text for line in document if line.text.strip() != COMPUTED))
    metadata = _field(value, "metadata")
    kind, name, namespace = _field(value, "kind"), _field(metadata, "name"), _field(metadata, "namespace")
    if not (isinstance(kind, str) and isinstance(name, str)) or COMPUTED in f"{kind}{name}{namespace}":
        return None
    return kind, name, None if namespace is None else str(namespace)


def _field(value: object, key: str) -> object:
    return cast(dict[str, object], value).get(key) if isinstance(value, dict) else None


def _source(owner: Owner, file: str, document: list[OutputLine]) -> Source:
    text = "\n".join(line.text for line in document)
    kind = next((line for line in document if "kind" in line.text), document[0])
    return Source(owner, file, document[0].number, text, kind.conditional)


@lru_cache(maxsize=2048)
def _parsed(text: str) -> object:
    try:
        return parse(text.encode(), "").value
    except DocumentError:
        return text

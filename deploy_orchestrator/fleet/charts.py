"""The charts of the fleet repository: which folders each is made of."""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from deploy_orchestrator.charts import (
    ChartMetadata,
    Constraint,
    ConstraintError,
    Dependency,
    Version,
    VersionError,
)
from deploy_orchestrator.documents import Document
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layout import CHARTS
from deploy_orchestrator.fleet.model import ChartReference, ChartRepository
from deploy_orchestrator.fleet.reading import read_document, require_known
from deploy_orchestrator.git import Tree, UnsafeTree
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.terms import FieldPath


@dataclass(frozen=True, slots=True)
class LocalChart:
    """A chart in `folder`, with the Git object ids of the `files` directly in it, by name.

    `trees` gives the Git object id of that folder and of each that its `file://` dependencies lead to (""
    where nothing is there), `repositories` the URLs of its other dependencies.
    """

    folder: str
    version: Version
    files: Mapping[str, str]
    trees: Mapping[str, str]
    repositories: frozenset[str]

    def export(self, tree: Tree, into: Path) -> Path:
        """Puts the chart on disk, and beside it what its `file://` dependencies lead to, each at its path
        below the empty folder `into`; returns its own folder.

        Raises:
            PathNotFound, UnsafeTree: as `Tree.export`.
        """
        for folder in sorted(filter(self.trees.get, self.trees)):
            target = into / folder
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                tree.export(folder, into).rename(target)
        return into / self.folder


class LocalCharts:
    """The charts below `charts/` of `tree`, each read once."""

    def __init__(self, tree: Tree, repositories: Collection[ChartRepository]) -> None:
        self.names = tree.names(CHARTS)
        self._tree = tree
        self._urls = {each.name: each.url for each in repositories} | {
            each.url: each.url for each in repositories
        }
        self._read: dict[str, Outcome[LocalChart]] = {}

    def get(self, name: str) -> LocalChart:
        """The chart in `charts/<name>`.

        Raises:
            FleetError: a `Chart.yaml`, its own or that of a `file://` dependency, is broken.
        """
        if name not in self._read:
            self._read[name] = attempt(_read, self._tree, f"{CHARTS}/{name}")
        found = self._read[name]
        if isinstance(found, OrchestratorError):
            raise FleetError.of(found)
        return found

    def sound(self) -> dict[str, LocalChart]:
        """The charts that were asked for and are not broken, by name."""
        return {name: chart for name, chart in self._read.items() if isinstance(chart, LocalChart)}

    def resolve(self, reference: ChartReference, document: Document, field: FieldPath) -> ChartReference:
        """`reference`, which stands in `field` of `document`, with its repository as a URL.

        Raises:
            FleetError: there is no such repository or chart, or not in that version.
        """
        if reference.repository is not None:
            require_known(
                document, (*field, "repository"), reference.repository, self._urls, "chart repository"
            )
            _exact(reference.version, document, field)
            return reference.model_copy(update={"repository": self._urls[reference.repository]})
        require_known(document, (*field, "name"), reference.name, self.names, f"chart in {CHARTS}/:")
        _allows(reference.version, self.get(reference.name), document, field)
        return reference


def _exact(version: str, document: Document, field: FieldPath) -> None:
    try:
        Version.parse(version)
    except VersionError as error:
        raise FleetError(
            f"expected the exact version of a chart from a repository, not {version!r}",
            place=document.place(*field, "version"),
            fix="write it as MAJOR.MINOR.PATCH, so that the same commit always gives the same manifests",
        ) from error


def _allows(constraint: str, chart: LocalChart, document: Document, field: FieldPath) -> None:
    try:
        allowed = Constraint.parse(constraint).allows(chart.version)
    except ConstraintError as error:
        raise FleetError(error.what, place=document.place(*field, "version"), fix=error.fix) from error
    if not allowed:
        raise FleetError(
            f"{chart.folder}/Chart.yaml has version {chart.version}, which {constraint!r} does not allow",
            place=document.place(*field, "version"),
            fix=f"write {chart.version}, or change the chart",
        )


class NamedRequirements(BaseModel):
    """The part of `Chart.yaml` or `requirements.yaml` that names dependencies; the rest may be broken."""

    dependencies: tuple[Dependency, ...] | None = None


def _read(tree: Tree, folder: str) -> LocalChart:
    version = _chart_yaml(tree, folder).into(ChartMetadata).version
    trees: dict[str, str] = {}
    repositories: set[str] = set()
    waiting = [folder]
    while waiting:
        part = waiting.pop()
        if part not in trees:
            trees[part] = tree.id(part) or ""
            for document, field, dependency in dependencies_in(tree, part) if trees[part] else ():
                source = dependency.repository
                if source.startswith("file://"):
                    waiting.append(_beside(tree, part, source, document, (*field, "repository")))
                elif source:
                    repositories.add(source)
    return LocalChart(folder, Version.parse(version), tree.ids(folder), trees, frozenset(repositories))


def dependencies_in(tree: Tree, folder: str) -> Iterator[tuple[Document, FieldPath, Dependency]]:
    """What the chart in `folder` declares to need: the document and the field that says so, and what it says.

    Raises:
        OrchestratorError: its `Chart.yaml` or `requirements.yaml` is broken.
    """
    documents = [_chart_yaml(tree, folder)]
    if tree.exists(f"{folder}/requirements.yaml"):
        documents.append(read_document(tree, f"{folder}/requirements.yaml", "names the dependencies"))
    for document in documents:
        for index, dependency in enumerate(document.into(NamedRequirements).dependencies or ()):
            yield document, ("dependencies", index), dependency


def _chart_yaml(tree: Tree, folder: str) -> Document:
    return read_document(tree, f"{folder}/Chart.yaml", "describes the chart")


def _beside(tree: Tree, folder: str, url: str, document: Document, field: FieldPath) -> str:
    path = url.removeprefix("file://")
    target = posixpath.normpath(posixpath.join(folder, path))
    if path.startswith("/") or not target.startswith(f"{CHARTS}/"):
        raise FleetError(
            f"{url} leads out of {CHARTS}/",
            place=document.place(*field),
            fix="name a chart beside it: file://../NAME",
        )
    try:
        tree.exists(target)
    except UnsafeTree as error:
        raise FleetError(error.what, place=document.place(*field), fix=error.fix) from error
    return target

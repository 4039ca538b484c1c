"""What a subscription follows: what the fleet has of it, what is newer, and what taking that would write."""

import re
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import getitem
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from deploy_orchestrator import documents
from deploy_orchestrator.charts import (
    Catalog,
    Chart,
    ChartIdentity,
    ChartNotFound,
    Constraint,
    Repositories,
    Resolver,
    Version,
    VersionError,
    taken_together,
)
from deploy_orchestrator.charts import load as load_chart
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Fleet, FleetError, ImageField, Subscription, steps_of
from deploy_orchestrator.git import Tree
from deploy_orchestrator.manifests import DOCKER_HUB
from deploy_orchestrator.registries import RepositoryError
from deploy_orchestrator.subscriptions.upgrading import proof, title_of, written
from deploy_orchestrator.terms import FieldPath

_HUB: Final = "registry-1.docker.io"
_LETTERS = re.compile(r"[A-Za-z]*")
_NUMBERS = re.compile(r"[-+]")
_ITEM = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class FleetEdit:
    """The files of the fleet that a version writes, and what is told of it: a line, and Markdown."""

    title: str
    files: Mapping[str, bytes]
    told: str


class Followed(Protocol):
    """What the fleet has of a chart or an image; `newer` are the versions it could take, newest first."""

    @property
    def newer(self) -> Sequence[str]: ...

    def change(self, version: str) -> FleetEdit:
        """What taking one of them writes.

        Raises:
            UpgradesClash: charts would do harm to each other or go missing.
            ChartError, RepositoryError, DocumentError: something cannot be read or changed.
        """
        ...


@contextmanager
def followed(
    subscription: Subscription, fleet: Fleet, repositories: Repositories, at: datetime
) -> Generator[Followed]:
    """What `subscription` follows in `fleet`; locks that are written say that they were made `at` then.

    Raises:
        FleetError: the fleet has no such chart or image, or several charts of that name.
        ChartError, RepositoryError, DocumentError: something cannot be read.
    """
    if subscription.image is not None:
        yield _image(subscription, fleet.tree, Catalog(repositories))
        return
    with TemporaryDirectory() as folder:
        yield _chart(subscription, fleet, repositories, at, Path(folder))


def allows(subscription: Subscription, version: str) -> bool:
    """Whether a version is among those that are followed."""
    constraint, parsed = Constraint.parse(subscription.constraint), Version.parse(version)
    if not parsed.prerelease:
        return constraint.allows(version)
    kind = _LETTERS.match(parsed.prerelease)
    is_wanted = kind is not None and kind[0] in subscription.prereleases
    return is_wanted and constraint.allows(f"{parsed.major}.{parsed.minor}.{parsed.patch}")


def _newer(subscription: Subscription, versions: Iterable[str], current: Iterable[str]) -> tuple[str, ...]:
    oldest = min(map(Version.parse, current))
    return tuple(each for each in versions if Version.parse(each) > oldest and allows(subscription, each))


@dataclass(frozen=True, slots=True)
class _Root:
    """A chart of the fleet in a folder, with the current version of each dependency that is followed."""

    chart: Chart
    current: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the fleet that holds exactly a `version`, and nothing but what comes `before` it."""

    file: str
    steps: FieldPath
    version: str
    before: str = ""

    def is_behind(self, version: str) -> bool:
        return Version.parse(self.version) < Version.parse(version)


@dataclass(frozen=True, slots=True)
class _FollowedChart:
    identity: ChartIdentity
    newer: tuple[str, ...]
    roots: tuple[_Root, ...]
    fields: tuple[_Field, ...]
    tree: Tree
    repositories: Repositories
    at: datetime

    def change(self, version: str) -> FleetEdit:
        taken = [
            (root.chart.path, taken_together(root.chart, older, self.repositories, None, self.at))
            for root in self.roots
            if root.chart.path and (older := dict.fromkeys(_older(root.current, version), version))
        ]
        files = _moved(self.fields, version, version, written(taken, self.tree), self.tree)
        if taken:
            return FleetEdit(title_of(taken, self.identity.name), files, proof(taken))
        return FleetEdit(f"Upgrade {self.identity.name} to {version}", files, "")


def _older(current: Mapping[str, str], version: str) -> Iterator[str]:
    return (key for key, now in current.items() if Version.parse(now) < Version.parse(version))


def _moved(
    fields: Iterable[_Field], version: str, text: str, files: Mapping[str, bytes], tree: Tree
) -> dict[str, bytes]:
    """The `files`, and those of `tree` else, with `text` in each of the fields older than `version`."""
    texts, moved = defaultdict[str, dict[FieldPath, str]](dict), dict(files)
    for each in fields:
        if each.is_behind(version):
            texts[each.file][each.steps] = f"{each.before}{text}"
    for file, told in texts.items():
        document = documents.parse(moved.get(file) or tree.read(file), file)
        moved[file] = documents.edited(document, told).encode()
    return moved


def _chart(
    subscription: Subscription, fleet: Fleet, repositories: Repositories, at: datetime, folder: Path
) -> Followed:
    catalog = Catalog(repositories)
    url = next((each.url for each in fleet.repositories if each.name == subscription.repository), None)
    wanted = None if url is None else repositories.identity(url)
    roots: list[_Root] = []
    found: dict[ChartIdentity, None] = {}
    charts = (
        fleet.tree.export("charts", folder).rename(folder / "charts")
        if fleet.tree.names("charts")
        else folder
    )
    for path in sorted(each.parent for each in charts.glob("*/Chart.yaml")):
        root = load_chart(path, within=folder)
        current = dict(_needs(root, str(subscription.chart), wanted, catalog, folder))
        found |= dict.fromkeys(identity for identity, _ in current.values())
        if current:
            roots.append(_Root(root, {key: version for key, (_, version) in current.items()}))
    references = list(_references(fleet, str(subscription.chart), wanted, repositories))
    found |= dict.fromkeys(identity for identity, _ in references)
    if len(found) != 1:
        several = (
            f"charts called {subscription.chart} from several repositories: {', '.join(map(str, found))}"
        )
        raise FleetError(
            f"the fleet has {several}" if found else f"nothing in the fleet needs {subscription.chart}",
            place=Place("fleet.yaml", field=f"subscriptions.{subscription.name}"),
            fix="name the repository of one" if found else "take the subscription out, or mend its name",
        )
    (identity,) = found
    published = [one.version for one in catalog.versions(identity)]
    there = [
        *(each for root in roots for each in root.current.values()),
        *(each.version for _, each in references),
    ]
    return _FollowedChart(
        identity,
        _newer(subscription, published, there),
        tuple(roots),
        tuple(each for _, each in references),
        fleet.tree,
        repositories,
        at,
    )


def _needs(
    root: Chart, name: str, repository: str | None, catalog: Catalog, within: Path
) -> Iterator[tuple[str, tuple[ChartIdentity, str]]]:
    """The dependencies of `root` on the chart, by their keys: which it is, and in which version it loads."""
    keys = {each.key for each in root.metadata.dependencies if each.name == name}
    if not keys:
        return
    closure = Resolver(catalog, within).closure(root)
    for missing in closure.unresolved:
        if missing.parent in closure.roots and missing.dependency.key in keys:
            raise ChartNotFound(f"{root.name}: {missing.dependency.key} cannot be looked up: {missing.why}")
    for need in closure.needs:
        identity = need.chart.identity
        is_beside = identity.repository.startswith("file://")
        is_it = need.parent in closure.roots and need.key in keys and not is_beside
        if is_it and repository in (None, identity.repository):
            yield need.key, (identity, need.chart.version)


def _references(
    fleet: Fleet, name: str, repository: str | None, repositories: Repositories
) -> Iterator[tuple[ChartIdentity, _Field]]:
    tenants = (
        (f"tenants/{each.name}/tenant.yaml", field, chart)
        for each in fleet.tenants.values()
        for field, chart in each.chart_fields
    )
    for file, field, chart in (("fleet.yaml", ("platform",), fleet.platform), *tenants):
        if chart.name == name and chart.repository is not None:
            identity = repositories.identity(chart.repository)
            if repository in (None, identity):
                yield ChartIdentity(identity, name), _Field(file, (*field, "version"), chart.version)


@dataclass(frozen=True, slots=True)
class _FollowedImage:
    image: str
    newer: tuple[str, ...]
    fields: tuple[_Field, ...]
    tree: Tree

    def change(self, version: str) -> FleetEdit:
        files = _moved(self.fields, version, version.replace("+", "_"), {}, self.tree)
        lines = (
            f"- `{each.file}`: `{each.version}` → `{version}`"
            for each in self.fields
            if each.is_behind(version)
        )
        return FleetEdit(f"Upgrade {self.image} to {version}", files, "\n".join(lines))


def _image(subscription: Subscription, tree: Tree, catalog: Catalog) -> Followed:
    image = str(subscription.image)
    fields = tuple(_field(each, image, tree) for each in subscription.fields)
    place, _, name = image.rpartition("/")
    host, slash, path = place.partition("/")
    if host == DOCKER_HUB:
        place = f"{_HUB}{slash}{path}"
    try:
        tags = [each.version for each in catalog.versions(ChartIdentity(f"oci://{place}", name))]
    except ChartNotFound as error:
        raise RepositoryError(f"{image} has no tag that is a version", url=f"oci://{image}") from error
    alike = {_writing(each.version) for each in fields}
    published = (each for each in tags if _writing(each) in alike)
    newer = _newer(subscription, published, (each.version for each in fields))
    return _FollowedImage(image, newer, fields, tree)


def _writing(tag: str) -> tuple[str, int]:
    """How a tag spells a version. One that is written in another way moves, as `1.4` does beside `1.4.2`,
    or counts something else: builds, days, commits.
    """
    letter = "v" if tag.startswith("v") else ""
    return letter, _NUMBERS.split(tag, maxsplit=1)[0].count(".")


def _field(field: ImageField, image: str, tree: Tree) -> _Field:
    document = documents.parse(tree.read(field.file), field.file)
    steps: FieldPath = tuple(
        int(item[1]) if (item := _ITEM.fullmatch(step)) else step for step in steps_of(field.field)
    )
    place = document.place(*steps)
    found = _at(document.value, steps)
    if not isinstance(found, str) or "@" in found:
        raise FleetError(
            f"{field.field} is no tag of {image}" + (", but a digest" if isinstance(found, str) else ""),
            place=place,
            fix="name a field that holds a tag, as text, or the image with a tag",
        )
    before = f"{image}:" if found.startswith(f"{image}:") else ""
    version = found.removeprefix(before).replace("_", "+")
    try:
        Version.parse(version)
    except VersionError as error:
        raise FleetError(
            f"{field.field} holds no version: {error.what}", place=place, fix=error.fix
        ) from error
    return _Field(field.file, steps, version, before)


def _at(value: Any, steps: FieldPath) -> Any:
    try:
        return reduce(getitem, steps, value)
    except (KeyError, IndexError, TypeError):
        return None

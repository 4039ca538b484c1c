"""What runs now, as data: one release of a chart, wherever it was read."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.checkouts import digest_of, files_of
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.fleet import AS_USUAL, Syncing
from deploy_orchestrator.git import Tree
from deploy_orchestrator.manifests import untyped

_FILE: Final = "file://"


@dataclass(frozen=True, slots=True)
class ChartInGit:
    """A chart in the folder `path` of a repository, whose `tree` is that of the release's revision."""

    url: str
    revision: str
    path: str
    tree: Tree

    def __str__(self) -> str:
        return f"{self.path} of {self.url} at {self.revision}"

    @property
    def identity(self) -> str:
        """What tells it from all other charts, and from itself in another state."""
        states = (digest_of(each.tree, each.path) for each in (self, *self.needed))
        return " ".join((self.url, self.path, *states))

    @property
    def files(self) -> Mapping[str, bytes]:
        """Its files, as `files_of` reads them."""
        return files_of(self.tree, self.path)

    @property
    def beside(self) -> Iterator[tuple[str, Self]]:
        """The charts outside of its folder that its `file://` dependencies lead to, by how they name them.

        Raises:
            NotAdoptable: one is not there, or cannot be read, as `files_of`.
            DocumentError: what names the dependencies is no YAML.
        """
        for file in ("Chart.yaml", "requirements.yaml"):
            about = documents.parse(self.files.get(file, b"{}"), f"{self.path}/{file}").value
            for needed in untyped.mappings(untyped.mapping(about).get("dependencies")):
                url = untyped.text(needed.get("repository"))
                path = posixpath.normpath(posixpath.join(self.path, url.removeprefix(_FILE)))
                if url.startswith(_FILE) and not path.startswith(f"{self.path}/"):
                    yield url, self._led_to(url, path)

    def _led_to(self, url: str, path: str) -> Self:
        other = replace(self, path=path)
        if path.startswith(("..", "/")) or "Chart.yaml" not in other.files:
            raise NotAdoptable(
                f"its chart needs {url}, and no chart is there in its repository",
                fix="commit that chart there, or name one that is",
            )
        return other

    @property
    def needed(self) -> tuple[Self, ...]:
        """All charts that are `beside` it, or beside one of these. Raises as `beside`."""
        found: dict[str, Self] = {}
        waiting = [self]
        while waiting:
            for _, each in waiting.pop().beside:
                if each.path == self.path:
                    raise NotAdoptable(
                        "its chart and one beside it need each other", fix="take one of the two out"
                    )
                if each.path not in found:
                    found[each.path] = each
                    waiting.append(each)
        return tuple(each for _, each in sorted(found.items()))

    def readable(self) -> Self:
        """Itself, where all of it can be read. Raises as `files_of` and `beside`."""
        for each in (self, *self.needed):
            _ = each.files, each.needed
        return self


@dataclass(frozen=True, slots=True)
class ChartPublished:
    """A chart from a chart repository or a registry, in exactly one version."""

    url: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} of {self.url}"

    @property
    def identity(self) -> str:
        """As that of a chart in Git."""
        return str(self)


@dataclass(frozen=True, slots=True)
class OldLayer:
    """Values of a release, and in words where they stand: `text` as Helm reads it."""

    whence: str
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value given by its path, as `--set` takes it, or `--set-string` where it is a `text`."""

    name: str
    value: str
    text: bool


@dataclass(frozen=True, slots=True)
class OldRelease:
    """A release that somebody else delivers.

    `owner` says who, as `Application argocd/web`; `layers` are in Helm's order, `parameters` win over them.
    `manifests` are the original's objects as YAML where they are known. `server` is the API server's URL, or
    the name of a cluster that only its Argo CD knows. `sync` is how it is synced, as far as that is carried
    over. `notes` are what a person should know of it.
    """

    environment: str
    owner: str
    name: str
    release: str
    namespace: str
    server: str
    chart: ChartInGit | ChartPublished
    layers: tuple[OldLayer, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    manifests: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    sync: Syncing = AS_USUAL

    @property
    def key(self) -> str:
        """What tells it from all others, as `production: Application argocd/web`."""
        return f"{self.environment}: {self.owner}"


Raw = Mapping[str, Any]
"""A Kubernetes object as it was read."""

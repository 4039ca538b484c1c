"""What runs now, as data: one release of a chart, wherever it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from deploy_orchestrator.adoption.checkouts import digest_of, files_of
from deploy_orchestrator.fleet import AS_USUAL, Syncing
from deploy_orchestrator.git import Tree


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
        return f"{self.url} {self.path} {digest_of(self.tree, self.path)}"

    @property
    def files(self) -> Mapping[str, bytes]:
        """Its files, as `files_of` reads them."""
        return files_of(self.tree, self.path)

    def readable(self) -> Self:
        """Itself, where all of it can be read. Raises as `files_of`."""
        files_of(self.tree, self.path)
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

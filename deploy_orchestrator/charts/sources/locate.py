"""Find the chart that a person names."""

from collections.abc import Iterable
from pathlib import Path

from deploy_orchestrator.charts.errors import ChartNotFound, VersionNotFound
from deploy_orchestrator.charts.loading import Chart, load
from deploy_orchestrator.charts.published import PublishedChart, exactly
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.sources.work_tree import boundary_of
from deploy_orchestrator.registries import RepositoryError


def locate(text: str, repositories: Repositories) -> Chart | PublishedChart:
    """The chart that `text` names: a path, `NAME[@VERSION]`, or that with its repository's URL before it.

    Links in a folder may lead as far as `boundary_of` says. A name alone is looked up in the mirrored
    repositories, in their order. No version means the highest.

    Raises:
        ChartNotFound: there is no such chart, or no such version.
        VersionError: what should be a version is none.
        ChartInvalid, UnsafeChart: a path at which `load` fails.
        RepositoryError: a repository that it may be in cannot be read.
    """
    path = Path(text).expanduser()
    if text.startswith(("oci://", "https://", "http://")):
        url, _, name = text.rpartition("/")
        return _in([url], *_split(name), repositories)
    if text and (path.exists() or "/" in text or text.endswith(".tgz")):
        return load(path, within=boundary_of(path))
    return _in(repositories.mirrored, *_split(text), repositories)


def _split(text: str) -> tuple[str, str]:
    name, _, version = text.replace(":", "@", 1).partition("@")
    return name, version


def _in(urls: Iterable[str], name: str, version: str, repositories: Repositories) -> PublishedChart:
    failures: list[ChartNotFound | RepositoryError] = []
    for url in urls:
        try:
            return repositories.described(_version(repositories.find(url, name), name, version))
        except (ChartNotFound, RepositoryError) as error:
            failures.append(error)
    for error in failures:
        if isinstance(error, VersionNotFound | RepositoryError):
            raise error
    raise ChartNotFound(
        f"no given repository has a chart {name}",
        fix="name a path, or give its repository with --repository URL=PATH_OR_URL",
    )


def _version(published: tuple[PublishedChart, ...], name: str, version: str) -> PublishedChart:
    if not version:
        return published[0]
    found = exactly(published, version)
    if found is None:
        raise VersionNotFound(
            f"{published[0].repository} has no version {version} of {name}",
            fix=f"the newest is {published[0].version}",
        )
    return found

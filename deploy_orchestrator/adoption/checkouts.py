"""The repositories that charts and values of the originals stand in, as local checkouts."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.git import History, PathNotFound, Remote, RevisionNotFound, Tree


def same_repository(url: str) -> str:
    """What is equal for the URLs of one repository: host and path, whatever the protocol and the login."""
    found = Remote.parse(url)
    return f"{found.host}/{found.path}" if found else url.rstrip("/").removesuffix(".git")


class Checkouts:
    """Git working copies or clones in `folders`, by the URL that the originals give them."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = {same_repository(url): folder for url, folder in folders.items()}
        self._open: dict[str, History] = {}

    def at(self, url: str, revision: str) -> Tree:
        """What a repository holds at a revision, a branch or a tag.

        Raises:
            NotAdoptable: there is no checkout of it, or it has no such revision.
        """
        history = self._history(url)
        for name in (revision, f"origin/{revision}"):
            try:
                return history.at(name)
            except RevisionNotFound:
                continue
        if revision in {"", "HEAD"}:
            raise NotAdoptable(f"the checkout of {url} has no commit", fix="fetch it")
        raise NotAdoptable(
            f"the checkout of {url} has no revision {revision!r}",
            fix="fetch it there: `git fetch --tags`, or mend targetRevision",
        )

    def _history(self, url: str) -> History:
        known = same_repository(url)
        folder = self._folders.get(known)
        if folder is None:
            raise NotAdoptable(
                f"there is no checkout of {url}", fix=f"clone it, and name it: --source {url}=FOLDER"
            )
        if known not in self._open:
            history = History.around(folder)
            if history is None:
                raise NotAdoptable(f"{folder} is in no Git repository", fix="name a clone with --source")
            self._open[known] = history
        return self._open[known]


def read_text(tree: Tree, base: str, path: str) -> str | None:
    """The text of the file at `path`, seen from the folder `base`; from the root where it begins with a
    slash. None where there is none.

    Raises:
        NotAdoptable: it leads out of the repository, is not UTF-8, or no file.
    """
    full = path.lstrip("/") if path.startswith("/") else posixpath.normpath(posixpath.join(base, path))
    if full.startswith(".."):
        raise NotAdoptable(f"the values file {path} leads out of the repository", fix="move it into it")
    try:
        return tree.read(full).decode("utf-8-sig")
    except PathNotFound:
        return None
    except UnicodeDecodeError as error:
        raise NotAdoptable(f"the values file {full} is not UTF-8", fix="save it as UTF-8") from error

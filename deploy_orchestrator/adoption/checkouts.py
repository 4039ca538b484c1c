"""The repositories that charts and values of the originals stand in, as local checkouts."""

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.git import History, PathNotFound, Remote, RevisionNotFound, Tree

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 100_000_000
_DEEPEST: Final = 32
_HOPS: Final = 256


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


@lru_cache(maxsize=4096)
def digest_of(tree: Tree, path: str) -> str:
    """What tells the `files_of` a folder from all others. Raises as these."""
    digest = hashlib.sha256()
    for file, data in files_of(tree, path).items():
        digest.update(f"{file}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


@lru_cache(maxsize=64)
def files_of(tree: Tree, path: str) -> Mapping[str, bytes]:
    """All files below the folder at `path`, by their path relative to it, as Helm reads them: what symbolic
    links lead to stands in their place.

    Raises:
        NotAdoptable: a link leads out of the repository, or in a circle; links unfold to more than
            `MOST_FILES`, or more than `MOST_BYTES` in all.
        UnsafeTree: as `Tree.files`.
    """
    found: dict[str, bytes] = {}
    size = 0
    for name, data in _below(tree, path, 0):
        found[name] = data
        size += len(data)
        if len(found) > MOST_FILES or size > MOST_BYTES:
            raise NotAdoptable(
                f"the links in {path} unfold without end", fix="commit the files in their place"
            )
    return found


def _below(tree: Tree, path: str, depth: int) -> Iterator[tuple[str, bytes]]:
    if depth > _DEEPEST:
        raise NotAdoptable(f"the links in {path} lead in a circle", fix="commit the files in their place")
    folder = real_path(tree, path)
    folders = {*tree.names(folder, files=False)}
    for name in tree.names(folder):
        inside = f"{folder}/{name}".lstrip("/")
        where = real_path(tree, inside)
        if name not in folders or not tree.names(where):
            yield name, tree.read(where)
        else:
            yield from ((f"{name}/{file}", data) for file, data in _below(tree, where, depth + 1))


def real_path(tree: Tree, path: str) -> str:
    """Where a path leads to that may go through symbolic links.

    Raises:
        NotAdoptable: a link leads out of the repository, or in a circle.
    """
    left, at = path.split("/"), ""
    for _ in range(_HOPS):
        if not left:
            return at
        step = left.pop(0)
        inside = f"{at}/{step}".lstrip("/")
        target = tree.link(inside)
        if target is None:
            at = inside
            continue
        found = posixpath.normpath(posixpath.join(at, target))
        if found.startswith(("..", "/")):
            raise NotAdoptable(
                f"the link {inside} leads out of the repository", fix="commit the file in its place"
            )
        left, at = [each for each in (*found.split("/"), *left) if each != "."], ""
    raise NotAdoptable(f"the links in {path} lead in a circle", fix="commit the files in their place")


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
        return tree.read(real_path(tree, full)).decode("utf-8-sig")
    except PathNotFound:
        return None
    except UnicodeDecodeError as error:
        raise NotAdoptable(f"the values file {full} is not UTF-8", fix="save it as UTF-8") from error

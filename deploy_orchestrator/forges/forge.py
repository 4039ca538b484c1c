"""Pull requests on GitHub, GitLab, Gitea and Forgejo.

After https://docs.github.com/en/rest/pulls/pulls, https://docs.gitlab.com/api/merge_requests/ and
https://docs.gitea.com/api (Forgejo's is the same).
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final, Literal, cast
from urllib.parse import quote, urlencode

from deploy_orchestrator.forges.errors import ForgeError, NoForge, NotThere
from deploy_orchestrator.git import Remote
from deploy_orchestrator.registries import AnswerTooLarge, Egress, Internet, Web, told

Kind = Literal["github", "gitlab", "gitea"]

MAX_ANSWER: Final = 4 * 1024 * 1024
MAX_TEXT: Final = 60_000
"""The most characters of a description; GitHub takes 65,536."""

MAX_PAGES: Final = 40
"""Pages of one list that are gone through; a server decides for itself how long they are."""
_PAGE: Final = 50
_SUPERSEDED: Final = "<!-- deploy-orchestrator superseded -->"
"""In the text of what was closed without anybody's decision."""

_PAUSES: Final = (0.1, 0.3, 1.0, 3.0)
"""Seconds after which a pull request is asked for again whose branch is not known yet."""

_MAY_PROPOSE: Final = "the token needs the right to read and write pull requests there"
_MAY_READ_ITSELF: Final = (
    "give the token the right to read its own user, or name that in DEPLOY_ORCHESTRATOR_REVIEWS_ACCOUNT"
)
_PROJECT = re.compile(r"(?:(?:^|/)(?!\.{1,2}(?:/|$))[\w.-]+){2,}")
_KNOWN: Final[Mapping[str, Kind]] = {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "gitea"}


_VERSIONS: Final[Mapping[Kind, str]] = {"github": "v3", "gitlab": "v4", "gitea": "v1"}


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request: its number, its page, whether it is `new` with this call, whether it is open, and its
    text.
    """

    number: int
    url: str
    new: bool
    is_open: bool = True
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What forges call the same things."""

    pulls: str
    number: str
    url: str
    source: str
    target: str
    text: str
    edit: str
    login: str
    opened: str = "open"
    closing: tuple[str, str] = ("state", "closed")


_GITHUB = _Dialect("pulls", "number", "html_url", "head", "base", "body", "PATCH", "Bearer")
_DIALECTS: Final[Mapping[Kind, _Dialect]] = {
    "github": _GITHUB,
    "gitea": _Dialect("pulls", "number", "html_url", "head", "base", "body", "PATCH", "token"),
    "gitlab": _Dialect(
        "merge_requests",
        "iid",
        "web_url",
        "source_branch",
        "target_branch",
        "description",
        "PUT",
        "Bearer",
        "opened",
        ("state_event", "close"),
    ),
}


@dataclass(frozen=True, slots=True)
class Forge:
    """The `project` on a forge, as `acme/fleet`, whose API is at `api`; `token` may open pull requests."""

    kind: Kind
    api: str
    project: str
    token: str = field(repr=False)
    web: Web

    def propose(self, branch: str, base: str, title: str, text: str) -> PullRequest:
        """The open pull request of `branch` into `base`, with this title and this text in Markdown.

        One that is open already is brought up to date, so that a second call opens no second one.

        Raises:
            ForgeError: the forge refuses, or cannot be understood.
            RepositoryError: it cannot be reached.
        """
        words = _DIALECTS[self.kind]
        said = {"title": title[:250], words.text: text[:MAX_TEXT]}
        found = next(self._found(branch, base, words.opened), None)
        if found is None:
            asked = {words.source: branch, words.target: base, **said}
            return self._read(self.once_known("POST", words.pulls, asked), new=True)
        number = found[words.number]
        return self._read(self.ask(words.edit, f"{words.pulls}/{number}", said), new=False)

    def once_known(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """As `ask`. Gitea takes a moment to know what was pushed: until then a branch, and the pull requests
        of a repository that was empty before, are not there.
        """
        for pause in _PAUSES if self.kind == "gitea" else ():
            try:
                return self.ask(method, path, content)
            except NotThere:
                time.sleep(pause)
        return self.ask(method, path, content)

    def proposed(self, branch: str, base: str) -> PullRequest | None:
        """The pull request of `branch` into `base`, open or not; None where there is none but such as were
        superseded.

        Raises:
            ForgeError, RepositoryError: as `propose`.
        """
        words = _DIALECTS[self.kind]
        asked = (each for each in self._found(branch, base, "all") if _SUPERSEDED not in _text(each, words))
        found = next(self._found(branch, base, words.opened), None) or next(asked, None)
        return None if found is None else self._read(found, new=False)

    def closed(self, branch: str, by: str, since: datetime) -> Iterator[Any]:
        """Those of `branch` that are open no more, whatever they go into, and were not opened before `since`,
        as the forge tells of them: of who is called `by`, as far as it can list these alone.

        Raises:
            ForgeError: as `propose`; at its end also where there may be others that cannot be read.
            RepositoryError: as `propose`.
        """
        more = {"github": {"sort": "created", "direction": "desc"}, "gitlab": {}, "gitea": {"poster": by}}
        listed = self._listed_of(branch, None, "closed", more[self.kind])
        newest = takewhile(lambda each: not _is_before(each, since), map(_mapping, listed))
        yield from (each for each in newest if self._is_of(each, branch, None))
        if listed.unread:
            raise ForgeError(
                f"those of {branch} that were closed since {since:%Y-%m-%d} cannot all be read: "
                f"{listed.unread}",
                fix="delete what is too large, or decide with a key and take the forge out of the rules",
            )

    def close(self, number: int) -> None:
        """Close a pull request without merging it.

        Raises:
            ForgeError, RepositoryError: as `propose`.
        """
        words = _DIALECTS[self.kind]
        self.ask(words.edit, f"{words.pulls}/{number}", dict((words.closing,)))

    def supersede(self, pull: PullRequest) -> None:
        """Close a pull request because another one, or nothing, takes its place. Its text says so, for that
        is no answer of people.

        Raises:
            ForgeError, RepositoryError: as `propose`.
        """
        words = _DIALECTS[self.kind]
        text = f"{pull.text[: MAX_TEXT - len(_SUPERSEDED)]}\n\n{_SUPERSEDED}"
        self.ask(words.edit, f"{words.pulls}/{pull.number}", dict((words.closing, (words.text, text))))

    def _found(self, branch: str, base: str, state: str) -> Iterator[Mapping[str, Any]]:
        listed = map(_mapping, self._listed_of(branch, base, state))
        return (each for each in listed if self._is_of(each, branch, base))

    def _listed_of(
        self, branch: str, base: str | None, state: str, more: Mapping[str, str] = MappingProxyType({})
    ) -> "Listing":
        """Those of a branch, into `base` or whatever, as far as the forge lists these alone."""
        words, owner = _DIALECTS[self.kind], self.project.partition("/")[0]
        asked: Mapping[str, str | None] = {
            "github": {"head": f"{owner}:{branch}", "base": base},
            "gitlab": {"source_branch": branch, "target_branch": base},
            "gitea": dict[str, str | None](),
        }[self.kind]
        named = {name: value for name, value in asked.items() if value is not None}
        return self.listed(words.pulls, state=state, **named, **more)

    def _is_of(self, pull: Mapping[str, Any], branch: str, base: str | None) -> bool:
        """Whether it is of a branch of the project itself, for anybody calls one of a fork as they like."""
        words = _DIALECTS[self.kind]
        is_into = base in (None, _branch(pull, words.target))
        return is_into and _branch(pull, words.source) == branch and not self._is_of_a_fork(pull)

    def _is_of_a_fork(self, pull: Mapping[str, Any]) -> bool:
        if self.kind == "gitlab":
            return pull.get("source_project_id") != pull.get("target_project_id")
        places = [
            _mapping(_mapping(pull.get(side)).get("repo")).get("full_name") for side in ("head", "base")
        ]
        return places[0] is None or places[0] != places[1]

    def listed(self, path: str, **asked: str) -> "Listing":
        """What its API lists of the project at `path`, in the order that it was asked for."""
        return Listing(self, path, asked)

    def _read(self, answer: Any, *, new: bool) -> PullRequest:
        words = _DIALECTS[self.kind]
        try:
            is_open = new or answer.get("state", words.opened) == words.opened
            text = _text(answer, words)
            return PullRequest(int(answer[words.number]), str(answer[words.url]), new, is_open, text)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ForgeError(f"{self.api} answers no pull request") from error

    def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """What its API answers of the project at `path`.

        Raises:
            ForgeError: the forge refuses, or cannot be understood.
            RepositoryError: it cannot be reached.
        """
        kind = "projects" if self.kind == "gitlab" else "repos"
        project = quote(self.project, safe="" if self.kind == "gitlab" else "/")
        return self._asked(method, f"{kind}/{project}/{path}", content, fix=_MAY_PROPOSE)

    def account(self) -> str:
        """Whose the token is, in lower case. Raises as `ask`."""
        found = _mapping(self._asked("GET", "user", fix=_MAY_READ_ITSELF)).get("login")
        if not isinstance(found, str) or not found:
            raise ForgeError(f"{self.api} does not say whose the token is", fix=_MAY_READ_ITSELF)
        return found.casefold()

    def _asked(self, method: str, path: str, content: Mapping[str, Any] | None = None, *, fix: str) -> Any:
        answer = self.web.fetch(
            f"{self.api}/{path}",
            limit=MAX_ANSWER,
            repository=self.api,
            method=method,
            headers={
                "Authorization": f"{_DIALECTS[self.kind].login} {self.token}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
            content=None if content is None else json.dumps(content).encode(),
            accept=(200, 201, 400, 401, 403, 404, 409, 422),
        )
        if answer.status >= 400:
            raise (NotThere if answer.status == 404 else ForgeError)(
                f"{self.api} refuses it for {self.project} ({answer.status}): {_message(answer.body)}",
                fix=fix,
            )
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise ForgeError(f"{self.api} answers no JSON") from error


class Listing:
    """What a forge lists, page by page until one is empty, as far as it can be read: `unread` says, once it
    was gone through, why that may not be all. Anybody may write what is listed there, as long as they like.

    To go through it raises as `Forge.ask`.
    """

    def __init__(self, forge: Forge, path: str, asked: Mapping[str, str]) -> None:
        self._forge, self._path, self._asked = forge, path, asked
        self.unread: str | None = None

    def __iter__(self) -> Iterator[Any]:
        """What can be read, of pages that are too large one after the other."""
        return self._through(self._readable)

    def whole(self) -> Iterator[Any]:
        """All of it. Raises ForgeError or RepositoryError, at the latest at its end, where that cannot be."""
        yield from self._through(self._page)
        if self.unread:
            raise ForgeError(f"{self.unread} of {self._path}")

    def _through(self, read: Callable[[int], list[Any]]) -> Iterator[Any]:
        for page in range(1, MAX_PAGES + 1):
            found = read(page)
            if not found:
                return
            yield from found
        self.unread = f"{self._forge.project} has more than is gone through"

    def _readable(self, page: int) -> list[Any]:
        try:
            return self._page(page)
        except AnswerTooLarge:
            return self._singly(page)

    def _singly(self, page: int) -> list[Any]:
        found: list[Any] = []
        for number in range((page - 1) * _PAGE + 1, page * _PAGE + 1):
            try:
                found += self._page(number, 1)
            except AnswerTooLarge as error:
                self.unread = error.what
        return found

    def _page(self, page: int, size: int = _PAGE) -> list[Any]:
        sized = {"limit" if self._forge.kind == "gitea" else "per_page": size, "page": page}
        found = self._forge.once_known("GET", f"{self._path}?{urlencode({**self._asked, **sized})}")
        if not isinstance(found, list):
            raise ForgeError(f"{self._forge.api} answers no list")
        return cast(list[Any], found)


def forge_of(
    remote: str,
    *,
    kind: Kind | None,
    api: str | None,
    token: str | None,
    project: str | None = None,
    web: Web | None = None,
) -> Forge:
    """The forge that has the Git repository at `remote`, a URL or `host:path`.

    `kind` may be left out on github.com, gitlab.com and codeberg.org, `api` where it is at the usual place
    of the server that Git speaks to, and `project` where it is the path there. It is reached by `web`, by
    default wherever it is.

    Raises:
        NoForge: it is on no forge, nobody says which kind that is, or there is no token for it.
    """
    server, there = _place(remote)
    project = project or there
    kind = kind or _KNOWN.get(server.partition("://")[2])
    if not _PROJECT.fullmatch(project) or kind is None or not (server or api):
        raise NoForge(
            f"nobody says on which forge {told(remote)} is",
            fix="set DEPLOY_ORCHESTRATOR_FORGE_KIND to github, gitlab or gitea, and where its address does "
            "not lead there DEPLOY_ORCHESTRATOR_FORGE_API and DEPLOY_ORCHESTRATOR_FORGE_PROJECT",
        )
    if not token:
        raise NoForge(
            f"there is no token for the forge of {told(remote)}",
            fix="set DEPLOY_ORCHESTRATOR_FORGE_TOKEN to one that may open pull requests",
        )
    at = (api or _api(kind, server)).rstrip("/")
    return Forge(kind, at, project, token, web or web_of(at))


@lru_cache(maxsize=8)
def web_of(api: str) -> Web:
    """The network to a forge, whose connections are used again at each look."""
    return Internet(Egress().naming(api))


def _place(remote: str) -> tuple[str, str]:
    """The web server beside a Git repository, as `https://git.example.com:3000`, and the project there."""
    found = Remote.parse(remote)
    if found is None:
        return "", ""
    host = f"[{found.host}]" if ":" in found.host else found.host
    server = f"https://{host}"
    if found.scheme in {"http", "https"}:
        server = f"{found.scheme}://{host}" + (f":{found.port}" if found.port else "")
    return server, found.path if _PROJECT.fullmatch(found.path) else ""


def _api(kind: Kind, server: str) -> str:
    if server == "https://github.com":
        return "https://api.github.com"
    return f"{server}/api/{_VERSIONS[kind]}"


def _branch(pull: Mapping[str, Any], side: str) -> str:
    found = pull.get(side)
    if not isinstance(found, dict):
        return str(found or "")
    told = _mapping(found)
    ref = str(told.get("ref", ""))
    # Gitea names a branch that is gone by its label alone.
    return str(told.get("label", "")) if ref.startswith("refs/pull/") else ref


def _text(pull: Mapping[str, Any], words: _Dialect) -> str:
    return str(pull.get(words.text) or "")


def _is_before(pull: Mapping[str, Any], since: datetime) -> bool:
    """Whether it was opened before that, as far as the forge tells."""
    try:
        return datetime.fromisoformat(str(pull.get("created_at"))).astimezone(UTC) < since
    except (OverflowError, ValueError):
        return False


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def _message(body: bytes) -> str:
    try:
        said = _mapping(json.loads(body)).get("message")
    except ValueError:
        said = None
    return str(said)[:300] if said else "without a reason"

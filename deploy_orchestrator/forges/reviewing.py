"""What people say of a pull request in reviews, on GitHub, Gitea and Forgejo.

After https://docs.github.com/en/rest/pulls/reviews and https://docs.gitea.com/api (Forgejo's is the same).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlencode

import pydantic
from pydantic import BaseModel, ConfigDict

from deploy_orchestrator.forges.errors import ForgeError
from deploy_orchestrator.forges.forge import Forge

MAX_PAGES: Final = 40
"""Pages of pull requests, or of reviews of one, that are gone through."""
_PAGE: Final = 50
_SAYS: Final[dict[str, Literal["approve", "reject"]]] = {
    "APPROVED": "approve",
    "CHANGES_REQUESTED": "reject",
    "REQUEST_CHANGES": "reject",
}


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Model = TypeVar("_Model", bound=_Said)


class _User(_Said):
    login: str


class _Place(_Said):
    full_name: str


class _Side(_Said):
    ref: str
    sha: str = ""
    repo: _Place | None = None


class _Pull(_Said):
    number: int
    html_url: str
    state: str
    title: str
    body: str | None = None
    head: _Side
    base: _Side


class _Review(_Said):
    id: int
    user: _User | None = None
    state: str
    commit_id: str | None = None
    submitted_at: datetime | None = None
    body: str | None = None
    dismissed: bool = False
    stale: bool = False
    official: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody, by their `login` in lower case, says of a `commit`: the last that they said and nobody
    has dismissed. `number` is the forge's own for it.
    """

    number: int
    login: str
    decision: Literal["approve", "reject"]
    commit: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class OpenPull:
    """One of a `branch` of the project itself, whose newest commit is `head`, into `base`."""

    number: int
    url: str
    branch: str
    base: str
    head: str
    title: str
    text: str


def open_pulls(forge: Forge) -> list[OpenPull]:
    """All that are open there, but for those of forks.

    Raises:
        ForgeError: the forge refuses, has more than are gone through, or cannot be understood.
        RepositoryError: it cannot be reached.
    """
    pulls = (_read(_Pull, each, forge) for each in _all(forge, "pulls", state="open"))
    return [
        OpenPull(
            each.number,
            each.html_url,
            each.head.ref,
            each.base.ref,
            each.head.sha,
            each.title,
            (each.body or "").replace("\r\n", "\n"),
        )
        for each in pulls
        if each.state == "open" and _is_own(each, forge)
    ]


def reviews(forge: Forge, number: int) -> list[Review]:
    """What counts of the reviews of a pull request: of each person the last that approves or asks for
    changes, official and not dismissed; an approval of what stands there no more is none.

    Raises as `open_pulls`.
    """
    last: dict[str, _Review] = {}
    for each in _all(forge, f"pulls/{number}/reviews"):
        review = _read(_Review, each, forge)
        if review.user is not None and review.state in (*_SAYS, "DISMISSED"):
            login = review.user.login.casefold()
            if login not in last or _order(review) > _order(last[login]):
                last[login] = review
    return [
        Review(
            each.id,
            login,
            _SAYS[each.state],
            each.commit_id,
            each.submitted_at.astimezone(UTC),
            (each.body or "").strip(),
        )
        for login, each in last.items()
        if each.state in _SAYS
        and not each.dismissed
        and (not each.stale or _SAYS[each.state] == "reject")
        and each.official
        and each.commit_id
        and each.submitted_at
        and each.submitted_at.tzinfo
    ]


def close(forge: Forge, number: int) -> None:
    """Close a pull request. Raises as `open_pulls`."""
    forge.ask("PATCH", f"pulls/{number}", {"state": "closed"})


def _order(review: _Review) -> tuple[datetime, int]:
    at = review.submitted_at
    return at if at and at.tzinfo else datetime.min.replace(tzinfo=UTC), review.id


def _is_own(pull: _Pull, forge: Forge) -> bool:
    place = pull.head.repo
    return place is not None and place.full_name.casefold() == forge.project.casefold()


def _all(forge: Forge, path: str, **asked: str) -> Iterator[Any]:
    sized = {"per_page": _PAGE} if forge.kind == "github" else {"limit": _PAGE}
    for page in range(1, MAX_PAGES + 1):
        found = forge.ask("GET", f"{path}?{urlencode({**asked, **sized, 'page': page})}")
        if not isinstance(found, list):
            raise ForgeError(f"{forge.api} answers no list")
        if not found:
            return
        yield from found
    raise ForgeError(f"{forge.project} has more than is gone through", fix="close old pull requests there")


def _read(model: type[_Model], said: Any, forge: Forge) -> _Model:
    try:
        return model.model_validate(said)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ForgeError(f"{forge.api}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error

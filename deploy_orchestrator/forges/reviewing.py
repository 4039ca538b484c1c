"""What people say of a pull request in reviews, on GitHub, Gitea and Forgejo.

After https://docs.github.com/en/rest/pulls/reviews and https://docs.gitea.com/api (Forgejo's is the same).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict

from deploy_orchestrator.forges.errors import ForgeError
from deploy_orchestrator.forges.forge import Forge

_OLDEST: Final[Mapping[str, Mapping[str, str]]] = {
    "github": {"sort": "created", "direction": "asc"},
    "gitea": {"sort": "oldest"},
    "gitlab": {},
}
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
    created_at: datetime
    merged_at: datetime | None = None
    user: _User | None = None


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
    """One of a `branch` of the project itself, whose newest commit is `head`, into `base`; `by` is the
    login, in lower case, of who opened it, and `opened` when.
    """

    number: int
    url: str
    branch: str
    base: str
    head: str
    title: str
    text: str
    by: str
    opened: datetime


@dataclass(frozen=True, slots=True)
class OpenPulls:
    """Those that are open and could be read: `unread` says why there may be others, which are too large or
    too many, for anybody may open one.
    """

    pulls: tuple[OpenPull, ...]
    unread: str | None = None


def open_pulls(forge: Forge) -> OpenPulls:
    """All that are open there, but for those of forks, the oldest first.

    Raises:
        ForgeError: the forge refuses, or cannot be understood.
        RepositoryError: it cannot be reached.
    """
    listed = forge.listed("pulls", state="open", **_OLDEST[forge.kind])
    pulls = [_read(_Pull, each, forge) for each in listed]
    found = tuple(_told(each) for each in pulls if each.state == "open" and _is_own(each, forge))
    return OpenPulls(found, listed.unread)


def closed_pulls(forge: Forge, branch: str, by: str, since: datetime) -> list[OpenPull]:
    """Those of `branch` that somebody closed without merging them, whatever they go into, as they would be if
    they were opened again: that were opened by who is called so, in lower case, and not before `since`.
    Raises as `open_pulls`, and ForgeError where they cannot all be read.
    """
    pulls = [_read(_Pull, each, forge) for each in forge.closed(branch, by, since)]
    found = (_told(each) for each in pulls if not each.merged_at)
    return [each for each in found if each.by == by]


def reopen(forge: Forge, number: int) -> None:
    """Open a pull request again. Raises as `open_pulls`."""
    forge.ask("PATCH", f"pulls/{number}", {"state": "open"})


def send(forge: Forge, number: int, base: str) -> None:
    """Have an open pull request go into `base`. Raises as `open_pulls`."""
    forge.ask("PATCH", f"pulls/{number}", {"base": base})


def reviews(forge: Forge, number: int) -> list[Review]:
    """What counts of the reviews of a pull request: of each person the last that approves or asks for
    changes, and that nobody has dismissed; an approval that is not official, or of what stands there no more,
    is none.

    Raises as `open_pulls`.
    """
    last: dict[str, _Review] = {}
    for each in forge.listed(f"pulls/{number}/reviews").whole():
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
        and ((each.official and not each.stale) or _SAYS[each.state] == "reject")
        and each.commit_id
        and each.submitted_at
        and each.submitted_at.tzinfo
    ]


def _told(pull: _Pull) -> OpenPull:
    text = (pull.body or "").replace("\r\n", "\n")
    by = pull.user.login.casefold() if pull.user else ""
    return OpenPull(
        pull.number,
        pull.html_url,
        pull.head.ref,
        pull.base.ref,
        pull.head.sha,
        pull.title,
        text,
        by,
        pull.created_at.astimezone(UTC),
    )


def _order(review: _Review) -> tuple[datetime, int]:
    at = review.submitted_at
    return at if at and at.tzinfo else datetime.min.replace(tzinfo=UTC), review.id


def _is_own(pull: _Pull, forge: Forge) -> bool:
    place = pull.head.repo
    return place is not None and place.full_name.casefold() == forge.project.casefold()


def _read(model: type[_Model], said: Any, forge: Forge) -> _Model:
    try:
        return model.model_validate(said)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ForgeError(f"{forge.api}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error

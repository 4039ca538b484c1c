import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pygit2

from deploy_orchestrator.git.errors import GitError

_TRAILER = re.compile(r"([A-Za-z0-9-]+):(.*)")
_CO_AUTHOR = re.compile(r"^[ \t]*co-authored-by:(.*)<([^<>\n]+)>", re.IGNORECASE | re.MULTILINE)
_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Ident:
    """Who made a commit, by their own account: anybody can write any name unless the commit is signed."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def check(self) -> None:
        """Whether a commit can be made in this name.

        Raises:
            GitError: an empty name or e-mail, or one with a character that would end it in a commit.
        """
        for part in (self.name, self.email):
            if not part.strip() or not part.isprintable() or set(part) & set("<>"):
                raise GitError(f"no commit can be made by {str(self)!r}", fix="give a name and an e-mail")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `time` is when it was committed (not authored), in UTC, by the clock of whoever made it.

    `trailers` are the `Key: value` lines that end the message, the last of each key. `signed` says that a
    signature is there, not that it is good: see `Repository.verify`.
    """

    id: str
    parents: tuple[str, ...]
    author: Ident
    time: datetime
    message: str
    trailers: dict[str, str]
    signed: bool

    @property
    def co_authors(self) -> tuple[Ident, ...]:
        """Who wrote it too, by its lines `Co-authored-by: NAME <E-MAIL>`, wherever they stand in the message:
        https://docs.github.com/pull-requests/committing-changes-to-your-project/creating-and-editing-commits.
        """
        return tuple(Ident(name.strip(), email.strip()) for name, email in _CO_AUTHOR.findall(self.message))

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.strip().partition("\n")[0]


def read_commit(objects: pygit2.Repository, id: str) -> Commit:  # noqa: A002
    try:
        commit = objects[id].peel(pygit2.Commit)
        author, message = commit.author, _text(commit.raw_message)
        return Commit(
            id=str(commit.id),
            parents=tuple(str(parent) for parent in commit.parent_ids),
            author=Ident(_text(author.raw_name), _text(author.raw_email)),
            time=datetime.fromtimestamp(min(max(commit.commit_time, 0), _LATEST), UTC),
            message=message,
            trailers=trailers_of(message),
            signed=bool(commit.gpg_signature[0]),
        )
    except (pygit2.GitError, KeyError) as error:
        raise GitError(f"the commit {id} cannot be read: {error}") from error


def make_commit(
    objects: pygit2.Repository,
    tree: str,
    parents: tuple[str, ...],
    message: str,
    author: Ident,
    committer: Ident,
) -> str:
    by, committed_by = _signature(author), _signature(committer)
    return str(objects.create_commit(None, by, committed_by, message, tree, list(parents)))


def _signature(person: Ident) -> pygit2.Signature:
    person.check()
    return pygit2.Signature(person.name, person.email)


def trailers_of(message: str) -> dict[str, str]:
    """As `Commit.trailers`."""
    # pygit2 1.21's Commit.message_trailers crashes the process on a message that is not UTF-8.
    *body, last = re.split(r"\n\s*\n", message.strip())
    lines = re.sub(r"\n[ \t]+", " ", last).splitlines()
    found = [_TRAILER.match(line) for line in lines]
    return {trailer[1]: trailer[2].strip() for trailer in found if trailer} if body and all(found) else {}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

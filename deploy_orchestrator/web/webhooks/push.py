"""What a forge tells of a push, believed only with a good signature."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from deploy_orchestrator.web.webhooks.errors import Refused

_SIGNATURES = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature")
_TOKEN = "x-gitlab-token"  # noqa: S105
_EVENTS = ("x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event")
_PUSHES = {"push", "Push Hook"}
_BRANCH = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Push:
    """Which branch of which repository (`owner/name`) moved. Nothing else that a forge tells is looked at."""

    repository: str
    branch: str


class _Repository(msgspec.Struct):
    full_name: str | None = None


class _Project(msgspec.Struct):
    path_with_namespace: str | None = None


class _Payload(msgspec.Struct):
    ref: str
    repository: _Repository = msgspec.field(default_factory=_Repository)
    project: _Project = msgspec.field(default_factory=_Project)


def authenticate(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """Check that whoever sent `body` knows `secret`.

    GitHub, Gitea and Forgejo sign the body (HMAC-SHA256 in hexadecimal); GitLab sends the secret itself.
    `headers` are looked up in lower case. Comparisons take the same time wherever texts differ.

    Raises:
        Refused: with 401, where there is no signature or a wrong one.
    """
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [headers[name].removeprefix("sha256=") for name in _SIGNATURES if name in headers]
    if given:
        genuine = all(_same(each, expected) for each in given)
    else:
        genuine = _same(headers.get(_TOKEN, ""), secret)
    if not genuine:
        raise Refused(401, "the signature is missing or wrong: is the secret the same on both sides?")


def read_push(headers: Mapping[str, str], body: bytes) -> Push | None:
    """The push that an authenticated delivery tells of; None where it tells of something else.

    Raises:
        Refused: with 400, where it is not what GitHub, Gitea, Forgejo or GitLab send as JSON.
    """
    events = {headers[name] for name in _EVENTS if name in headers}
    if not events:
        raise Refused(400, "no header names the event")
    if not events & _PUSHES:
        return None
    try:
        payload = msgspec.json.decode(body, type=_Payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable() from error
    repository = payload.repository.full_name or payload.project.path_with_namespace
    if not repository:
        raise _unreadable()
    if not payload.ref.startswith(_BRANCH):
        return None
    return Push(repository, payload.ref.removeprefix(_BRANCH))


def _unreadable() -> Refused:
    return Refused(400, "the body is no push as JSON: choose application/json in the forge")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

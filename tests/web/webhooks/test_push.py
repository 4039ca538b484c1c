"""Who may speak, and what is heard."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import Push, Refused, authenticate, followed, read_push

SECRET = "It's a Secret to Everybody"
HELLO = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""What GitHub's documentation gives as the signature of `Hello, World!`."""

GITHUB = {"ref": "refs/heads/main", "repository": {"full_name": "platform/fleet"}, "commits": []}
GITLAB = {
    "ref": "refs/heads/main",
    "project": {"path_with_namespace": "company/platform/fleet"},
    "repository": {"name": "fleet", "url": "git@example.com:company/platform/fleet.git"},
}


def body(payload: object) -> bytes:
    return json.dumps(payload).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-hub-signature-256": f"sha256={HELLO}"},
        {"x-gitea-signature": HELLO},
        {"x-forgejo-signature": HELLO, "x-gitea-signature": HELLO, "x-hub-signature-256": f"sha256={HELLO}"},
        {"x-gitlab-token": SECRET},
    ],
)
def test_whoever_knows_the_secret_is_believed(headers: dict[str, str]) -> None:
    authenticate(headers, b"Hello, World!", SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": f"sha256={HELLO[:-1]}0"},
        {"x-hub-signature-256": f"sha1={HELLO}"},
        {"x-hub-signature": f"sha256={HELLO}"},
        {"x-gitea-signature": HELLO.upper()},
        {"x-gitea-signature": "ÿ" * 64},
        {"x-gitea-signature": HELLO, "x-hub-signature-256": "sha256=0"},
        {"x-gitlab-token": ""},
        {"x-gitlab-token": SECRET + " "},
        {"x-gitlab-token": SECRET, "x-gitea-signature": "0"},
    ],
)
def test_nobody_else_is(headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        authenticate(headers, b"Hello, World!", SECRET)
    assert refused.value.status == 401
    assert SECRET not in str(refused.value)


@given(st.binary(), st.binary())
def test_a_signature_is_good_for_one_body_only(signed: bytes, sent: bytes) -> None:
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    if signed == sent:
        authenticate({"x-gitea-signature": signature}, sent, SECRET)
    else:
        with pytest.raises(Refused):
            authenticate({"x-gitea-signature": signature}, sent, SECRET)


@pytest.mark.parametrize(
    ("header", "payload", "push"),
    [
        (("x-github-event", "push"), GITHUB, Push("platform/fleet", "main")),
        (("x-gitea-event", "push"), GITHUB, Push("platform/fleet", "main")),
        (("x-forgejo-event", "push"), GITHUB, Push("platform/fleet", "main")),
        (("x-gitlab-event", "Push Hook"), GITLAB, Push("company/platform/fleet", "main")),
        (
            ("x-github-event", "push"),
            {**GITHUB, "ref": "refs/heads/feature/a"},
            Push("platform/fleet", "feature/a"),
        ),
        (("x-github-event", "push"), {**GITHUB, "ref": "refs/tags/v1"}, None),
        (("x-github-event", "ping"), {"zen": "Keep it simple."}, None),
        (("x-gitlab-event", "Tag Push Hook"), GITLAB, None),
    ],
)
def test_a_push_is_read_as_each_forge_writes_it(
    header: tuple[str, str], payload: dict[str, Any], push: Push | None
) -> None:
    assert read_push(dict([header]), body(payload)) == push


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"payload=%7B%7D",
        b"[" * 100_000,
        b"null",
        b"[]",
        body({"ref": "refs/heads/main"}),
        body({"ref": ["refs/heads/main"], "repository": {"full_name": "platform/fleet"}}),
        body({"ref": "refs/heads/main", "repository": {"full_name": {"a": 1}}}),
        body({"ref": "refs/heads/main", "repository": None}),
        body({"repository": {"full_name": "platform/fleet"}}),
    ],
)
def test_what_is_no_push_as_json_is_refused(payload: bytes) -> None:
    with pytest.raises(Refused, match="application/json") as refused:
        read_push({"x-github-event": "push"}, payload)
    assert refused.value.status == 400


def test_an_event_without_a_name_is_refused() -> None:
    with pytest.raises(Refused, match="event"):
        read_push({}, body(GITHUB))


@pytest.mark.parametrize(
    "url",
    [
        "https://forge.example/platform/fleet.git",
        "https://me:word@forge.example/git/Platform/Fleet/",
        "git@forge.example:platform/fleet.git",
        "forge:platform/fleet",
        "/srv/git/platform/fleet.git",
    ],
)
def test_a_repository_is_known_by_its_name_whatever_its_host_is_called(url: str) -> None:
    fleet, approvals = followed(Settings(fleet=url, deployments="https://forge.example/platform/deployments"))

    assert fleet.moved(Push("platform/fleet", "main"))
    assert not fleet.moved(Push("platform/fleet", "feature"))
    assert not fleet.moved(Push("other/fleet", "main"))
    assert not fleet.moved(Push("platform/deployments", "main"))
    assert not fleet.moved(Push("", "main"))
    assert not fleet.moved(Push("t", "main"))
    assert approvals.moved(Push("platform/deployments", "approvals"))
    assert not approvals.moved(Push("platform/deployments", "main"))

"""Pull requests on each kind of forge, spoken to over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from deploy_orchestrator.forges import Forge, ForgeError, NoForge, forge_of
from deploy_orchestrator.registries import Egress, Internet

TOKEN = "t0ken-of-a-robot"


@dataclass
class Served:
    """A forge with one project, acme/fleet, as its API shows it."""

    kind: str
    late: int = 0
    empty: int = 0
    longest: int = 100
    pulls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def root(self) -> str:
        return "/projects/acme/fleet/merge_requests" if self.kind == "gitlab" else "/repos/acme/fleet/pulls"

    def answer(self, method: str, url: str, headers: Any, body: bytes) -> tuple[int, Any]:
        parts, asked = urlsplit(url), parse_qs(urlsplit(url).query)
        path = unquote(parts.path)
        login = "token" if self.kind == "gitea" else "Bearer"
        if headers["Authorization"] != f"{login} {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if not path.startswith(self.root):
            return 404, {"message": "Not Found"}
        if method == "GET" and self.empty:
            self.empty -= 1
            return 404, {"message": "not found"}
        if method == "GET":
            heads = asked.get("head") or asked.get("source_branch") or [""]
            wanted, states = heads[0].removeprefix("acme:"), asked["state"]
            found = [each for each in self.pulls if self.kind == "gitea" or self.source(each) == wanted]
            found = [each for each in found if "all" in states or each["state"] in states]
            size = min(self.longest, int((asked.get("per_page") or asked["limit"])[0]))
            start = (int(asked["page"][0]) - 1) * size
            return 200, found[start : start + size]
        given = json.loads(body)
        if method == "POST" and self.late:
            self.late -= 1
            return 404, {"message": "not found"}
        if method == "POST":
            number = len(self.pulls) + 1
            self.pulls.append(self.shown(given, number))
            return 201, self.pulls[-1]
        if method != ("PUT" if self.kind == "gitlab" else "PATCH"):
            return 405, {}
        pull = self.pulls[int(path.rpartition("/")[2]) - 1]
        if given.pop("state_event", None) == "close":
            given["state"] = "closed"
        pull |= given
        return 200, pull

    def source(self, pull: dict[str, Any]) -> str:
        return pull["source_branch"] if self.kind == "gitlab" else pull["head"]["ref"]

    def shown(self, given: dict[str, Any], number: int) -> dict[str, Any]:
        page = f"https://forge.example.com/acme/fleet/{number}"
        given = {**given, "state": "opened" if self.kind == "gitlab" else "open"}
        if self.kind == "gitlab":
            projects = {"source_project_id": 7, "target_project_id": 7}
            return {**projects, **given, "iid": number, "id": 9000 + number, "web_url": page}
        own = {"full_name": "acme/fleet"}
        sides = {side: {"ref": given[side], "repo": own} for side in ("head", "base")}
        return {**given, **sides, "number": number, "id": 9000 + number, "html_url": page}


@contextmanager
def serving(served: Served) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = served.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        do_GET = do_POST = do_PATCH = do_PUT = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["github", "gitlab", "gitea"])
def served(request: pytest.FixtureRequest) -> Served:
    return Served(request.param)


@pytest.fixture
def forge(served: Served) -> Iterator[Forge]:
    with serving(served) as api:
        web = Internet(Egress(None).naming(api))
        yield Forge(served.kind, api, "acme/fleet", TOKEN, web)  # pyright: ignore[reportArgumentType]


def test_a_pull_request_is_opened_once_and_then_brought_up_to_date(served: Served, forge: Forge) -> None:
    first = forge.propose("upgrade/db", "main", "Upgrade db to 1.1.0", "safe")
    other = forge.propose("upgrade/web", "main", "Upgrade web", "safe")
    again = forge.propose("upgrade/db", "main", "Upgrade db to 1.2.0", "needs approval")
    assert (first.number, first.new, first.url) == (1, True, "https://forge.example.com/acme/fleet/1")
    assert (other.number, other.new) == (2, True)
    assert (again.number, again.new) == (1, False)
    text = "description" if served.kind == "gitlab" else "body"
    assert [(each["title"], each[text]) for each in served.pulls] == [
        ("Upgrade db to 1.2.0", "needs approval"),
        ("Upgrade web", "safe"),
    ]


def test_one_that_was_closed_is_found_and_is_not_open(forge: Forge) -> None:
    assert forge.proposed("upgrade/db", "main") is None
    first = forge.propose("upgrade/db", "main", "Upgrade db", "safe")
    forge.close(first.number)
    found = forge.proposed("upgrade/db", "main")
    assert found is not None
    assert (found.number, found.is_open) == (first.number, False)
    again = forge.propose("upgrade/db", "main", "Upgrade db", "safe")
    assert (again.number, again.new) == (2, True)
    assert forge.proposed("upgrade/db", "main") == replace(again, new=False)


def test_one_that_was_superseded_is_no_answer_of_people_until_they_close_one_of_the_branch(
    served: Served, forge: Forge
) -> None:
    text = "description" if served.kind == "gitlab" else "body"
    first = forge.propose("upgrade/db", "main", "Upgrade db", "safe")
    forge.supersede(first)
    assert served.pulls[0]["state"] == "closed"
    assert served.pulls[0][text].startswith("safe\n\n")
    assert forge.proposed("upgrade/db", "main") is None
    again = forge.propose("upgrade/db", "main", "Upgrade db", "safe")
    assert forge.proposed("upgrade/db", "main") == replace(again, new=False)
    forge.close(again.number)
    found = forge.proposed("upgrade/db", "main")
    assert found is not None
    assert (found.number, found.is_open) == (again.number, False)


def test_one_of_a_fork_is_not_taken_for_that_of_the_branch_which_is_called_so(
    served: Served, forge: Forge
) -> None:
    first = forge.propose("upgrade/db", "main", "Upgrade db", "safe")
    if served.kind == "gitlab":
        served.pulls[0]["source_project_id"] = 8
    else:
        served.pulls[0]["head"]["repo"] = {"full_name": "mallory/fleet"}
    assert forge.proposed("upgrade/db", "main") is None
    assert forge.propose("upgrade/db", "main", "x", "x").number != first.number
    assert served.pulls[0]["title"] == "Upgrade db"


@pytest.mark.parametrize("served", ["gitea"], indirect=True)
def test_a_branch_that_gitea_does_not_know_yet_is_asked_for_again(served: Served, forge: Forge) -> None:
    served.late = 2
    assert forge.propose("upgrade/db", "main", "Upgrade db", "safe").new
    assert len(served.pulls) == 1


@pytest.mark.parametrize("served", ["gitea"], indirect=True)
def test_a_repository_that_gitea_takes_for_empty_yet_is_asked_for_again(served: Served, forge: Forge) -> None:
    served.empty = 2
    assert forge.proposed("upgrade/db", "main") is None
    served.empty = 1
    assert forge.propose("upgrade/db", "main", "Upgrade db", "safe").new


@pytest.mark.parametrize("served", ["gitea"], indirect=True)
def test_one_is_found_whatever_the_length_of_the_servers_pages(served: Served, forge: Forge) -> None:
    served.longest = 2
    made = [forge.propose(f"upgrade/{number}", "main", "x", "x") for number in range(5)]
    assert forge.proposed("upgrade/4", "main") == replace(made[4], new=False)
    assert forge.proposed("upgrade/5", "main") is None


@pytest.mark.parametrize("served", ["gitea"], indirect=True)
def test_others_pull_requests_keep_none_from_being_opened_however_many_they_are(
    served: Served, forge: Forge
) -> None:
    """The forge refuses a second one of the same branch."""
    served.longest = 1
    served.pulls = [served.shown({"head": "other", "base": "main"}, 1)] * 300
    assert forge.propose("upgrade/db", "main", "x", "x").new


def test_what_the_forge_refuses_is_told_in_its_words_and_without_the_token(forge: Forge) -> None:
    wrong = Forge(forge.kind, forge.api, forge.project, "an0ther", forge.web)
    with pytest.raises(ForgeError, match="Bad credentials") as raised:
        wrong.propose("upgrade/db", "main", "x", "x")
    assert "an0ther" not in f"{raised.value!r} {raised.value} {raised.value.fix} {wrong!r}"


@pytest.mark.parametrize(
    ("remote", "kind", "api", "project"),
    [
        ("https://github.com/acme/fleet.git", None, "https://api.github.com", "acme/fleet"),
        ("git@github.com:acme/fleet.git", None, "https://api.github.com", "acme/fleet"),
        ("https://gitlab.com/acme/infra/fleet", None, "https://gitlab.com/api/v4", "acme/infra/fleet"),
        (
            "ssh://git@git.example.com:2222/acme/fleet.git",
            "gitea",
            "https://git.example.com/api/v1",
            "acme/fleet",
        ),
        ("http://127.0.0.1:3000/acme/fleet.git", "gitea", "http://127.0.0.1:3000/api/v1", "acme/fleet"),
        ("https://ghe.example.com/acme/fleet", "github", "https://ghe.example.com/api/v3", "acme/fleet"),
    ],
)
def test_the_project_is_read_from_the_address(remote: str, kind: Any, api: str, project: str) -> None:
    found = forge_of(remote, kind=kind, api=None, token=TOKEN, web=Internet())
    assert (found.api, found.project) == (api, project)


def test_a_server_on_this_machine_is_reached_where_the_repository_is_on_it(served: Served) -> None:
    with serving(served) as api:
        remote = f"{api}/acme/fleet.git"
        forge = forge_of(remote, kind=served.kind, api=api, token=TOKEN)  # pyright: ignore[reportArgumentType]
        assert forge.propose("upgrade/db", "main", "x", "x").new


@pytest.mark.parametrize(
    ("remote", "kind", "token", "fix"),
    [
        ("https://git.example.com/acme/fleet", None, TOKEN, "FORGE_KIND"),
        ("/srv/fleet", "gitea", TOKEN, "FORGE_KIND"),
        ("https://github.com/acme/fleet", None, None, "FORGE_TOKEN"),
        ("https://github.com/acme/../../fleet", None, TOKEN, "FORGE_KIND"),
    ],
)
def test_a_repository_on_no_known_forge_is_refused_with_what_to_set(
    remote: str, kind: Any, token: str | None, fix: str
) -> None:
    with pytest.raises(NoForge) as raised:
        forge_of(remote, kind=kind, api=None, token=token, web=Internet())
    assert fix in str(raised.value.fix)


@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_login_in_the_address_is_not_told_with_what_is_wrong(token: str | None) -> None:
    kind: Any = None if token else "gitea"
    with pytest.raises(NoForge) as raised:
        forge_of("https://ann:hush@git.example.com/acme/fleet", kind=kind, api=None, token=token)
    assert "https://git.example.com/acme/fleet" in str(raised.value)
    assert "hush" not in f"{raised.value} {raised.value.fix}"

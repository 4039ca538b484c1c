"""Machines ask the board: by a token that fleet.yaml lists, that somebody approved, and that is not over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from deploy_orchestrator.git import RemoteUnreachable
from deploy_orchestrator.identity import TOKEN_PREFIX, new_token, token_hash
from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.releases import ReleaseError
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, ActingAs, SignIn, SignInFile, Watch, site
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of

BASE = "http://localhost:3000"
JSON = {"accept": "application/json"}
SHOP = "/deployments/dev/shop"
OPERATOR, READER, OVER = new_token(), new_token(), new_token()
SOON = datetime(2100, 1, 1, tzinfo=UTC)
LINE = "  - {{name: {}, hash: '{}', may: {}, expires: '{}'}}\n"


def listed(*tokens: tuple[str, str, str, datetime]) -> str:
    return "tokens:\n" + "".join(
        LINE.format(name, token_hash(token), may, until.isoformat()) for name, token, may, until in tokens
    )


ALL = listed(
    ("pipeline", OPERATOR, "operate", SOON),
    ("wallboard", READER, "see", SOON),
    ("past", OVER, "operate", datetime.now(UTC) - timedelta(seconds=1)),
)


@pytest.fixture
def before(waiting: Desk) -> str:
    """What fleet.yaml said before it listed tokens."""
    return (waiting.fleet / "fleet.yaml").read_text()


@pytest.fixture
def desk(waiting: Desk, before: str) -> Desk:
    """fleet.yaml lists tokens, and nobody has approved that yet."""
    waiting.commit("fleet.yaml", before + ALL)
    waiting.settle_rules()
    return waiting


@pytest.fixture
def orchestrator(desk: Desk) -> Iterator[Orchestrator]:
    with desk.orchestrator() as opened:
        yield opened


async def dagster(*asked: Any) -> None:
    await PlainTextResponse("Dagster")(*asked)


@pytest.fixture
def client(orchestrator: Orchestrator) -> Iterator[TestClient]:
    """Nobody can sign in here: the provider is out of reach, and not asked."""
    acme = {"name": "acme", "issuer": "https://login.example.com", "client": "ours"}
    file = SignInFile.model_validate({"url": BASE, "issuers": [acme]})
    sign_in = SignIn(file, {}, b"a key that signs the cookies of these tests", Internet(ANYWHERE))
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, Starlette(routes=[Route("/dagster", dagster)]), LOOPBACK, sign_in)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def by(token: str) -> dict[str, str]:
    return {**JSON, "authorization": f"Bearer {token}"}


def test_a_token_that_nobody_has_approved_opens_nothing(client):
    answer = client.get("/", headers=by(READER))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert READER not in answer.text


@pytest.fixture
def counting(desk: Desk) -> Desk:
    desk.approve_rules()
    return desk


def test_what_was_approved_sees_every_page(counting, client):
    for path in ("/", SHOP, "/tenants/shop", "/audit", "/figures", "/isolation"):
        assert client.get(path, headers=by(READER)).status_code == 200, path
    assert client.get("/", headers=JSON).status_code == 401


@pytest.mark.parametrize(
    "shown",
    ["", "dotoken_", OVER, f"{READER}x", READER[:-1], READER * 50, token_hash(READER), "\u00fc"],
    ids=[
        "nothing",
        "a prefix",
        "one that is over",
        "a longer one",
        "a shorter one",
        "fifty",
        "its hash",
        "no ASCII",
    ],
)
def test_what_is_no_token_or_is_over_opens_nothing(counting, client, shown):
    header = b"Bearer " + shown.encode()
    assert client.get("/", headers={"accept": "application/json", "authorization": header}).status_code == 401
    assert client.post(f"{SHOP}/sync", headers={"authorization": header}).status_code == 401


def test_who_only_sees_operates_nothing(counting, client):
    assert client.post(f"{SHOP}/sync", headers=by(READER)).status_code == 403
    assert client.get(f"{SHOP}/rollback", headers=by(READER)).status_code == 403


def test_a_rollback_names_the_machine_in_git_and_at_the_engine(counting, client, orchestrator):
    seen = client.get(f"{SHOP}/rollback", headers=by(OPERATOR)).json()["now"]["commit"]
    said = {"reason": "probes fail", "now": seen}
    assert client.post(f"{SHOP}/rollback", headers=by(OPERATOR), data=said).status_code == 303
    event = orchestrator.deployments.history("dev", "shop")[0]
    assert (event.kind, event.reason) == ("revert", "probes fail")
    assert str(event.who) == "machine pipeline <pipeline@machines.invalid>"
    assert sandbox_of(orchestrator).history("dev", "shop")[0].by == "machine pipeline"
    assert (
        client.get(SHOP, headers=by(READER)).json()["history"][0]["event"]["who"]["name"]
        == "machine pipeline"
    )


def test_no_machine_decides(counting, client, orchestrator):
    digest = orchestrator.deployments.pending("production", "shop").digest
    said = {"digest": digest, "decision": "approve", "reason": ""}
    commit = "a" * 40
    for path, data in (
        ("/deployments/production/shop/decide", said),
        (f"/changes/{commit}/decide", {**said, "environment": "production", "digests": f"shop:{digest[7:]}"}),
        ("/stop", {"environment": "production", "decision": "pause", "reason": "so"}),
        ("/stop", {"environment": "production", "decision": "resume", "reason": "so"}),
    ):
        answer = client.post(path, headers=by(OPERATOR), data=data)
        assert (answer.status_code, "a machine decides nothing" in answer.text) == (403, True), path


def test_no_machine_decides_with_the_keys_of_people_in_the_sandbox(counting, orchestrator):
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    acting = ActingAs.of_folder(counting.folder / "keys", orchestrator)
    with TestClient(site(watch, orchestrator, None, LOOPBACK, None, acting), base_url=BASE) as client:
        digest = orchestrator.deployments.pending("production", "shop").digest
        said = {"digest": digest, "decision": "approve", "reason": "", "as": "bob@example.com"}
        answer = client.post("/deployments/production/shop/decide", headers=by(OPERATOR), data=said)
        assert (answer.status_code, answer.text) == (403, "a machine decides nothing")
        assert client.get("/", headers=by(f"{TOKEN_PREFIX}nonsense")).status_code == 401


def test_dagster_is_for_people(counting, client):
    assert client.get("/dagster", headers=by(OPERATOR)).status_code == 403


def test_no_web_socket_is_opened_by_a_token(counting, client):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/dagster/graphql", headers=by(OPERATOR)),
    ):
        pass


def test_what_is_taken_out_of_the_fleet_operates_nothing_more_before_anybody_looks(counting, client, before):
    assert client.post(f"{SHOP}/sync", headers=by(OPERATOR)).status_code == 303
    counting.commit("fleet.yaml", before)
    assert client.post(f"{SHOP}/sync", headers=by(OPERATOR)).status_code == 401
    assert client.get("/", headers=by(READER)).status_code == 401


def test_what_may_more_than_was_approved_opens_nothing_until_it_is_approved(
    counting, client, before, orchestrator
):
    counting.commit("fleet.yaml", before + listed(("wallboard", READER, "operate", SOON)))
    orchestrator.fleet_repository.fetch()
    assert client.get("/", headers=by(READER)).status_code == 401
    counting.settle_rules()
    counting.approve_rules()
    orchestrator.deployments.repository.fetch()
    assert client.post(f"{SHOP}/sync", headers=by(READER)).status_code == 303


def test_whoever_takes_the_strict_environment_out_of_the_fleet_lets_no_machine_in(
    desk, client, before, orchestrator
):
    alone = before[: before.index("  - name: production")] + before[before.index("platform:") :]
    desk.commit(
        "tenants/shop/tenant.yaml",
        (desk.fleet / "tenants/shop/tenant.yaml").read_text().replace(", production", ""),
    )
    desk.commit("fleet.yaml", alone + ALL)
    desk.settle_rules()
    orchestrator.fleet_repository.fetch()
    orchestrator.deployments.repository.fetch()
    assert [each.name for each in orchestrator.fleet().environments] == ["dev"]
    assert client.get("/", headers=by(READER)).status_code == 401


@pytest.mark.parametrize("shown", ["Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Bearer", "Basic Ym9iOmJvYg=="])
def test_what_a_proxy_sends_along_is_no_token_of_ours_and_shuts_nobody_out(orchestrator, shown):
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    with TestClient(site(watch, orchestrator, None, LOOPBACK), base_url=BASE) as client:
        assert client.get("/", headers={**JSON, "authorization": shown}).status_code == 200


def test_while_the_fleet_is_out_of_reach_nobody_can_tell_who_operates(counting, client, orchestrator, caplog):
    def refuse(self: object) -> None:
        raise RemoteUnreachable("no route to the forge")

    assert client.get("/", headers=by(OPERATOR)).status_code == 200
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator.fleet_repository), "fetch", refuse)
        answer = client.post(f"{SHOP}/sync", headers=by(OPERATOR))
        assert client.post(f"{SHOP}/sync", headers=by(READER)).status_code == 403
    assert (answer.status_code, "forge" in answer.text) == (503, False)
    assert "no route to the forge" in caplog.text


def test_what_keeps_the_tokens_from_being_read_is_found_once_a_commit(counting, client, orchestrator):
    asked: list[str] = []

    def broken(self: object) -> None:
        asked.append("once")
        raise ReleaseError("somebody broke rules/production.yaml")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator), "machines", broken)
        with ThreadPoolExecutor(8) as threads:
            answers = [*threads.map(lambda _: client.get("/", headers=by(READER)), range(16))]
    assert {(each.status_code, "rules/production.yaml" in each.text) for each in answers} == {(503, False)}
    assert len(asked) == 1

"""The tour on a laptop: whoever sits there decides as the example's people, and that counts as it would."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deploy_orchestrator.git import RemoteUnreachable
from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, ActingAs, Watch, site
from tests.desk import PEOPLE, Desk

SHOP = "/deployments/production/shop"
HOME = {"origin": "http://localhost"}
JSON = {"accept": "application/json"}
BOB, ALICE = "bob@example.com", "alice@example.com"


@pytest.fixture
def orchestrator(waiting: Desk) -> Iterator[Orchestrator]:
    with waiting.orchestrator() as opened:
        yield opened


@pytest.fixture
def named(waiting: Desk, tmp_path: Path) -> Path:
    """People's keys as `init` lays them out, with their addresses; one has no private half."""
    for name in PEOPLE:
        for file in (name, f"{name}.pub"):
            shutil.copy(waiting.folder / "keys" / file, tmp_path / file)
        with (tmp_path / f"{name}.pub").open("a") as public:
            public.write(f" {name}@example.com")
    (tmp_path / "carol.pub").write_text((tmp_path / "bob.pub").read_text())
    return tmp_path


@pytest.fixture
def client(orchestrator: Orchestrator, named: Path) -> Iterator[TestClient]:
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=0.05)
    acting_as = ActingAs.of_folder(named, orchestrator)
    app = site(watch, orchestrator, None, LOOPBACK, acting_as=acting_as)
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        yield client


def digest(orchestrator: Orchestrator) -> str:
    return looked(orchestrator)["digest"]


def looked(orchestrator: Orchestrator) -> dict[str, str]:
    """What the form says of what waits, for whoever looks now."""
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return {"digest": plan.digest, "seen": plan.seen}


def closed(orchestrator: Orchestrator) -> list[str]:
    orchestrator.deployments.repository.fetch()
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return [each.key for each in orchestrator.gates(plan) if not each.passed]


def test_bob_approves_and_it_counts_with_his_key(client, orchestrator):
    page = client.get(SHOP).text
    assert re.findall(r"<option selected>(.*?)</option>", page) == [BOB]
    assert "nobody proves who they are here" in page
    said = {**looked(orchestrator), "decision": "approve", "as": BOB}
    answer = client.post(f"{SHOP}/decide", data=said, headers=HOME)
    assert (answer.status_code, answer.headers["location"]) == (303, SHOP)
    assert closed(orchestrator) == []
    (decided,) = client.get(SHOP, headers=JSON).json()["decisions"]
    assert (decided["who"], decided["void"]) == (BOB, "")
    assert decided["proved"].startswith("a commit signed with the key")


def test_an_author_may_press_it_and_is_told_that_it_does_not_count(client, orchestrator):
    said = {**looked(orchestrator), "decision": "approve", "as": ALICE}
    assert client.post(f"{SHOP}/decide", data=said, headers=HOME).status_code == 303
    assert closed(orchestrator) == ["approval"]
    assert "authors cannot approve their own change" in client.get(SHOP).text


def test_all_that_is_alike_is_rejected_at_once(client, orchestrator):
    plan = orchestrator.deployments.pending("production", "shop")
    said = {
        "environment": "production",
        "digests": f"shop:{plan.digest.removeprefix('sha256:')}:{plan.seen}",
        "decision": "reject",
        "reason": "not on a Friday",
        "as": BOB,
    }
    path = f"/changes/{plan.source.commit}"
    answer = client.post(f"{path}/decide", data=said, headers=HOME)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    believed, _ = orchestrator.decisions(plan)
    assert [(each.who, each.decision) for each in believed] == [(BOB, "reject")]


def test_the_line_is_stopped_and_started_again(client, orchestrator):
    said = {"environment": "production", "reason": "a look first", "as": BOB}
    assert client.post("/stop", data=said | {"decision": "pause"}, headers=HOME).status_code == 303
    assert "paused" in closed(orchestrator)
    assert client.post("/stop", data=said | {"decision": "resume"}, headers=HOME).status_code == 303
    assert "paused" not in closed(orchestrator)


@pytest.mark.parametrize("who", ["", "carol@example.com", "../alice"])
def test_nobody_decides_whose_key_is_not_there(client, orchestrator, who):
    said = {**looked(orchestrator), "decision": "approve", "as": who}
    assert client.post(f"{SHOP}/decide", data=said, headers=HOME).status_code == 400
    assert closed(orchestrator) == ["approval"]


def test_whom_nobody_trusts_decides_without_effect_and_that_is_told(client, orchestrator):
    said = {**looked(orchestrator), "decision": "approve", "as": "mallory@example.com"}
    assert client.post(f"{SHOP}/decide", data=said, headers=HOME).status_code == 303
    assert closed(orchestrator) == ["approval"]
    assert client.get(SHOP, headers=JSON).json()["refused"]


def test_lines_of_something_newer_stand_beside_no_button_of_what_was_seen(waiting, orchestrator, named):
    """Whoever may push to the fleet goes to and fro between two changes, to be approved for the other one."""
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, None, LOOPBACK, acting_as=ActingAs.of_folder(named, orchestrator))
    with TestClient(app, base_url="http://localhost") as client:
        seen = digest(orchestrator)
        assert f'value="{seen}"' in client.get(SHOP).text
        waiting.commit("tenants/shop/values.yaml", "greeting: harmless\n")
        waiting.ship()
        orchestrator.deployments.repository.fetch()
        page = client.get(SHOP).text
        assert digest(orchestrator) != seen
        assert (seen in page, "harmless" in page) != (True, True)
        assert "Something else waits by now" in page
        assert client.get(SHOP, headers=JSON).json()["about"] == digest(orchestrator)


def test_who_looked_before_more_was_found_in_it_looks_again(client, orchestrator):
    """The same bytes, and so the same digest: by now they are somebody else's host, or another image."""
    page = client.get(SHOP).text
    form = dict(re.findall(r'<input type="hidden" name="(digest|seen)" value="(.*?)">', page))
    deployments = orchestrator.deployments
    plan, manifests = deployments.pending("production", "shop"), deployments.manifests("production", "shop")
    found = plan.reasons[0].model_copy(update={"saw": "it takes the host of blog"})
    more = plan.model_copy(update={"reasons": (*plan.reasons, found)})
    assert deployments.propose(more, manifests, lambda *_: False).digest == plan.digest
    answer = client.post(f"{SHOP}/decide", data={**form, "decision": "approve", "as": BOB}, headers=HOME)
    assert (answer.status_code, closed(orchestrator)) == (409, ["approval"])


def test_another_sites_form_decides_as_nobody(client, orchestrator):
    said = {**looked(orchestrator), "decision": "approve", "as": BOB}
    foreign = {"origin": "http://evil.example"}
    assert client.post(f"{SHOP}/decide", data=said, headers=foreign).status_code == 403
    assert closed(orchestrator) == ["approval"]


@pytest.mark.parametrize("path", ["/decide", "/sync", "/rollback", "/changes"])
def test_while_git_is_out_of_reach_whoever_presses_a_button_is_told_so(client, orchestrator, path):
    def unreachable(_: object) -> None:
        raise RemoteUnreachable("the forge does not answer")

    seen = looked(orchestrator)
    live = orchestrator.deployments.release("production", "shop")
    plan = orchestrator.deployments.pending("production", "shop")
    assert live
    assert plan
    alike = f"shop:{plan.digest.removeprefix('sha256:')}:{plan.seen}"
    said = {
        "/decide": {**seen, "decision": "approve", "as": BOB},
        "/rollback": {"reason": "no", "now": live.commit},
        "/changes": {"environment": "production", "digests": alike, "decision": "approve", "as": BOB},
    }
    place = f"/changes/{plan.source.commit}/decide" if path == "/changes" else f"{SHOP}{path}"
    with pytest.MonkeyPatch.context() as patch:
        for repository in (orchestrator.fleet_repository, orchestrator.deployments.repository):
            patch.setattr(type(repository), "fetch", unreachable)
        answer = client.post(place, data=said.get(path, {}), headers=HOME)
    assert (answer.status_code, "the forge does not answer" in answer.text) == (503, True)
    assert closed(orchestrator) == ["approval"]

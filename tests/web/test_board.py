"""The board over a small fleet: one change waits for an approval in production, and the rest is live."""

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import RemoteUnreachable
from deploy_orchestrator.pipeline import Orchestrator, Overview, State, look
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import (
    LOOPBACK,
    ActingAs,
    Built,
    ChartTable,
    Clash,
    Person,
    Role,
    SurveyPage,
    Watch,
    known_as,
    site,
)
from deploy_orchestrator.web.board import audit, board, pages
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of

JSON = {"accept": "application/json"}
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def orchestrator(waiting: Desk) -> Iterator[Orchestrator]:
    with waiting.orchestrator() as opened:
        yield opened


@pytest.fixture
def client(orchestrator: Orchestrator) -> Iterator[TestClient]:
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=0.05)
    with TestClient(site(watch, orchestrator, None, LOOPBACK), base_url="http://localhost") as client:
        yield client


def test_what_waits_for_somebody_is_told_first(client):
    page = client.get("/").text
    assert "needs approval" in page
    assert page.index("production/shop") < page.index("Deployments")
    said = client.get("/", headers=JSON).json()
    ((waits,),) = said["attention"]
    assert waits["tenant"] == "shop"
    assert [gate["key"] for gate in waits["waiting"]["closed"]] == ["approval"]


def test_each_deployment_tells_its_chart_commit_and_state(client):
    said = {
        f"{each['environment']}/{each['tenant']}": each
        for each in client.get("/", headers=JSON).json()["deployments"]
    }
    assert list(said) == ["dev/blog", "dev/shop", "production/shop"]
    assert {each["state"] for each in said.values()} == {"live"}
    assert "status" not in said["dev/shop"]
    chart = said["dev/shop"]["release"]["chart"]
    assert (chart["name"], chart["version"]) == ("app", "0.1.0")
    assert "tenants/shop/values.yaml" in said["dev/shop"]["subject"]


def test_a_deployments_page_has_reasons_gates_the_lines_that_change_and_history(client):
    answer = client.get("/deployments/production/shop")
    said = client.get("/deployments/production/shop", headers=JSON).json()
    rules = [each["rule"] for each in said["waiting"]["plan"]["reasons"]]
    assert rules
    command = "deploy-orchestrator approve production shop"
    for part in (*rules, "approval", "shop-legacy", "History", command):
        assert part in answer.text
    assert "-  greeting: hi" in said["diff"]
    assert [each["event"]["kind"] for each in said["history"]] == ["release"]


def test_a_page_runs_nothing_but_its_own_and_stands_in_no_frame(client):
    headers = client.get("/").headers
    assert headers["content-security-policy"] == "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    assert client.get("/static/board.js").headers["x-content-type-options"] == "nosniff"


def test_who_is_asked_for_alone_is_shown_alone(client):
    page = client.get("/", params={"environment": "dev", "tenant": "blo"}).text
    table = page[page.index("<tbody>") :]
    assert "dev/blog" in table
    assert "dev/shop" not in table


def test_tenants_are_rows_and_environments_columns_in_the_order_of_promotion(client):
    page = client.get("/").text
    table = page[page.index("<thead>") :]
    assert table.index(">Tenant<") < table.index(">dev<") < table.index(">production<")
    rows = [row.count("<td") for row in table.split("<tr>")[2:]]
    assert rows == [2, 2]


def test_what_waits_for_somebody_is_shown_alone_and_tenants_stand_together_by_chart(client):
    page = client.get("/", params={"state": "waits for somebody", "by": "chart"}).text
    table = page[page.index("<thead>") :]
    assert "/deployments/production/shop" in table
    assert "/deployments/dev/shop" not in table
    assert 'class="group">app<' in table


def test_tenants_stand_together_by_wave_in_the_order_of_waves(waiting):
    text = (waiting.fleet / "fleet.yaml").read_text()
    waves = "\n      waves: [{tenants: [shop]}, {tenants: [blog]}]\n      approval:\n"
    waiting.commit("fleet.yaml", text.replace("\n      approval:\n", waves))
    with waiting.orchestrator() as opened:
        watch = Watch(lambda: look(opened, Settings().home), seconds=3600)
        with TestClient(site(watch, opened, None, LOOPBACK), base_url="http://localhost") as client:
            page = client.get("/", params={"by": "wave"}).text
    order = [page.index(each) for each in ('class="group">wave 1<', "/tenants/shop", 'class="group">wave 2<')]
    assert order == sorted(order)
    assert page.rindex("/tenants/blog") > order[-1]


def test_what_is_misspelt_is_told_and_not_answered_as_if_it_were_nothing(client):
    for path in ("/?enviroment=dev", "/figures?days=3", "/audit?days=-1"):
        assert client.get(path, headers=JSON).status_code == 400, path
    answer = client.post("/deployments/dev/%C3%AA/sync")
    assert (answer.status_code, answer.text.partition(":")[0]) == (404, "tenant")


def test_what_waits_says_who_may_approve_it_and_why_it_has_to_be(client):
    page = client.get("/").text
    waits = page[page.index("Needs somebody") : page.index("<thead>")]
    assert "bob@example.com" in waits
    ((found,),) = client.get("/", headers=JSON).json()["attention"]
    grave = next(each for each in found["waiting"]["plan"]["reasons"] if each["severity"] != "safe")
    assert f"{grave['rule']}: {grave['object']}: {grave['saw']}" in waits
    assert found["waiting"]["people"] == ["bob@example.com"]
    assert "tenants/shop/values.yaml" in found["waiting"]["subject"]


def test_an_open_page_asks_for_what_changes_of_it_alone(client):
    part = client.get("/", headers={"X-Part": "shown"}).text
    assert part.lstrip().startswith("<main>")
    assert "<header>" not in part
    assert "<header>" in client.get("/").text


def test_whoever_opens_the_board_sees_what_others_see_under_their_own_name(orchestrator):
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    inner = Starlette(routes=board(watch, orchestrator), lifespan=lambda _: watch.running())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        who = Headers(scope=scope).get("x-who", "") if scope["type"] == "http" else ""
        await inner(known_as(scope, Person(who, who, Role.SEES, email=who)), receive, send)

    people = ("alice@example.com", "bob@example.com", "<main>")
    with TestClient(app, base_url="http://localhost") as client:
        packed, plain = (
            [client.get("/", headers={"x-who": who, "accept-encoding": coding}) for who in people]
            for coding in ("gzip", "identity")
        )
    assert [each.headers.get("content-encoding") for each in (*packed, *plain)] == ["gzip"] * 3 + [None] * 3
    assert [each.text for each in packed] == [each.text for each in plain]
    alice, bob, strange = (each.text for each in packed)
    shown = [each[each.index("<main>") :] for each in (alice, bob, strange)]
    assert shown[0] == shown[2] != shown[1]
    assert [each.count("waits for you") for each in shown] == [0, 1, 0]
    assert [each.count("<span>alice@example.com</span>") for each in (alice, bob, strange)] == [1, 0, 0]
    assert "<span>&lt;main&gt;</span>" in strange
    assert alice.rstrip().endswith("</html>")


def test_the_figures_of_what_was_released_are_on_a_page_of_their_own(client):
    page = client.get("/figures").text
    assert "4 deployments in 30 days" in page
    assert page.index("By environment") < page.index("production") < page.index("By tenant")
    said = client.get("/figures", headers=JSON).json()
    assert said["all"]["deployments"] == 4
    assert said["tenants"]["shop"]["lead_time"]["count"] == 3


def test_what_keeps_each_release_apart_is_on_a_page_of_its_own(client):
    page = client.get("/isolation").text
    said = client.get("/isolation", headers=JSON).json()
    assert [f"{each['environment']}/{each['tenant']}" for each in said["certificates"]] == [
        "dev/blog",
        "dev/shop",
        "production/shop",
    ]
    for each in said["certificates"]:
        assert each["kept"] == len(said["checks"])
        assert each["release"][:8] in page
    assert f"{len(said['checks'])} of {len(said['checks'])}" in page


def test_what_keeps_releases_apart_cannot_be_told_of_a_broken_fleet_and_the_page_says_why(waiting, client):
    waiting.commit("fleet.yaml", "environments: no\n")
    _until(client, lambda said: bool(said["troubles"]))
    assert "fleet.yaml" in client.get("/isolation").text
    said = client.get("/isolation", headers=JSON).json()
    assert said["certificates"] == []
    assert said["troubles"]


def test_a_deployment_shows_what_is_live_and_where_else_to_look(client):
    page = client.get("/deployments/dev/blog").text
    said = client.get("/deployments/dev/blog", headers=JSON).json()
    assert "ConfigMap blog-dev/blog" in said["objects"]
    assert said["status"]["operation"]["phase"] == "Succeeded"
    for part in ("ConfigMap blog-dev/blog", "Last sync Succeeded", "/tenants/blog", "partition=dev%7Cblog"):
        assert part in page


def test_a_page_of_one_deployment_reads_the_fleet_once(client, orchestrator):
    read, fleet = [], type(orchestrator).fleet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator), "fleet", lambda self, *asked: read.append(1) or fleet(self, *asked))
        client.get("/deployments/production/shop")
    assert len(read) == 1


def test_a_tenant_has_all_its_environments_and_what_happened_in_them(client):
    said = client.get("/tenants/shop", headers=JSON).json()
    assert [each["environment"] for each in said["standings"]] == ["dev", "production"]
    assert sorted(each["environment"] for each in said["timeline"]) == ["dev", "dev", "production"]
    page = client.get("/tenants/shop").text
    assert "live after" in page
    assert page.index("What happened") < page.index("by alice@example.com")
    assert client.get("/tenants/nobody").status_code == 404


def test_a_change_is_shown_on_its_way_with_where_it_waits_and_where_it_is(client):
    standing = client.get("/deployments/production/shop", headers=JSON).json()
    commit = standing["waiting"]["plan"]["source"]["commit"]
    said = client.get(f"/changes/{commit}", headers=JSON).json()
    assert [each["environment"] for each in said["waiting"]] == ["production"]
    assert [(each["environment"], each["tenant"]) for each in said["released"]] == [("dev", "shop")]
    page = client.get(f"/changes/{commit}").text
    assert f"deploy-orchestrator approve production --commit {commit[:8]}" in page
    assert client.get(f"/changes/{commit[:8]}", headers=JSON).json() == said
    for wrong in ("1" * 40, "1" * 8, "main", commit[:7]):
        assert client.get(f"/changes/{wrong}").status_code == 404


def test_the_audit_tells_who_did_what_and_gives_it_as_csv(waiting, orchestrator, client):
    answer = waiting.run("approve", "production", "shop", "-m", "=HYPERLINK(1)", *waiting.as_("bob"))
    assert answer.code == 0
    orchestrator.deployments.repository.fetch()
    said = client.get("/audit", headers=JSON).json()
    assert (said[0]["what"], said[0]["who"], said[0]["why"]) == (
        "approve",
        "bob@example.com",
        "=HYPERLINK(1)",
    )
    assert [each["what"] for each in said[1:]] == ["release"] * 4
    text = client.get("/audit", params={"format": "csv"})
    assert text.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert rows[0]["why"] == "'=HYPERLINK(1)"
    assert [row["commit"] for row in rows] == [each["commit"] for each in said]
    assert "bob@example.com" in client.get("/audit").text
    for wrong in ("0", "x", "-1", "99999", "²"):
        assert client.get("/audit", params={"days": wrong}).status_code == 400


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        ("=1", "'=1"),
        ("x;=1", "x;'=1"),
        ("x; =1", "x; '=1"),
        ('x;"@SUM(1)', "x;\"'@SUM(1)"),
        ("x\n+1", "x\n'+1"),
        ("\uff1d1", "'\uff1d1"),
        ("\tx", "'\tx"),
        ("a - b = c", "a - b = c"),
    ],
)
def test_no_cell_begins_as_a_formula_where_a_semicolon_ends_cells_either(said, cell):
    row = audit.Entry(MOMENT, "bob", "approve", "dev", "shop", "0" * 40, "1" * 40, said)
    (read,) = csv.DictReader(io.StringIO(audit.as_csv([row]), newline=""))
    assert read["why"] == cell


OWN = {"origin": "http://localhost"}


def test_whoever_operates_puts_back_what_was_changed_by_hand(waiting, client):
    (live,) = (waiting.folder / ".local/state/sandbox/here/blog-dev").glob("ConfigMap.*.blog.yaml")
    live.write_text(live.read_text().replace("hello", "by hand"))
    answer = client.post("/deployments/dev/blog/sync", headers=OWN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/deployments/dev/blog")
    assert "hello" in live.read_text()
    assert client.post("/deployments/dev/nobody/sync", headers=OWN).status_code == 404
    assert client.get("/deployments/dev/blog/sync").status_code == 405


def test_a_rollback_shows_its_lines_first_and_goes_back_with_a_reason(orchestrator, client):
    page = client.get("/deployments/dev/shop/rollback")
    assert page.status_code == 200
    assert "+  greeting: hi" in page.text
    said = client.get("/deployments/dev/shop/rollback", headers=JSON).json()
    now = said["now"]["commit"]
    assert said["undoes"] == [now]
    first = orchestrator.deployments.history("dev", "shop")[-1].commit
    assert client.get("/deployments/dev/shop", headers=JSON).json()["ways"] == [first]
    shown = client.get("/deployments/dev/shop").text
    assert f'</a> <a href="/deployments/dev/shop/rollback?to={first}' in re.sub(r"\s+", " ", shown)

    def go(**said: str) -> int:
        return client.post(
            "/deployments/dev/shop/rollback", data=said, headers=OWN, follow_redirects=False
        ).status_code

    assert go(now=now, reason="") == 400
    assert go(now="1" * 40, reason="worse") == 409
    assert go(now=now, reason="worse", to="nonsense") == 400
    assert orchestrator.deployments.release("dev", "shop").commit == now
    assert go(now=now, reason="worse") == 303
    assert go(now=now, reason="worse") == 409
    back = orchestrator.deployments.history("dev", "shop")[0]
    assert (back.kind, back.reason) == ("revert", "worse")
    assert client.get("/deployments/dev/shop", headers=JSON).json()["ways"] == []
    assert client.get("/deployments/dev/blog/rollback").status_code == 409


def test_lines_stand_side_by_side_for_whoever_wants_them_so(client):
    page = client.get("/deployments/production/shop", params={"lines": "side"}).text
    assert re.search(r'<td class="removed">-  greeting: hi</td><td class="added"></td>', page)
    assert client.get("/deployments/production/shop", params={"lines": "sideways"}).status_code == 400
    back = client.get("/deployments/dev/shop/rollback", params={"lines": "side"}).text
    assert '<td class="removed"></td><td class="added">+  greeting: hi</td>' in back


def test_a_release_whose_versions_clash_shows_where_and_a_drawing_that_runs_nothing(orchestrator):
    row = ("common", "harmful", "a wants common ~1, b wants common ~2", "b 2.9.4")
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    clash = Clash(ChartTable(("clash on", "harm", "why", "way out"), (row,)), drawing)
    survey = SurveyPage(
        Built(MOMENT, ChartTable(), ChartTable(), ChartTable(), ChartTable()), b"", {"production/shop": clash}
    )
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, None, LOOPBACK, surveyed=lambda: survey)
    with TestClient(app, base_url="http://localhost") as client:
        page = client.get("/deployments/production/shop").text
        assert row[2] in page
        picture = client.get("/deployments/production/shop/clash.svg")
        assert (picture.content, picture.headers["content-type"]) == (drawing, "image/svg+xml")
        assert "default-src 'none'" in picture.headers["content-security-policy"]
        assert "Versions clash" not in client.get("/deployments/dev/shop").text
        assert client.get("/deployments/dev/shop/clash.svg").status_code == 404


def test_pages_say_in_a_line_why_no_newer_survey_is_known_and_are_shown(orchestrator):
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, None, LOOPBACK, surveyed=lambda: SurveyPage(trouble="it is <away>"))
    with TestClient(app, base_url="http://localhost") as client:
        for path in ("/deployments/production/shop", "/charts"):
            page = client.get(path)
            assert page.status_code == 200
            assert page.text.count("it is &lt;away&gt;") == 1
        told = client.get("/charts", headers=JSON)
    assert (told.status_code, told.text) == (503, "it is <away>")


def test_what_there_is_not_is_not_found(client):
    assert client.get("/deployments/production/nobody").status_code == 404
    strange = client.get("/deployments/production/<script>")
    assert (strange.status_code, strange.headers["content-type"]) == (404, "text/plain; charset=utf-8")


def test_what_people_wrote_is_shown_as_text(waiting, orchestrator, client):
    waiting.commit("tenants/shop/values.yaml", "legacy: false\n# <script>alert(1)</script>\n")
    sandbox_of(orchestrator).degrade("dev", "shop", "<script>alert(2)</script>")
    seen = _until(client, lambda said: said["attention"][0][0]["state"] == "degraded")
    assert seen
    assert "<script>alert" not in client.get("/").text + client.get("/deployments/dev/shop").text


def test_signs_that_turn_text_around_are_spelled_out(orchestrator, client):
    sandbox_of(orchestrator).degrade("dev", "shop", "\u202emoc.elpmaxe@bob \x1b[31m")
    assert _until(client, lambda said: said["attention"][0][0]["state"] == "degraded")
    for page in (client.get("/").text, client.get("/deployments/dev/shop").text):
        assert "\\u202emoc.elpmaxe@bob \\x1b[31m" in page
        assert "\u202e" not in page


def test_what_is_broken_comes_before_what_waits(orchestrator, client):
    sandbox_of(orchestrator).degrade("dev", "blog", "it is on fire")
    said = _until(client, lambda said: len(said["attention"]) == 2)
    assert [group[0]["tenant"] for group in said["attention"]] == ["blog", "shop"]
    assert "it is on fire" in client.get("/").text


def test_a_broken_fleet_is_told_beside_what_is_released(waiting, client):
    waiting.commit("fleet.yaml", "environments: no\n")
    said = _until(client, lambda said: bool(said["troubles"]))
    assert said["troubles"][0].startswith("fleet.yaml")
    assert len(said["deployments"]) == 3


def test_a_change_of_the_rules_waits_where_people_look_first(waiting, orchestrator, client):
    orchestrator.settle_rules()
    known, key = waiting.fleet / "allowed_signers", waiting.folder / "keys/mallory.pub"
    waiting.commit("allowed_signers", f"{known.read_text()}mallory@example.com {key.read_text()}")
    text = (waiting.fleet / "fleet.yaml").read_text()
    waiting.commit(
        "fleet.yaml", text.replace("approvers: [alice@", "approvers: [mallory@example.com, alice@")
    )
    said = _until(client, lambda said: bool(said["rules"]))
    assert [each["environment"] for each in said["rules"]] == ["production"]
    assert "mallory@example.com" in " ".join(said["rules"][0]["differences"])
    page = client.get("/").text
    assert "deploy-orchestrator approve production --rules" in page
    assert page.index("rules") < page.index("0 added")


def test_a_stopped_line_is_told(waiting, client):
    answer = waiting.run(
        "pause", "production", "--reason", "a look first", "--as", "bob@example.com", "--key", "keys/bob"
    )
    assert answer.code == 0, answer.errors
    said = _until(client, lambda said: bool(said["paused"]))
    assert "a look first" in said["paused"][0]
    assert "a look first" in client.get("/").text


def test_while_a_line_is_stopped_no_page_of_the_board_reads_the_fleet_and_all_share_what_changes(
    waiting, orchestrator
):
    answer = waiting.run("pause", "production", "--reason", "a look first", *waiting.as_("bob")[:-1])
    assert answer.code == 0, answer.errors
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    acting = ActingAs({"bob@example.com": waiting.folder / "keys/bob"}, orchestrator)
    part = {"x-part": "shown", "accept-encoding": "gzip"}
    with (
        TestClient(
            site(watch, orchestrator, None, LOOPBACK, None, acting), base_url="http://localhost"
        ) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("fleet", "rules"):
            patch.setattr(type(orchestrator), name, lambda *_: pytest.fail("the fleet was read"))
        pages = [client.get("/", headers=part) for _ in range(2)]
    assert [(each.status_code, each.headers["content-encoding"]) for each in pages] == [(200, "gzip")] * 2
    assert all("Resume</button>" in each.text and "</header>" not in each.text for each in pages)
    assert pages[0].headers["vary"] == "X-Part, Accept-Encoding"


def test_whoever_cannot_look_says_so_and_shows_what_was_seen_last(client, orchestrator):
    def unreachable(_: object) -> Overview:
        raise RemoteUnreachable("the forge does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator.fleet_repository), "fetch", unreachable)
        said = _until(client, lambda said: bool(said["trouble"]))
    assert "the forge does not answer" in said["trouble"]
    assert len(said["deployments"]) == 3
    assert _until(client, lambda said: not said["trouble"])


def test_a_look_that_breaks_is_told_and_the_next_one_is_made(client, orchestrator):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator), "live", lambda _: 1 / 0)
        said = _until(client, lambda said: bool(said["trouble"]))
    assert "ZeroDivisionError" in said["trouble"]
    assert _until(client, lambda said: not said["trouble"])


def test_whoever_has_the_board_open_hears_of_what_is_new():
    seen = [State.LIVE]

    def looked() -> Overview:
        if seen[0] is State.UNKNOWN:
            raise OrchestratorError("no")
        return Overview(MOMENT, "", (str(seen[0]),), (), ())

    async def heard() -> list[int]:
        watch = Watch(looked, seconds=0.01)
        async with watch.running():
            first = watch.version
            seen[0] = State.DEGRADED
            second = await asyncio.wait_for(watch.after(first), 60)
            seen[0] = State.UNKNOWN
            third = await asyncio.wait_for(watch.after(second), 60)
            return [first, second, third]

    versions = asyncio.run(heard())
    assert versions == sorted(set(versions))


def test_whoever_listens_for_news_is_asked_anew_who_they_are_after_a_while(client, monkeypatch):
    monkeypatch.setattr(pages, "LISTENING_SECONDS", 0.5)
    monkeypatch.setattr(pages, "_HEARTBEAT_SECONDS", 0.1)
    assert "still here" in client.get("/events").text


def _until(client, true):
    for _ in range(1200):
        said = client.get("/", headers=JSON).json()
        if true(said):
            return said
        client.portal.call(asyncio.sleep, 0.05)
    raise AssertionError("it was never told")

"""What programs ask of the board: the document says it all, and what is answered is what it says."""

import operator
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from deploy_orchestrator.identity import new_token, token_hash
from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import (
    LOOPBACK,
    Built,
    ChartTable,
    SignIn,
    SignInFile,
    SurveyPage,
    Watch,
    site,
    site_server,
)
from tests.desk import Desk, copied, inside
from tests.web.serving import serving

TOKEN = new_token()
LISTED = (
    f"tokens: [{{name: tests, hash: '{token_hash(TOKEN)}', may: operate, expires: '2100-01-01T00:00:00Z'}}]\n"
)
HEADERS = {"accept": "application/json", "authorization": f"Bearer {TOKEN}"}
NEEDS = ChartTable(("chart", "needs", "on"), (("app", "<b>library</b>", True), ("app", "cache", False)))
BUILT = Built(datetime(2026, 3, 2, tzinfo=UTC), NEEDS, ChartTable(), ChartTable(), ChartTable())
EXAMPLES = 20
SUPPRESSED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory: pytest.TempPathFactory, held: Desk) -> Iterator[Orchestrator]:
    """A change waits, and fleet.yaml lists a token that was approved."""
    desk = copied(held, tmp_path_factory.mktemp("programs"))
    with inside(desk.folder):
        desk.commit("fleet.yaml", (desk.fleet / "fleet.yaml").read_text() + LISTED)
        desk.settle_rules()
        desk.approve_rules()
        with desk.orchestrator() as opened:
            yield opened


@pytest.fixture(scope="module")
def address(orchestrator: Orchestrator) -> Iterator[str]:
    """Where the board is served to people who sign in, and to who shows the token."""
    acme = {"name": "acme", "issuer": "https://login.example.com", "client": "ours"}
    file = SignInFile.model_validate({"url": "http://localhost:3000", "issuers": [acme]})
    sign_in = SignIn(file, {}, b"a key that signs the cookies of these tests", Internet(ANYWHERE))
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, None, LOOPBACK, sign_in, None, lambda: SurveyPage(BUILT, b"<svg/>"))
    with serving(site_server(app, "127.0.0.1", 0)) as url:
        yield url


@pytest.fixture(scope="module")
def told(address: str) -> Any:
    """The document."""
    return httpx.get(f"{address}/openapi.json", headers=HEADERS).raise_for_status().json()


def real(orchestrator: Orchestrator) -> dict[str, str]:
    """What there is, by the name of the parameter that asks for it."""
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return {"environment": "production", "tenant": "shop", "commit": plan.source.commit}


def test_every_answer_is_what_the_document_says(address, told, orchestrator):
    answered = []
    for path, methods in told["paths"].items():
        if "get" not in methods or path.endswith("/rollback"):
            continue
        answer = httpx.get(
            f"{address}{path.format(**real(orchestrator))}", headers=HEADERS
        ).raise_for_status()
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.validator_for(
            {**schema, "components": told["components"]}, validate_formats=True
        )
        assert [str(each) for each in validator.iter_errors(answer.json())] == [], path
        answered.append(path)
    assert len(answered) == 8


def test_every_page_of_the_board_is_in_the_document(address, told):
    page = httpx.get(address, headers={**HEADERS, "accept": "text/html"}).text
    pages = {
        each.partition('"')[0]
        for each in page.split('<nav aria-label="Pages">')[1].split("</nav>")[0].split('href="')[1:]
    }
    assert pages - {"/dagster"} <= set(told["paths"])


def test_the_document_names_whom_it_is_for(told):
    assert told["security"] == [{"token": []}]
    assert told["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


def test_people_read_the_same_as_a_page(address, told):
    page = httpx.get(f"{address}/programs", headers={**HEADERS, "accept": "text/html"}).text
    for path in told["paths"]:
        assert f" {path}</code></h2>" in page
    for name in told["components"]["schemas"]:
        assert f'id="{name}"' in page


def test_a_page_shows_what_the_fleet_is_built_on(address):
    page = httpx.get(f"{address}/charts", headers={**HEADERS, "accept": "text/html"}).text
    assert "&lt;b&gt;library&lt;/b&gt;" in page
    assert "No versions clash." in page
    graph = httpx.get(f"{address}/charts/graph.svg", headers=HEADERS)
    assert (graph.content, graph.headers["content-type"]) == (b"<svg/>", "image/svg+xml")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_nothing_that_programs_invent_is_answered_otherwise_than_the_document_says(
    address, told, orchestrator, mode
):
    """But for what a reason may be, which no pattern says."""
    if mode is GenerationMode.NEGATIVE:
        # The token is shown each time, so that none may be invented or left out.
        told = {name: part for name, part in told.items() if name != "security"}
    schema = schemathesis.openapi.from_dict(told)
    schema.config.update(base_url=address)
    there, answers = real(orchestrator), Counter[int]()
    for operation in map(operator.methodcaller("ok"), schema.get_all_operations()):
        if (
            mode is GenerationMode.NEGATIVE
            and not told["paths"][operation.path][operation.method]["parameters"]
        ):
            continue

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
        def asked(case: schemathesis.Case) -> None:
            if mode is GenerationMode.POSITIVE and answers.total() % 2:
                case.path_parameters.update({each: there[each] for each in case.path_parameters})
            shown = {"Accept": "application/json", "Authorization": f"Bearer {TOKEN}"}
            unsaid = [positive_data_acceptance] if case.method == "POST" else []
            answers[case.call_and_validate(headers=shown, excluded_checks=unsaid).status_code] += 1

        asked()
    assert answers[404], answers
    assert answers[200] if mode is GenerationMode.POSITIVE else answers[400], answers

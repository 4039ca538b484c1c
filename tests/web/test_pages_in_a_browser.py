"""Every page of the board in a real browser: axe-core finds nothing, and none is wider than the screen."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser

from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, Built, ChartTable, Clash, SurveyPage, Watch, site, site_server
from tests.axe import findings
from tests.chromium import chromium, needs_chromium
from tests.desk import Desk, inside
from tests.pipeline.conftest import sandbox_of
from tests.web.serving import serving

pytestmark = needs_chromium
PAGES = (
    "/",
    "/?environment=dev&tenant=blo",
    "/?state=broken&by=chart",
    "/deployments/production/shop",
    "/deployments/production/shop?lines=side",
    "/deployments/dev/blog",
    "/deployments/dev/shop/rollback",
    "/deployments/dev/shop/rollback?lines=side",
    "/tenants/shop",
    "/tenants/blog",
    "/changes/{waiting}",
    "/audit",
    "/figures",
    "/isolation",
    "/charts",
    "/programs",
)
CONFLICT = (
    "app 0.1.0",
    "common",
    "harmful",
    "a 1.2.0 wants common ~1, b 3.1.0 wants common ~2 " * 5,
    "b 2.9.4",
    "dev/shop and 12 more",
)
SURVEY = SurveyPage(
    Built(
        at=datetime(2026, 3, 2, tzinfo=UTC),
        needs=ChartTable(
            ("chart", "needs", "constraint", "when", "on"), (("app 0.1.0", "common", "~1.2", "", True),) * 9
        ),
        conflicts=ChartTable(("chart", "clash on", "harm", "why", "way out", "for"), (CONFLICT,)),
        outdated=ChartTable(
            ("chart", "dependency", "constraint", "now", "allowed", "newest", "highest safe", "for"),
            (("app 0.1.0", "postgresql", "~12", "12.1.2", "12.12.10", "18.0.1", "12.12.10", "dev/shop"),) * 3,
        ),
        unknown=ChartTable(),
    ),
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1800" height="300"/>',
    {
        "production/shop": Clash(
            ChartTable(("clash on", "harm", "why", "way out"), (CONFLICT[1:5],)),
            b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="300"/>',
        )
    },
)
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory: pytest.TempPathFactory, held: Desk) -> Iterator[Orchestrator]:
    """A change waits, a release was reverted, one is unhealthy, and the line is stopped."""
    folder = tmp_path_factory.mktemp("walked")
    shutil.copytree(
        held.folder, folder, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns("clones")
    )
    desk = Desk(folder)
    with inside(folder):
        desk.commit("tenants/blog/values.yaml", f"greeting: {'a-rather-long-word-' * 12}\n")
        desk.ship()
        for arguments in (
            ("rollback", "dev", "blog", "-m", "worse than before"),
            ("sandbox", "degrade", "dev", "blog", "-m", f"Pod blog-dev/blog: {'crash' * 30}"),
            ("pause", "production", "-m", "a look first", *desk.as_("bob")[:-1]),
        ):
            answer = desk.run(*arguments)
            assert answer.code == 0, answer.errors
        with desk.orchestrator() as opened:
            assert sandbox_of(opened)
            yield opened


@pytest.fixture(scope="module")
def address(orchestrator: Orchestrator) -> Iterator[str]:
    """Where the board is served, as it was seen once."""
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=3600)
    app = site(watch, orchestrator, None, LOOPBACK, surveyed=lambda: SURVEY)
    with serving(site_server(app, "127.0.0.1", 0)) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("width", [400, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_the_screen(
    browser: Browser, address: str, orchestrator: Orchestrator, scheme: str, width: int
) -> None:
    waiting = orchestrator.deployments.pending("production", "shop")
    assert waiting is not None
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    ) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        for path in PAGES:
            answer = page.goto(address + path.format(waiting=waiting.source.commit))
            assert answer is not None
            assert answer.status == 200, path
            assert findings(page) == [], path
            assert page.evaluate(OVERHANG) <= 0, path
        assert said == []


def test_a_page_is_worked_by_keyboard_alone(browser: Browser, address: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/deployments/dev/shop")
        reached: set[str] = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        assert {"Sync", "Roll back …", "shop in all its environments"} <= reached

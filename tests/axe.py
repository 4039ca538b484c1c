"""What axe-core, which knows what people with screen readers and keyboards meet, has against a page."""

from playwright.sync_api import Page

from tests.openid import node_modules

_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  each => each.id + ": " + each.nodes.map(node => node.html.slice(0, 200)).join(" | "))"""


def findings(page: Page) -> list[str]:
    """What it finds on the page as it is shown now."""
    page.evaluate((node_modules() / "axe-core/axe.min.js").read_text())
    return page.evaluate(_RUN)

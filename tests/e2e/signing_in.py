"""What a person of Gitea does in a browser to be known to the board."""

from playwright.sync_api import Page, expect
from rig import User


def sign_in(page: Page, address: str, user: User) -> None:
    page.goto(address)
    page.get_by_role("button", name="gitea").click()
    page.locator("input[name=user_name]").fill(user.name)
    page.locator("input[name=password]").fill(user.password)
    page.locator("input[name=password]").press("Enter")
    consent(page)


def consent(page: Page) -> None:
    """Let the board know who one is; Gitea asks once for each client."""
    asked = page.locator("#authorize-app")
    expect(asked.or_(page.locator("#shown, .trouble")).first).to_be_visible()
    if asked.count():
        asked.click()

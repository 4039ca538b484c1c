"""The tutorial's pictures of the board, taken of a `make run` that has come to where the tutorial shows them.

python -m reference.pictures http://127.0.0.1:3000
"""

import shutil
import sys
from typing import Final

from playwright.sync_api import sync_playwright

from reference import FOLDER

WIDTH: Final = 1000
PICTURES: Final = {
    "board-now": ("/", 720),
    "board-approve": ("/deployments/production/analytics", 800),
    "board-charts": ("/charts", 560),
}
"""By name the page, and how much of its height is shown."""


def main(board: str) -> None:
    """Take all of them, in light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (path, height) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": WIDTH, "height": height}, color_scheme="light", reduced_motion="reduce"
            )
            page.goto(board + path)
            page.screenshot(path=FOLDER / "pictures" / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1])

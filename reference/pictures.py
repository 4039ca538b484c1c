"""The pictures of board and Dagster, taken of a `make run` that has come to where the tutorial shows them.

python -m reference.pictures http://127.0.0.1:3000
"""

import shutil
import sys
from typing import Final, NamedTuple

from playwright.sync_api import sync_playwright

from reference import FOLDER

GROUPS: Final = ("charts", "manifests", "images", "releases", "delivery")
ONE: Final = "?view=partitions&partition=production%7Canalytics"


class _Picture(NamedTuple):
    """The page at `path`, as much of it as is seen in a window, once it shows a text."""

    path: str
    width: int
    height: int
    shows: str


PICTURES: Final = {
    "board-now": _Picture("/", 1000, 720, "Needs somebody"),
    "board-approve": _Picture("/deployments/production/analytics", 1000, 800, "What stands in its way"),
    "board-charts": _Picture("/charts", 1000, 860, "What needs what"),
    "lineage": _Picture(
        f"/dagster/asset-groups?expanded={','.join(f'global@global:{each}' for each in GROUPS)}",
        1900,
        1320,
        "rendered_manifests",
    ),
    "change-plan": _Picture(f"/dagster/assets/change_plan{ONE}", 1600, 1000, "activeDeadlineSeconds: 900"),
}
"""By name. Each page of Dagster gets `SETTLES` milliseconds more for what it asks for one after the other."""

SETTLES: Final = 10_000
SECONDS: Final = 60


def main(board: str) -> None:
    """Take all of them, in light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, picture in PICTURES.items():
            page = browser.new_page(
                viewport={"width": picture.width, "height": picture.height},
                color_scheme="light",
                reduced_motion="reduce",
            )
            page.goto(board + picture.path)
            page.get_by_text(picture.shows).first.wait_for(timeout=SECONDS * 1000)
            if picture.path.startswith("/dagster"):
                page.wait_for_timeout(SETTLES)
            page.screenshot(path=FOLDER / "pictures" / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1])

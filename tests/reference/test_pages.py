"""The pages that are made from the code are what the code says."""

import pytest

from reference import FOLDER, PAGES


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_what_the_code_says(path: str) -> None:
    assert (FOLDER / path).read_text() == PAGES[path](), "run: make docs"

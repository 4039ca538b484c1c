"""No link in the Markdown of this repository is dead: neither a file nor a heading."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for place in ("*.md", ".github/**/*.md", "docs/**/*.md", "examples/**/*.md", "tests/data/*.md")
    for page in ROOT.glob(place)
)
MARKDOWN = MarkdownIt("commonmark").enable("table")


@cache
def tokens(page: Path) -> list[Token]:
    return MARKDOWN.parse(page.read_text())


def links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        for part in token.children or ():
            target = part.attrGet("href") or part.attrGet("src")
            if isinstance(target, str):
                yield target


@cache
def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    of = tokens(page)
    headings = [of[number + 1] for number, token in enumerate(of) if token.type == "heading_open"]
    texts = ("".join(part.content for part in heading.children or ()) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES)
def test_no_link_is_dead(page: str) -> None:
    dead: list[str] = []
    for link in links(ROOT / page):
        path, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead

"""Nothing that somebody else wrote gets out of where it is put, as a real parser reads it."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from deploy_orchestrator.markdown import code, fence, link, table, text

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LIVE = re.compile(r"(?<![^\W_])(?:@[\w-]|www\.|GH-\d)|https?://|#\d", re.IGNORECASE)
"""What forges and Dagster make of plain text: mentions, links and references."""

HOSTILE = st.lists(
    st.sampled_from(
        [
            *"`|\\@#*_~$[]()<>!&;:.-+=1ax \n\r\t\v\x00\x1b\u2028\u202e\u200b",
            "@acme",
            "https://evil.example",
            "www.evil.example",
            "[a](https://evil.example)",
            "![a](b)",
            "<b>",
            "</details>",
            "<!--",
            "&commat;acme",
            "&#64;acme",
            "```",
            "~~~",
            "#12",
            "GH-3",
            "\\|",
            "`|`",
            "`` ` ``",
        ]
    ),
    max_size=14,
).map("".join)


def leaves(markdown: str) -> list[Token]:
    found: list[Token] = []
    for token in PARSER.parse(markdown):
        found += token.children if token.children is not None else [token]
    return found


def kinds(markdown: str) -> list[str]:
    return [token.type for token in leaves(markdown)]


def assert_nothing_lives(markdown: str) -> None:
    words = "".join(token.content if token.type == "text" else "\ue000" for token in leaves(markdown))
    assert not LIVE.search(words), words


@settings(max_examples=500)
@given(HOSTILE)
@example("x` @acme/admins [approve here](https://evil.example) `y")
@example("@a\\|@b")
@example("1. a")
@example("- a")
def test_a_paragraph_is_one_of_words_and_code(value: str) -> None:
    shown = f"{text(value)}"
    assert "\n" not in shown
    assert set(kinds(shown)) <= {"paragraph_open", "text", "text_special", "code_inline", "paragraph_close"}
    assert_nothing_lives(shown)


@settings(max_examples=500)
@given(st.lists(st.lists(HOSTILE, min_size=2, max_size=2), max_size=3))
@example([["a\\", "b|"], ["@x\\|@evil", "`|`"]])
def test_a_cell_stays_a_cell(rows: list[list[str]]) -> None:
    shown = table(["one", "two"], rows)
    assert kinds(shown).count("td_open") == 2 * len(rows)
    allowed = {"text", "text_special", "code_inline", "table_open", "table_close"}
    allowed |= {f"{part}_{end}" for part in ("thead", "tbody", "tr", "th", "td") for end in ("open", "close")}
    assert set(kinds(shown)) <= allowed
    assert_nothing_lives(shown)


@settings(max_examples=500)
@given(HOSTILE, HOSTILE)
def test_what_stands_beside_it_stays_outside_a_code_span(value: str, other: str) -> None:
    shown = f"- {code(value)} **own** {code(other)}"
    inline = [token.type for token in leaves(shown) if token.type not in {"text", "text_special"}]
    assert [each for each in inline if "list" not in each and "paragraph" not in each] == [
        "code_inline",
        "strong_open",
        "strong_close",
        "code_inline",
    ]
    assert_nothing_lives(shown)


@settings(max_examples=500)
@given(HOSTILE)
@example("```\n@acme")
@example("\r```\r@acme")
def test_a_fence_holds_all_of_it(value: str) -> None:
    tokens = PARSER.parse(f"{fence(value, 'diff')}\n\nown words")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[2].content == "own words"


@given(HOSTILE)
def test_a_link_has_no_other_link_in_it(value: str) -> None:
    (opened,) = [
        token for token in leaves(link(value, "https://argocd.example.com/a b")) if token.type == "link_open"
    ]
    assert opened.attrs == {"href": "https://argocd.example.com/a%20b"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("needs ~1.2", r"needs \~1.2"),
        ("ann@example.com", "ann@example.com"),
        ("ask @acme now", "ask `@acme` now"),
        ("see https://a.example/b_c.", "see `https://a.example/b_c.`"),
        ("a\nb", "a b"),
        ("bell\x07", r"bell\\x07"),
    ],
)
def test_words_stay_as_they_are_read(value: str, shown: str) -> None:
    assert text(value) == shown

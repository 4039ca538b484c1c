import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.notifications import Event, Kind, compose, inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone, and <!channel>", "＠everyone, and ＜!channel＞"),
        ("[sign in](https://evil.example)", "［sign in］(https：//evil.example)"),
        (
            "<b>bold</b> &amp; *so* _is_ ~this~ `code`",
            "＜b＞bold＜/b＞ ＆amp; ＊so＊ ＿is＿ ～this～ ｀code｀",
        ),
        ("one\n\n# two\r\n| a | b |", "one # two ｜ a ｜ b ｜"),
        ("\x1b[31mred\x00", "［31mred"),
        ("user\u202egnp.exe, a\u200bb", "user gnp.exe, a b"),
        ("\\<b>", "＼＜b＞"),
        ("a plain reason: 5 % of pods failed (exit 1)!", "a plain reason: 5 % of pods failed (exit 1)!"),
    ],
)
def test_nothing_in_a_reason_is_taken_for_markup_a_mention_or_a_link(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(st.text(max_size=2000))
def test_whatever_is_written_stays_on_one_short_line_without_active_characters(text: str) -> None:
    shown = inert(text)

    assert len(shown) <= 300
    assert not set(shown) & set("&<>@*_~`|[]\\")
    assert "://" not in shown
    assert all(unicodedata.category(each)[0] != "C" for each in shown)


def test_one_event_is_told_in_its_title() -> None:
    message = compose([Event(Kind.REVERTED, "dev/shop", "c1", "Degraded for longer than 30 s")])

    assert message.title == "dev/shop was reverted"
    assert message.body == "dev/shop was reverted. Degraded for longer than 30 s"
    assert message.level == "warning"


def test_whatever_an_event_is_about_is_no_markup_and_begins_no_line() -> None:
    """A folder of the fleet may be called anything, and so may what somebody reports in Dagster."""
    message = compose([Event(Kind.DOES_NOT_RENDER, "x\n<!channel> [in](https://evil.example)", "c1", "why")])

    assert message.title == "x ＜!channel＞ ［in］(https：//evil.example) does not render"
    assert message.body == f"{message.title}. why"


def test_names_of_our_own_are_told_as_they_are() -> None:
    assert compose([Event(Kind.GUARD_SILENT, "open_gates", "d")]).title == "open_gates does not look any more"


def test_many_events_are_one_message_with_the_gravest_first() -> None:
    message = compose(
        [
            *(Event(Kind.RELEASED, f"dev/tenant-{number:02}", f"c{number}") for number in range(30)),
            Event(Kind.REVERT_REFUSED, "production/shop", "c99", "it ran a migration"),
        ]
    )

    first, *_, last = message.body.splitlines()
    assert message.title == ("1 is unhealthy and cannot be reverted: a person must act; 30 were released")
    assert first == (
        "production/shop is unhealthy and cannot be reverted: a person must act. it ran a migration"
    )
    assert last == "and 11 more"
    assert message.level == "failure"

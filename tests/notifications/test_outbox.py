"""Each event is told once to everybody, over real HTTP."""

import logging

import pytest

from deploy_orchestrator.notifications import Event, Kind, NotificationError, Outbox, Target, targets, tell
from tests.chat import Service

RELEASED = Event(Kind.RELEASED, "dev/shop", "c1")
WAITS = Event(Kind.AWAITS_APPROVAL, "production/shop", "sha256:1")
REVERTED = Event(Kind.REVERTED, "dev/shop", "c2", "it was bad")
CURRENT = {"c1", "c2", "sha256:1"}


def look(outbox: Outbox, *events: Event, to: tuple[Target, ...], current: set[str] = CURRENT) -> Outbox:
    """One look of the sensor, with its state kept as text until the next."""
    kept, _ = tell(outbox, events, current, to, tuple(Kind))
    return Outbox.load(kept.dump())


def titles(service: Service) -> list[str]:
    return [message["title"] for message in service.messages]


def test_at_the_first_look_only_what_waits_for_a_person_is_told(service: Service) -> None:
    to = targets(service.url)

    outbox = look(Outbox.load(None), RELEASED, WAITS, to=to)
    look(outbox, RELEASED, WAITS, to=to)

    assert titles(service) == ["production/shop waits for approval"]


def test_an_event_is_told_once_however_often_it_is_seen(service: Service) -> None:
    to = targets(service.url)
    outbox = look(Outbox(), RELEASED, to=to)

    for _ in range(3):
        outbox = look(outbox, RELEASED, REVERTED, to=to)

    assert titles(service) == ["dev/shop was reverted"]
    assert service.messages[0]["message"] == "dev/shop was reverted. it was bad"
    assert service.messages[0]["type"] == "warning"


def test_an_event_that_comes_and_goes_is_told_once_while_its_release_stands(service: Service) -> None:
    to = targets(service.url)
    failed = Event(Kind.SYNC_FAILED, "dev/shop", "c1")
    outbox = look(Outbox(), RELEASED, to=to)

    for events in ([RELEASED, failed], [RELEASED], [RELEASED, failed]):
        outbox = look(outbox, *events, to=to)

    assert titles(service) == ["dev/shop could not be synced"]


def test_what_is_over_is_forgotten(service: Service) -> None:
    outbox = look(Outbox(), RELEASED, WAITS, to=targets(service.url))

    assert look(outbox, REVERTED, to=targets(service.url), current={"c2"}).known == {REVERTED.key}


def test_who_could_not_be_reached_is_told_later_and_nobody_twice(service: Service, free_port: int) -> None:
    down = Service(port=free_port)
    to = targets(f"{service.url}\n{down.url}\n")
    outbox = look(Outbox(), RELEASED, to=to)

    outbox = look(outbox, RELEASED, REVERTED, to=to)
    assert set(outbox.owed) == {"2 (json)"}
    outbox = look(outbox, REVERTED, WAITS, to=to)
    assert titles(service) == ["dev/shop was reverted", "production/shop waits for approval"]

    other = targets(f"{service.url}\n{service.url}")
    outbox = look(outbox, REVERTED, WAITS, to=other)
    assert titles(service)[2:] == ["1 was reverted; 1 waits for approval"]
    assert not outbox.owed


def test_a_service_that_refuses_is_owed(service: Service) -> None:
    service.status = 500

    outbox, failed = tell(Outbox(frozenset()), [REVERTED], CURRENT, targets(service.url), tuple(Kind))

    assert [target.name for target in failed] == ["1 (json)"]
    assert outbox.owed == {"1 (json)": (REVERTED,)}


def test_what_is_too_long_for_a_service_comes_in_several_messages(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.body_maxlen", 400)
    events = [Event(Kind.REVERTED, f"dev/tenant-{number}", f"c{number}", "bad " * 30) for number in range(9)]

    look(Outbox(frozenset()), *events, to=targets(service.url))

    assert len(service.messages) > 1
    assert all(len(message["message"]) <= 400 for message in service.messages)
    told = "".join(message["message"] for message in service.messages)
    assert all(event.deployment in told for event in events)


def test_only_the_kinds_that_are_asked_for_are_told(service: Service) -> None:
    to = targets(service.url)

    outbox, _ = tell(Outbox(frozenset()), [RELEASED, REVERTED], CURRENT, to, [Kind.REVERTED])
    tell(outbox, [RELEASED, REVERTED], CURRENT, to, tuple(Kind))

    assert titles(service) == ["dev/shop was reverted"]


@pytest.mark.parametrize("kept", [None, "", "not json", '{"known": 1}'])
def test_where_nothing_readable_was_kept_it_begins_anew(kept: str | None) -> None:
    assert Outbox.load(kept) == Outbox()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a comment\n\njson://user:pass-word@host\nnosuch://pass-word@host", "number 2 (nosuch://)"),
        ("pass-word", "number 1 (no scheme)"),
        ("slack://pass-word", "number 1 (slack://)"),
    ],
)
def test_a_url_that_is_wrong_is_named_by_its_place_and_never_shown(
    text: str, said: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotificationError) as wrong:
        targets(text)

    shown = capfd.readouterr()
    assert said in str(wrong.value)
    assert "pass-word" not in str(wrong.value) + caplog.text + shown.out + shown.err


def test_a_url_is_not_shown_when_its_service_cannot_be_reached(
    free_port: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    (target,) = targets(f"json://user:pass-word@127.0.0.1:{free_port}/pass-word")

    _, failed = tell(Outbox(frozenset()), [REVERTED], CURRENT, [target], tuple(Kind))

    assert failed == [target]
    shown = capfd.readouterr()
    assert "pass-word" not in repr(target) + caplog.text + shown.out + shown.err

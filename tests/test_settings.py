from pathlib import Path

import pydantic
import pytest
from pydantic import SecretStr

from deploy_orchestrator.errors import Place
from deploy_orchestrator.notifications import Kind
from deploy_orchestrator.settings import (
    MAX_SECRET,
    NotificationSettings,
    SecretUnreadable,
    Settings,
    WebhookSettings,
    secret_of,
)

NOTIFY = "DEPLOY_ORCHESTRATOR_NOTIFY"


@pytest.mark.parametrize("text", ["reverted released", "reverted,released", " reverted,\n released "])
def test_events_are_named_one_after_the_other(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(f"{NOTIFY}_EVENTS", text)

    assert NotificationSettings().events == (Kind.REVERTED, Kind.RELEASED)


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_word_on_events_all_are_told(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    if text is not None:
        monkeypatch.setenv(f"{NOTIFY}_EVENTS", text)

    assert NotificationSettings().events == tuple(Kind)


def test_secrets_are_read_from_the_environment_and_files_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "urls").write_text("json://pass-word@there\n")
    monkeypatch.setenv(f"{NOTIFY}_URLS", "json://pass-word@here")
    monkeypatch.setenv(f"{NOTIFY}_URLS_FILE", str(tmp_path / "urls"))
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET", "pass-word")

    settings = NotificationSettings()

    assert settings.listed().split() == ["json://pass-word@here", "json://pass-word@there"]
    assert "pass-word" not in f"{settings!r} {settings.model_dump()} {WebhookSettings()!r}"
    monkeypatch.setenv(f"{NOTIFY}_EVENTS", "nothing")
    with pytest.raises(pydantic.ValidationError, match="awaits-approval") as wrong:
        NotificationSettings()
    assert "pass-word" not in str(wrong.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"\xff" * 32, "not UTF-8"),
        (b"x" * (MAX_SECRET + 1), "more than 65,536 bytes"),
    ],
    ids=["none", "no text", "too much"],
)
def test_a_file_that_holds_no_secret_is_told_by_name(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretUnreadable, match=said) as refused:
        secret_of(None, file)
    assert refused.value.place == Place(str(file))


@pytest.mark.parametrize("named", ["signing_key_file", "signing_public_keys_file"])
@pytest.mark.parametrize("held", ["", "\n"])
def test_a_file_that_should_hold_a_key_and_holds_none_is_not_taken_for_no_key(tmp_path, named, held):
    (tmp_path / "empty").write_text(held)
    with pytest.raises(SecretUnreadable, match="holds no key") as refused:
        Settings.model_validate({named: tmp_path / "empty"}).seal("main")
    assert str(tmp_path / "empty") in str(refused.value)


@pytest.mark.parametrize("held", ["", "\n"])
def test_a_variable_that_should_hold_a_key_and_holds_none_is_not_taken_for_no_key(
    monkeypatch, tmp_path, held
):
    (tmp_path / "public").write_text("ssh-ed25519 AAAA\n")
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGNING_KEY", held)
    for more in ({}, {"signing_public_keys_file": tmp_path / "public"}):
        with pytest.raises(SecretUnreadable, match="holds no key") as refused:
            Settings(**more).seal("main")
        assert refused.value.place == Place("DEPLOY_ORCHESTRATOR_SIGNING_KEY")


def test_a_file_without_the_key_is_told_though_another_has_the_keys_of_others(tmp_path):
    (tmp_path / "public").write_text("ssh-ed25519 AAAA\n")
    (tmp_path / "empty").write_text("")
    files = {"signing_key_file": tmp_path / "empty", "signing_public_keys_file": tmp_path / "public"}
    with pytest.raises(SecretUnreadable, match="holds no key"):
        Settings.model_validate(files).seal("main")


def test_a_secret_of_the_environment_wins_over_the_file_and_an_end_of_line_is_none_of_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    file.write_text("in the file\r\n")
    assert secret_of(SecretStr("given"), file) == "given"
    assert secret_of(SecretStr(""), file) == secret_of(None, file) == "in the file"
    assert secret_of(None, None) is None

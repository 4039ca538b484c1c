from pathlib import Path

import pydantic
import pytest

from deploy_orchestrator.notifications import Kind
from deploy_orchestrator.settings import NotificationSettings, WebhookSettings

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

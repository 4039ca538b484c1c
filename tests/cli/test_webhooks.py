from pathlib import Path

import pytest

SECRET = "DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET"


@pytest.mark.parametrize("secret", [None, "", "too short"])
def test_without_a_good_secret_nothing_is_received(nowhere, monkeypatch, secret):
    if secret is not None:
        monkeypatch.setenv(SECRET, secret)

    answer = nowhere.run("webhooks")

    assert answer.code == 2
    assert SECRET in answer.errors
    assert "openssl" in answer.errors
    assert "too short" not in answer.errors


@pytest.mark.parametrize("content", [None, b"short\n", b"\xff" * 32])
def test_a_secret_file_that_does_not_hold_one_is_told_by_name(nowhere, monkeypatch, tmp_path: Path, content):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(f"{SECRET}_FILE", str(file))

    answer = nowhere.run("webhooks")

    assert answer.code == 2
    assert str(file) in answer.errors or f"{SECRET}_FILE" in answer.errors
    assert "Traceback" not in answer.errors

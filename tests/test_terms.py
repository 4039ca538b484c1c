import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.terms import (
    CommitId,
    Digest,
    Email,
    Label,
    Quantity,
    Time,
    is_commit_id,
    is_digest,
    is_label,
    is_safe_url,
    may_speak_for,
    names_a_secret,
    quantity,
)

EMAIL, LABEL = TypeAdapter[str](Email), TypeAdapter[str](Label)
SIGNS = "az09AZ._+%&'=^~$#-@!*?/\\,;:\"`|{}()[]<> \t\n\0öſK"


@given(st.text(SIGNS, max_size=30).map(lambda text: f"{text}@example.com") | st.text(SIGNS, max_size=220))
@example("K@example.com")  # U+212A, which is k in lower case
@example("a@example.com\n")
@example(f"{'a' * 200}@example.com")
def test_an_address_is_one_ascii_word_in_lower_case_that_is_no_path_and_no_pattern(text: str) -> None:
    try:
        email = EMAIL.validate_python(text)
    except ValidationError:
        return
    assert email == text.lower() == email.lower()
    assert email.isascii()
    assert email.isprintable()
    assert not set(email) & set(' /\\\0*?!,"`|<>()[]{};:')
    assert email.count("@") == 1
    assert not email.startswith((".", "#"))
    assert len(f"{email}.yaml") <= 255


@pytest.mark.parametrize("email", ["ops&infra@example.com", "-x@a.example", "a#b$c^d~e=f'g%h+i_j@a", "git@a"])
def test_an_address_is_a_principal_to_openssh_and_a_file_to_git(email: str, tmp_path: Path) -> None:
    EMAIL.validate_python(email)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"{email} {(tmp_path / 'key.pub').read_text()}")
    (tmp_path / "text").write_text("text")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", tmp_path / "key", tmp_path / "text"], check=True
    )
    found = subprocess.run(
        ["ssh-keygen", "-Y", "find-principals", "-f", signers, "-s", tmp_path / "text.sig"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == email
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    repository = Repository.clone(str(tmp_path / "remote"), tmp_path / "clone")
    repository.write("approvals", lambda tree: Changes("Approve", {f"{'0' * 64}/{email}.yaml": b""}))
    assert repository.branch("approvals").names("0" * 64) == [f"{email}.yaml"]


@given(st.text("az09-A._ö\n", max_size=70))
@example("a" * 63)
@example("a" * 64)
@example("a\n")
def test_a_label_is_one_in_a_model_and_in_a_question_alike(text: str) -> None:
    try:
        LABEL.validate_python(text)
    except ValidationError:
        assert not is_label(text)
    else:
        assert is_label(text)
        assert 0 < len(text) < 64


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("500m", Decimal("0.5")),
        ("4", Decimal(4)),
        (4, Decimal(4)),
        (0.5, Decimal("0.5")),
        ("8Gi", Decimal(8 * 1024**3)),
        ("1e3", Decimal(1000)),
        ("+1.k", Decimal(1000)),
        ("-1", Decimal(-1)),
        (".5", Decimal("0.5")),
        ("1KB", None),
        ("", None),
        ("٣", None),
        (True, None),
        (None, None),
        (float("inf"), None),
    ],
)
def test_a_quantity_means_what_kubernetes_reads(value: object, number: Decimal | None) -> None:
    assert quantity(value) == number
    accepts = TypeAdapter[str](Quantity).validate_python
    if number is None or number < 0:
        with pytest.raises(ValidationError, match="expected a Kubernetes quantity"):
            accepts(value)
    else:
        assert accepts(value) == str(value)


def test_a_time_is_in_utc_and_names_its_zone() -> None:
    accepts = TypeAdapter[datetime](Time).validate_python
    assert accepts("2026-12-20T01:00:00+01:00") == datetime(2026, 12, 20, tzinfo=UTC)
    for bad in ("2026-12-20T01:00:00", "0001-01-01T00:00:00+10:00", 1_700_000_000, "soon"):
        with pytest.raises(ValidationError, match="expected a time with its time zone"):
            accepts(bad)


@pytest.mark.parametrize("bad", ["", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:" + "a" * 64 + "\n"])
def test_a_digest_is_whole(bad: str) -> None:
    assert not is_digest(bad)
    with pytest.raises(ValidationError, match="expected sha256: and 64 hexadecimal digits"):
        TypeAdapter[str](Digest).validate_python(bad)
    assert is_digest("sha256:" + "a" * 64)


@pytest.mark.parametrize("bad", ["main", "a" * 41, "a" * 40 + "\n", "HEAD"])
def test_the_id_of_a_commit_is_whole(bad: str) -> None:
    assert not is_commit_id(bad)
    with pytest.raises(ValidationError, match="expected the whole id of a commit"):
        TypeAdapter[str](CommitId).validate_python(bad)
    assert is_commit_id("a" * 40)
    assert is_commit_id("a" * 64)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("DB_PASSWORD", True),
        ("apiKey", True),
        ("api-key", True),
        ("PRIVATE_KEY", True),
        ("SENTRY_DSN", True),
        ("Authorization", True),
        ("REPLICAS", False),
        ("DSNAP", False),
        ("KEYBOARD", False),
    ],
)
def test_a_secret_is_told_by_its_name(name: str, hidden: bool) -> None:
    assert names_a_secret(name) is hidden


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example.com/realms/acme", True),
        ("http://127.0.0.1:8080/realms", True),
        ("http://[::1]/", True),
        ("http://login.example.com", False),
        ("https://", False),
        ("https://login.example.com/?a=b", False),
        ("https://login.example.com/#a", False),
        ("ftp://localhost", False),
    ],
)
def test_a_url_is_safe_where_nobody_on_the_way_reads_or_alters(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe


def test_an_issuer_may_speak_for_the_addresses_of_its_domains_and_for_any_without() -> None:
    assert may_speak_for(("Example.com",), "ann@example.COM")
    assert not may_speak_for(("example.com",), "ann@other.example.com")
    assert not may_speak_for(("example.com",), "example.com@other.org")
    assert may_speak_for((), "ann@other.org")

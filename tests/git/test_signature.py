import os
import subprocess
from pathlib import Path

import pytest

from deploy_orchestrator.git import (
    Changes,
    Commit,
    GitError,
    Ident,
    Repository,
    Signer,
    SigningFailed,
    Unsigned,
    UntrustedSignature,
)

ANN = Ident("Ann", "ann@example.com")


class Key:
    def __init__(self, path: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        self.path = path
        self.public = " ".join(path.with_suffix(".pub").read_text().split()[:2])
        shown = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
        self.fingerprint = shown.split()[1]

    def allowed(self, principals: str = "ann@example.com", options: str = "") -> bytes:
        return f"# who may approve\n{principals} {options} {self.public}\n".encode()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("keys") / "ann")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("keys") / "other")


@pytest.fixture
def signed(repository: Repository, key: Key) -> Commit:
    commit = repository.write(
        "approvals", lambda _: Changes("Approve", {"a": b"1"}), signer=Signer(ANN, str(key.path))
    )
    assert commit is not None
    return commit


def test_a_signed_commit_tells_who_signed_it_and_with_which_key(repository, signed, key, remote, git):
    assert signed.signed
    assert signed.author == ANN
    signature = repository.verify(signed.id, key.allowed())
    assert (signature.principal, signature.key) == ("ann@example.com", key.fingerprint)
    assert signature.commit == signed.id
    assert (
        git("log", "-1", "--format=%cn <%ce> %B", "approvals", cwd=remote) == "Ann <ann@example.com> Approve"
    )
    git("fsck", "--strict", cwd=remote)


def test_the_principal_is_of_the_allowed_signers_not_of_the_commit(repository, signed, key):
    assert repository.verify(signed.id, key.allowed("bob@example.com")).principal == "bob@example.com"


def test_a_commit_without_a_signature_is_unsigned(repository, write, key):
    with pytest.raises(Unsigned):
        repository.verify(write({"a": b"1"}).id, key.allowed())


def test_a_key_that_nobody_allowed_is_untrusted_and_named(repository, signed, key, other):
    for allowed in (other.allowed(), b"", b"# nobody\n", b"\xff\0garbage"):
        with pytest.raises(UntrustedSignature) as raised:
            repository.verify(signed.id, allowed)
        assert raised.value.key == key.fingerprint


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ('valid-before="20200101"', "key has expired"),
        ('valid-after="20990101"', "key is not yet valid"),
        ('namespaces="file"', "not permitted for use in signature namespace"),
    ],
)
def test_a_key_outside_of_what_it_is_allowed_for_is_untrusted_with_the_reason(
    options, reason, repository, signed, key
):
    with pytest.raises(UntrustedSignature, match=reason) as raised:
        repository.verify(signed.id, key.allowed(options=options))
    assert "/tmp" not in str(raised.value)


def test_dates_that_cover_the_commit_are_accepted(repository, signed, key):
    options = 'namespaces="git",valid-after="20200101",valid-before="20990101"'
    assert repository.verify(signed.id, key.allowed(options=options)).key == key.fingerprint


@pytest.mark.parametrize("principals", ["*@example.com", "*", "a?n@example.com"])
def test_a_key_that_stands_for_a_pattern_is_nobodys(principals, repository, signed, key):
    with pytest.raises(UntrustedSignature, match="not one person"):
        repository.verify(signed.id, key.allowed(principals))


def resealed(repository: Repository, git, commit: Commit, old: bytes, new: bytes) -> str:
    raw = subprocess.run(
        ["git", "cat-file", "commit", commit.id], cwd=repository.path, check=True, capture_output=True
    ).stdout
    assert old in raw
    return git(
        "hash-object", "-t", "commit", "-w", "--stdin", cwd=repository.path, stdin=raw.replace(old, new, 1)
    )


def test_a_signature_on_other_bytes_is_untrusted(repository, signed, key, git):
    forged = resealed(repository, git, signed, b"Approve", b"Approve all")
    with pytest.raises(UntrustedSignature, match=r"Could not verify|incorrect signature"):
        repository.verify(forged, key.allowed())


def test_a_signature_of_another_kind_is_untrusted(repository, signed, key, git):
    forged = resealed(repository, git, signed, b"BEGIN SSH SIGNATURE", b"BEGIN PGP SIGNATURE")
    with pytest.raises(UntrustedSignature, match="not signed with an SSH key"):
        repository.verify(forged, key.allowed())


def test_settings_of_the_user_do_not_widen_who_is_trusted(repository, signed, key, other, home, git):
    (home / "mine").write_bytes(key.allowed())
    git("config", "--global", "gpg.ssh.allowedSignersFile", home / "mine")
    git("config", "--global", "gpg.minTrustLevel", "undefined")
    with pytest.raises(UntrustedSignature):
        repository.verify(signed.id, other.allowed())


def test_a_missing_ssh_keygen_is_not_taken_for_a_bad_signature(
    repository, signed, key, tmp_path, monkeypatch, git
):
    git("config", "--global", "gpg.ssh.program", tmp_path / "nowhere")
    with pytest.raises(GitError, match="ssh-keygen") as raised:
        repository.verify(signed.id, key.allowed())
    assert not isinstance(raised.value, UntrustedSignature)


def configure(git, key: str) -> None:
    git("config", "--global", "gpg.format", "ssh")
    git("config", "--global", "user.signingkey", key)


def test_the_users_own_git_configuration_says_who_signs_and_how(repository, key, git):
    configure(git, str(key.path))
    signer = Signer.configured()
    assert signer.person == ANN
    commit = repository.write("approvals", lambda _: Changes("Approve", {"a": b"1"}), signer=signer)
    assert repository.verify(commit.id, key.allowed()).key == key.fingerprint


@pytest.mark.parametrize("form", ["{}.pub", "key::{}"])
def test_a_key_that_only_an_agent_holds_can_sign(form, repository, key, git, tmp_path, monkeypatch):
    started = subprocess.run(["ssh-agent", "-s"], check=True, capture_output=True, text=True).stdout
    variables = dict(part.split("=", 1) for part in started.replace("\n", "").split(";") if "=" in part)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", variables["SSH_AUTH_SOCK"])
        subprocess.run(["ssh-add", "-q", key.path], check=True)
        public = tmp_path / "only-public.pub"
        public.write_text(key.public)
        configure(git, form.format(key.public if form.startswith("key") else public.with_suffix("")))
        commit = repository.write(
            "approvals", lambda _: Changes("x", {"a": b"1"}), signer=Signer.configured()
        )
        assert repository.verify(commit.id, key.allowed()).key == key.fingerprint
    finally:
        os.kill(int(variables["SSH_AGENT_PID"]), 15)


def test_whoever_cannot_sign_yet_is_told_how_to(key, git):
    with pytest.raises(SigningFailed, match=r"git config --global gpg\.format ssh"):
        Signer.configured()
    git("config", "--global", "user.signingkey", "0xDEADBEEF")
    with pytest.raises(SigningFailed, match=r"git config --global gpg\.format ssh"):
        Signer.configured()
    configure(git, str(key.path))
    git("config", "--global", "--unset", "user.email")
    with pytest.raises(SigningFailed, match=r"git config --global user\.email"):
        Signer.configured()


def test_nothing_is_written_when_signing_fails(repository, tmp_path):
    with pytest.raises(SigningFailed, match="could not be signed"):
        repository.write(
            "approvals", lambda _: Changes("x", {"a": b""}), signer=Signer(ANN, str(tmp_path / "nowhere"))
        )
    repository.fetch()
    assert repository.head("approvals") is None

import base64
import binascii
import hashlib
import re
import tempfile
from dataclasses import dataclass

import pygit2

from deploy_orchestrator.git import command
from deploy_orchestrator.git.commit import Ident
from deploy_orchestrator.git.errors import GitError, SigningFailed, Unsigned, UntrustedSignature
from deploy_orchestrator.git.objects import ObjectStore

_SSH = b"-----BEGIN SSH SIGNATURE-----"
_GOOD = re.compile(r'^Good "git" signature for (\S+) with \S+ key (SHA256:\S+)$', re.MULTILINE)
_KEY = re.compile(r"\bSHA256:\S+")
_KEY_AT = len(b"SSHSIG") + 8
_VERIFY_LIMIT = 20.0
_SIGN_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Signature:
    """A good signature of `commit`: the name of its key in allowed_signers, and the key's fingerprint."""

    commit: str
    principal: str
    key: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs commits as `person` with an SSH key.

    `key` is what Git's `user.signingkey` may be: the path of a private key, of a public key whose private
    half an ssh-agent holds, or `key::` and the public key itself. None leaves the choice to Git
    (`gpg.ssh.defaultKeyCommand`).
    """

    person: Ident
    key: str | None

    @classmethod
    def configured(cls) -> "Signer":
        """The user, as their own Git configuration names them and their key.

        Raises:
            SigningFailed: no name, no key, or a key that is not for SSH signatures.
        """
        name, email = _configured("user.name"), _configured("user.email")
        key, agent = _configured("user.signingkey"), _configured("gpg.ssh.defaultKeyCommand")
        if not (name and email):
            raise SigningFailed(
                "Git does not know who you are",
                fix="run: git config --global user.name 'Your Name'; "
                "git config --global user.email you@example.com",
            )
        if _configured("gpg.format") != "ssh" or not (key or agent):
            raise SigningFailed(
                "Git is not set up to sign with an SSH key",
                fix="run: git config --global gpg.format ssh; "
                "git config --global user.signingkey ~/.ssh/id_ed25519.pub",
            )
        return cls(Ident(name, email), key)

    def sign(
        self,
        store: ObjectStore,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        *,
        author: Ident | None = None,
    ) -> str:
        """Makes a commit, of which the signer is committer, and author where nobody else is; its id. May ask
        for a passphrase.

        Raises:
            SigningFailed: no signature could be made.
        """
        people = {"AUTHOR": author or self.person, "COMMITTER": self.person}
        for person in people.values():
            person.check()
        settings = ["gpg.format=ssh", *([f"user.signingkey={self.key}"] if self.key else [])]
        result = command.run(
            ["commit-tree", "-S", *(f"-p{parent}" for parent in parents), "-F-", tree],
            repository=store.path,
            settings=settings,
            environment={
                f"GIT_{role}_{part}": value
                for role, person in people.items()
                for part, value in (("NAME", person.name), ("EMAIL", person.email))
            },
            input=message.encode(),
            limit=_SIGN_LIMIT,
            interactive=True,
        )
        if result.code:
            raise SigningFailed(
                f"the commit could not be signed: {result.errors.strip()}",
                fix="check the key that `git config user.signingkey` names, and that an agent holds it",
            )
        return result.output.decode().strip()


def verify(store: ObjectStore, commit: str, allowed_signers: bytes) -> Signature:
    """Who signed `commit`: see `Repository.verify`."""
    signature, _ = store.open()[commit].peel(pygit2.Commit).gpg_signature
    if not signature:
        raise Unsigned(f"the commit {commit} is not signed", fix="sign it with an SSH key: git commit -S")
    if not signature.startswith(_SSH):
        raise UntrustedSignature(
            f"the commit {commit} is not signed with an SSH key",
            key=None,
            fix="run: git config gpg.format ssh",
        )
    if (key := _stranger(signature, allowed_signers)) is not None:
        raise UntrustedSignature(
            f"the signature of {commit} is not accepted: no line of allowed_signers has its key {key}",
            key=key,
            fix="if this key may sign, put it into allowed_signers",
        )
    with tempfile.NamedTemporaryFile(prefix="allowed_signers-") as file:
        file.write(allowed_signers)
        file.flush()
        result = command.run(
            ["verify-commit", "--raw", commit],
            repository=store.path,
            settings=[f"gpg.ssh.allowedSignersFile={file.name}"],
            limit=_VERIFY_LIMIT,
        )
        said = result.errors.replace(file.name, "allowed_signers")
    if "cannot run" in said:
        raise GitError(
            f"signatures cannot be checked: {said.strip()}", fix="install OpenSSH, which has ssh-keygen"
        )
    good = _GOOD.findall(said)
    if result.code or len(good) != 1:
        reason = " ".join(line for line in said.splitlines() if not line.startswith("Good"))
        key = _KEY.search(said)
        raise UntrustedSignature(
            f"the signature of {commit} is not accepted: {reason or 'it could not be checked'}",
            key=key[0] if key else None,
            fix="if this key may sign, put it into allowed_signers, with dates that cover the commit",
        )
    principal, key = good[0]
    if set(principal) & set("*?!,"):
        raise UntrustedSignature(
            f"allowed_signers gives the key of {commit} to {principal!r}, which is not one person", key=key
        )
    return Signature(commit, principal, key)


def _stranger(signature: bytes, allowed_signers: bytes) -> str | None:
    """The fingerprint of the key that made `signature` where no line has it; found without running anything,
    so that signatures of strangers cost nothing. After PROTOCOL.sshsig of OpenSSH. Certificates are not told.
    """
    if b"cert-authority" in allowed_signers:
        return None
    armoured = re.sub(rb"-----[A-Z ]+-----|\s", b"", signature)
    try:
        blob = base64.b64decode(armoured, validate=True)
    except binascii.Error:
        return None
    length = int.from_bytes(blob[_KEY_AT - 4 : _KEY_AT])
    key = blob[_KEY_AT : _KEY_AT + length]
    if not key or base64.b64encode(key) in allowed_signers:
        return None
    return f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')}"


def _configured(name: str) -> str | None:
    result = command.run(["config", "--get", name], limit=_VERIFY_LIMIT)
    return result.output.decode().strip() or None

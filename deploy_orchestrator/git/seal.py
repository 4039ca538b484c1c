"""The orchestrator signs what it commits, and so knows what others put on top of it."""

import re
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from deploy_orchestrator.git import command
from deploy_orchestrator.git.commit import Commit, Ident, trailers_of
from deploy_orchestrator.git.errors import (
    SigningFailed,
    Unsigned,
    UntrustedSignature,
)
from deploy_orchestrator.git.history import History
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.git.signature import Signer
from deploy_orchestrator.storage import cache_key, fingerprint

_PRINCIPAL: Final = "deploy-orchestrator"
_PUBLIC = re.compile(r"^((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.-]+ [A-Za-z0-9+/=]+)(?: .*)?$")
_KEY_LIMIT = 20.0
_SEALED_FOR: Final = "Sealed-for"
"""The trailer by which a signature counts on another branch than the seal's, and on that one alone."""

LATELY: Final = 200
"""Commits that are looked at for what others did lately."""


@dataclass(frozen=True, slots=True)
class Seal:
    """How the commits of one `branch` are signed and known again: `public_keys` are those by which they are,
    as lines of OpenSSH's public keys.

    Those of other branches are signed too, and say for which: whoever may push could otherwise have what they
    like signed there, on top of `branch`, and move that to it.

    Without a private key nothing can be committed there; whoever only reads needs none.
    """

    branch: str
    public_keys: tuple[str, ...]
    _key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, branch: str, *, key: str | None, public_keys: str = "") -> Self:
        """The seal of a private `key` in OpenSSH's format, without a passphrase; `public_keys`, one a line,
        are others that count, as those that signed before.

        Raises:
            SigningFailed: one of them is no such key.
        """
        known = [_public(each) for each in public_keys.splitlines() if each.strip()]
        own = [_public_half(key)] if key is not None else []
        return cls(branch, tuple(dict.fromkeys([*own, *known])), key)

    @property
    def allowed_signers(self) -> bytes:
        """The keys as `Repository.verify` takes them."""
        return "".join(f'{_PRINCIPAL} namespaces="git" {each}\n' for each in self.public_keys).encode()

    def is_for(self, branch: str, message: str) -> bool:
        """Whether the signature of a commit with this message counts on `branch`."""
        return trailers_of(message).get(_SEALED_FOR, self.branch) == branch

    def sign(
        self,
        branch: str,
        store: ObjectStore,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        *,
        author: Ident,
        committer: Ident,
    ) -> str:
        """Makes a commit whose signature counts on `branch` alone; its id.

        Raises:
            SigningFailed: there is no private key, it does not sign, or there is no message.
        """
        if self._key is None:
            raise SigningFailed(
                f"nothing can be committed to {self.branch} without the key that signs it",
                fix="set DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE, or run this where the orchestrator runs",
            )
        message = self._bound(branch, message)
        with tempfile.NamedTemporaryFile(prefix="signing-") as file:
            _write_key(file.name, self._key)
            signer = Signer(committer, file.name)
            return signer.sign(store, tree, parents, message, author=author)

    def _bound(self, branch: str, message: str) -> str:
        if self.is_for(branch, message):
            return message
        end = "\n" if trailers_of(message) else "\n\n"
        bound = f"{message.rstrip()}{end}{_SEALED_FOR}: {branch}\n"
        if not self.is_for(branch, bound):
            raise SigningFailed(f"a commit to {branch} without a message is not signed", fix="give it one")
        return bound


def own_head(history: History, seal: Seal, head: str) -> str:
    """The newest commit up to `head` that bears the `seal`; `head` where none ever did, for then nothing is
    known of others yet.
    """
    return _own_head(history, seal, head)


def by_others(history: History, seal: Seal, head: str) -> list[Commit]:
    """The commits up to `head` that came after the newest sealed one, newest first."""
    own = own_head(history, seal, head)
    return [] if own == head else history.log(head, since=own)


def lately_by_others(history: History, seal: Seal, head: str) -> list[Commit]:
    """The commits without the seal that came after one with it, among the newest `LATELY`, newest first."""
    recent = history.log(head, limit=LATELY)
    sealed = [is_sealed(history, seal, each, seal.branch) for each in recent]
    oldest = len(sealed) - sealed[::-1].index(True) if True in sealed else 0
    return [each for each, own in zip(recent[:oldest], sealed, strict=False) if not own]


def is_sealed(history: History, seal: Seal, commit: Commit, branch: str) -> bool:
    """Whether the commit bears the `seal`, made for this `branch`."""
    if not commit.signed or not seal.is_for(branch, commit.message):
        return False
    cache, key = history.cache("sealed"), cache_key(commit.id, fingerprint(seal.allowed_signers))
    if cache.read(key) is not None:
        return True
    try:
        history.verify(commit.id, seal.allowed_signers)
    except (Unsigned, UntrustedSignature):
        return False
    cache.write(key, b"")
    return True


def counts(history: History, seal: Seal, head: str, commit: Commit) -> bool:
    """Whether a commit of the history of `head` bears the `seal`, or came before the first one that does: not
    one that others pushed or merged since then, also where that was put back.
    """
    if is_sealed(history, seal, commit, seal.branch):
        return True
    first = _first(history, seal, head)
    return first is None or history.is_ancestor(commit.id, first)


@lru_cache(maxsize=64)
def _first(history: History, seal: Seal, head: str) -> str | None:
    cache = history.cache("sealed")
    key = cache_key("first", history.url, seal.branch, fingerprint(seal.allowed_signers))
    known = (cache.read(key) or b"").decode()
    if known and history.leads_to(known, head):
        return known
    oldest = reversed(history.log(head))
    first = next((each.id for each in oldest if is_sealed(history, seal, each, seal.branch)), None)
    if first is not None:
        cache.write(key, first.encode())
    return first


@lru_cache(maxsize=64)
def _own_head(history: History, seal: Seal, head: str) -> str:
    cache = history.cache("sealed")
    key = cache_key("head", history.url, seal.branch, fingerprint(seal.allowed_signers))
    known = (cache.read(key) or b"").decode() or None
    since = known if known and history.leads_to(known, head) else None
    newer = (
        each.id for each in history.log(head, since=since) if is_sealed(history, seal, each, seal.branch)
    )
    # One that did not win its race may be brought back by a merge: it does not follow what is known.
    found = next((each for each in newer if since is None or history.leads_to(since, each)), since)
    if found is None:
        return head
    if found != known:
        cache.write(key, found.encode())
    return found


def _public(line: str) -> str:
    found = _PUBLIC.match(line.strip())
    if found is None:
        raise SigningFailed(
            f"not a public key in OpenSSH's format: {line.strip()[:40]!r}",
            fix="give the lines of files that end in .pub, one key a line",
        )
    return found[1]


@lru_cache(maxsize=8)
def _public_half(key: str) -> str:
    with tempfile.NamedTemporaryFile(prefix="signing-") as file:
        _write_key(file.name, key)
        result = command.run_program(
            ["ssh-keygen", "-y", "-P", "", "-f", file.name],
            limit=_KEY_LIMIT,
            name="ssh-keygen",
            fix="install OpenSSH, which has it",
        )
    if result.code and "No user exists" in result.errors:
        raise SigningFailed(
            f"the signing key cannot be used: OpenSSH works for named users alone: {result.errors.strip()}",
            fix="give it a line in /etc/passwd, or run as a user that has one",
        )
    if result.code:
        raise SigningFailed(
            "the signing key cannot be used: it is no private key in OpenSSH's format, or has a passphrase",
            fix="make one: ssh-keygen -t ed25519 -N '' -f signing_key",
        )
    return _public(result.output.decode())


def _write_key(path: str, key: str) -> None:
    Path(path).write_text(key.strip() + "\n")

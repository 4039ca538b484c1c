"""Decisions of people on the branch `approvals`, believed where a signature or an ID token proves them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.documents import DocumentError, Record
from deploy_orchestrator.fleet import Issuer, Rules, principals
from deploy_orchestrator.git import (
    Changes,
    Commit,
    PathNotFound,
    Repository,
    RevisionNotFound,
    Signer,
    Tree,
    UnsafeTree,
    Unsigned,
    UntrustedSignature,
)
from deploy_orchestrator.identity import (
    NO_ISSUERS,
    Issuers,
    Keys,
    NotProved,
    Proved,
    Resolved,
    decision_nonce,
    fingerprint_of,
    proved_by,
)
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.ledger import Write, ledger
from deploy_orchestrator.releases.model import Approval, Choice
from deploy_orchestrator.terms import Digest, Email, Text, Time

_Decidable = TypeVar("_Decidable")

BRANCH: Final = "approvals"
BY_TOKEN: Final = frozenset[Choice](["approve", "reject", "pause", "resume"])
"""What an ID token can prove."""
HOLDING: Final = frozenset[Choice](["reject", "pause"])
"""Decisions that hold something back: nobody else undoes them by writing over them."""
MAX_WRITTEN_OVER: Final = 100
"""Writes to one person's file before a decision that a token proves."""
MAX_DECISION: Final = 64 * 1024
"""Bytes of a file that is a decision."""
MAX_NAMED: Final = 100
"""Files that nobody is asked for whose name they have, as far as they are told of one by one."""

_FIXES = {
    "who": "sign with the address that the policy names: --as EMAIL --key KEY, or git config user.email",
    "reason": "say it in fewer words",
}


class TokenProof(Record):
    """The ID token whose nonce is the hash of a decision, and the provider's public key that signed it."""

    issuer: Text
    token: Text
    key: dict[str, Any]


class Decision(Record):
    """The content of `<digest>/<who>.yaml`. Without a `proof` its commit is signed by who decided."""

    digest: Digest
    who: Email
    decision: Choice
    reason: Text
    at: Time
    proof: TokenProof | None = None


@dataclass(frozen=True, slots=True)
class RejectedApproval:
    """A file on the branch `approvals` that is not believed, the commit that wrote it, and why.

    Bytes of its name that are not UTF-8 are spelled out.
    """

    file: str
    commit: str
    reason: str


class _NotBelieved(Exception):
    pass


def sign(
    repository: Repository,
    subjects: Sequence[tuple[str, str]],
    decision: Choice,
    reason: str,
    signer: Signer,
    now: datetime,
) -> list[Commit]:
    """Write a decision on each of `subjects` (what it is about, and the digest of that), each in a commit of
    its own that `signer` signs, and push all of them in one go.
    """
    changes = [_signed(about, digest, decision, reason, signer, now) for about, digest in subjects]
    made = repository.write_all(BRANCH, [partial(_always, each) for each in changes], signer=signer)
    commits = [each for each in made if each]
    if len(commits) < len(made):
        raise ReleaseError("the same decision of this moment stands already")
    return commits


def _signed(about: str, digest: str, decision: Choice, reason: str, signer: Signer, now: datetime) -> Changes:
    try:
        made = Decision(
            digest=digest, who=signer.person.email, decision=decision, reason=reason.strip(), at=now
        )
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field, said = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        raise ReleaseError(f"not a decision: {field}: {said}", fix=_FIXES.get(field)) from error
    message = f"{decision.capitalize()} {about}\n\nDigest: {digest}\n"
    return Changes(message, {_path(digest, made.who): documents.dump(made.model_dump(mode="json"))})


def _always(changes: Changes, _: Tree) -> Changes:
    return changes


def record(
    repository: Repository,
    about: str,
    digest: str,
    decision: Choice,
    reason: str,
    token: str,
    issuers: Issuers,
) -> Approval:
    """Write one decision on the digest of what it is `about` with the ID `token` that proves it, in a commit
    of its own.

    Raises:
        NotProved: the token proves no such decision, or no provider of `issuers` gave it.
        ReleaseError: the same stands already.
    """
    if decision not in BY_TOKEN:
        raise NotProved(f"no ID token proves a decision to {decision}")
    if decision == "resume" and repository.seal is None:
        raise NotProved(
            "no ID token resumes where the orchestrator has no key to vouch for it: sign a commit"
        )
    resolved, proved = _first_proof(token, decision_nonce(digest, decision, reason), issuers.resolved())
    made = Decision(
        digest=digest,
        who=proved.email or "",
        decision=decision,
        reason=reason,
        at=proved.issued,
        proof=TokenProof(issuer=resolved.issuer.url, token=token, key=dict(proved.key)),
    )
    path = _path(digest, made.who)
    message = f"{decision.capitalize()} {about}\n\nDigest: {digest}\nProved-by: {resolved.issuer.url}\n"
    content = documents.dump(made.model_dump(mode="json"))
    commit = repository.write(BRANCH, lambda tree: Changes(message, {path: content}))
    if commit is None:
        raise ReleaseError("the same decision of this moment stands already")
    return _by_token(made, commit.id, proved)


def _first_proof(token: str, nonce: str, issuers: Sequence[Resolved]) -> tuple[Resolved, Proved]:
    refused = NotProved("no provider of the rules proves decisions here")
    for each in issuers:
        try:
            return each, each.proves(token, nonce)
        except NotProved as error:
            refused = error
    raise refused


def verified(
    repository: Repository,
    digest: str,
    allowed_signers: bytes,
    until: str | None = None,
    issuers: Issuers = NO_ISSUERS,
) -> tuple[list[Approval], list[RejectedApproval]]:
    """The decisions on `digest` that are believed, in the order in which they were pushed, and those that are
    not, of the branch as last fetched.

    Believed is the last commit that changed a person's file, if a key of that person in `allowed_signers`
    signed it, it changes nothing else, and the file is about this digest and this person. Whoever may push
    to the branch can overwrite a file, but cannot undo a rejection or a pause: the last one that its author
    signed stands until its author signs something else. Believed as well is a file with an ID token of one of
    `issuers`, signed by one of its keys of now, whose nonce is the hash of this decision, whoever pushed it:
    unless the same person decided later, by the date of the token. What holds something back is believed by
    the key that was recorded with it as well: a provider that changes its keys, or is out of reach, undoes no
    rejection. So is a decision to resume, where the orchestrator's own key vouches for it, and only there. A
    merge could hide commits, so nothing that lets something through is believed from before one.
    `until` is the commit up to which the branch is looked at; None for all of it.

    Raises:
        TooMuchHistory: nobody can tell what holds something back there.
    """
    head = repository.head(BRANCH)
    if head is None or _folder(digest) not in ledger(repository, BRANCH, head):
        return [], []
    believed, refused = _verified(repository, head, digest, allowed_signers, until, issuers.resolved())
    return list(believed), list(refused)


def is_decided_on(repository: Repository, digest: str) -> bool:
    """Whether there is any decision on `digest`, believed or not. Raises TooMuchHistory as `verified`."""
    return bool(decided_among(repository, [digest], str))


def decided_among(
    repository: Repository, subjects: Iterable[_Decidable], digest_of: Callable[[_Decidable], str]
) -> list[_Decidable]:
    """Those of `subjects` on whose digest there is any decision. Raises TooMuchHistory as `verified`."""
    head = repository.head(BRANCH)
    if head is None:
        return []
    kept = ledger(repository, BRANCH, head)
    return [each for each in subjects if _folder(digest_of(each)) in kept]


def decided(
    repository: Repository,
    digest: str,
    allowed_signers: bytes,
    until: str | None = None,
    issuers: Issuers = NO_ISSUERS,
    holding: Rules | None = None,
) -> tuple[list[Approval], list[RejectedApproval]]:
    """As `verified`; believed are also those that hold something back by the keys and the providers of the
    rules that are `holding` still.
    """
    found, refused = verified(repository, digest, allowed_signers, until, issuers)
    if holding is None:
        return found, refused
    wider = Issuers((*issuers.trusted, *holding.issuers), issuers.keys)
    also = verified(repository, digest, allowed_signers + holding.allowed_signers, until, wider)[0]
    known = {each.commit for each in found}
    held = (each for each in also if each.decision in HOLDING and each.commit not in known)
    return [*found, *held], refused


@lru_cache(maxsize=1024)
def _verified(
    repository: Repository,
    head: str,
    digest: str,
    allowed_signers: bytes,
    until: str | None,
    issuers: tuple[Resolved, ...],
) -> tuple[tuple[Approval, ...], tuple[RejectedApproval, ...]]:
    believed: list[tuple[int, Approval]] = []
    refused: list[RejectedApproval] = []
    folder = _folder(digest)
    kept = ledger(repository, BRANCH, head)

    def counts(commit: str) -> bool:
        return until is None or repository.is_ancestor(commit, until)

    files = {
        path: counted
        for path, writes in kept.writes(folder).items()
        if (counted := [each for each in writes if counts(each.commit)])
    }
    hidden = max((number for number, commit in kept.hiding if counts(commit)), default=0)
    for each in files.pop(folder, ())[:1]:
        hidden = max(hidden, each.number)
        refused.append(RejectedApproval(folder, each.commit, "its commit changes more than is gone through"))
    known = principals(allowed_signers)
    reader = _Reader(repository, digest, allowed_signers, issuers)
    for path, writes in files.items():
        newest, *older = writes
        if _who(path) not in known and not any(each.issuer.speaks_for(_who(path)) for each in issuers):
            if len(refused) < MAX_NAMED:
                refused.append(RejectedApproval(path, newest.commit, "nobody of this name may sign"))
            continue
        try:
            approval = reader.believe(path, newest, older)
            if approval and approval.decision not in HOLDING and newest.number <= hidden:
                raise _NotBelieved(
                    "a merge came after it, or what is over the bounds, which may hide later decisions; "
                    "sign it again"
                )
            if approval:
                believed.append((newest.number, approval))
        except _NotBelieved as error:
            refused.append(RejectedApproval(path, newest.commit, str(error)))
            believed += reader.still_holding(path, older)
    in_order = sorted(believed, key=lambda each: each[0])
    return tuple(approval for _, approval in in_order), tuple(refused)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the decisions on a digest, as far as these keys and providers prove them."""

    repository: Repository
    digest: str
    allowed_signers: bytes
    issuers: tuple[Resolved, ...]

    def believe(self, path: str, write: Write, older: Sequence[Write]) -> Approval | None:
        """The decision that `write` left at `path`, after the `older` ones, the newest first; None where its
        author took it back by removing the file.

        Anybody can push a token again: of what people decided by tokens the last one is by the tokens' dates,
        and no token counts twice, whatever the clock said of whoever signed something in between.
        """
        found = self._believe(path, write)
        if found is None or found.issuer is None:
            return found
        if len(older) > MAX_WRITTEN_OVER and found.decision not in HOLDING:
            raise _NotBelieved("it was written over too often to tell what came last; sign it with a key")
        over = older[:MAX_WRITTEN_OVER]
        claimed = self._claimed(path, write)
        again = any(self._claimed(path, each) == claimed for each in over)
        before = self._until_signed(path, over)
        if again or any(each.at >= found.at for each in before if each.issuer is None or each.signed_by):
            raise _NotBelieved("it is an earlier decision of theirs, pushed again")
        return found

    def still_holding(self, path: str, writes: Sequence[Write]) -> Iterator[tuple[int, Approval]]:
        """The last decision of these `writes`, the newest first, that is believed, if it holds something."""
        for place, write in enumerate(writes):
            try:
                approval = self.believe(path, write, writes[place + 1 :])
            except _NotBelieved:
                continue
            if approval and approval.decision in HOLDING:
                yield write.number, approval
            return

    def _until_signed(self, path: str, writes: Sequence[Write]) -> Iterator[Approval]:
        """What is believed of the newest `writes`, up to one that is signed: nobody can push that again."""
        for write in writes:
            with suppress(_NotBelieved):
                found = self._believe(path, write)
                if found is not None:
                    yield found
                    if found.issuer is None:
                        return

    def _claimed(self, path: str, write: Write) -> str | None:
        """What the signature of the token covers that `write` left at `path`, believed or not: the signature
        itself can be spelled in other ways by anybody, as ECDSA's.
        """
        try:
            proof = _read(self.repository.at(write.commit), path).proof
        except (DocumentError, PathNotFound, UnsafeTree):
            return None
        return proof and proof.token.rpartition(".")[0]

    def _believe(self, path: str, write: Write) -> Approval | None:
        if write.merge:
            raise _NotBelieved("it was written by a merge")
        if not write.alone:
            raise _NotBelieved("its commit changes other files too")
        tree = self.repository.at(write.commit)
        try:
            found = self._proved(tree, path, write) if self.issuers else None
            return found or self._signed(tree, path, write)
        except (DocumentError, NotProved, PathNotFound, UnsafeTree, Unsigned, UntrustedSignature) as error:
            raise _NotBelieved(error.what) from error

    def _signed(self, tree: Tree, path: str, write: Write) -> Approval | None:
        signature = self.repository.verify(write.commit, self.allowed_signers)
        if signature.principal.casefold() != _who(path):
            raise _NotBelieved(f"it was signed by {signature.principal}")
        if not tree.exists(path):
            return None
        decision = _read(tree, path)
        self._check(decision, path)
        return _approval(decision, write.commit, key=signature.key)

    def _proved(self, tree: Tree, path: str, write: Write) -> Approval | None:
        """The decision where a token proves it; None where it has none. Raises NotProved."""
        decision = _read(tree, path) if tree.exists(path) else None
        if decision is None or decision.proof is None:
            return None
        self._check(decision, path)
        if decision.decision not in BY_TOKEN:
            raise _NotBelieved(f"no ID token proves a decision to {decision.decision}")
        is_vouched_for = self._is_vouched_for(decision, write)
        nonce = decision_nonce(decision.digest, decision.decision, decision.reason)
        resolved = [each for each in self.issuers if each.issuer.url == decision.proof.issuer]
        try:
            _, proved = _first_proof(decision.proof.token, nonce, resolved)
        except NotProved:
            if (decision.decision not in HOLDING and not is_vouched_for) or not resolved:
                raise
            proved = proved_by(resolved[0].issuer, decision.proof.token, [decision.proof.key], nonce)
            found = _by_token(decision, write.commit, proved)
            found = found if is_vouched_for else found.model_copy(update={"signed_by": None})
        else:
            found = _by_token(decision, write.commit, proved)
        if proved.email != decision.who:
            raise _NotBelieved(f"the token is {proved.email}'s")
        if proved.issued != decision.at:
            raise _NotBelieved("it is dated otherwise than its token")
        return found

    def _is_vouched_for(self, decision: Decision, write: Write) -> bool:
        """Whether the orchestrator's own key says that a decision to resume was proved by the provider's keys
        of then: a line stays resumed for longer than providers keep theirs. Of no other decision it is asked.
        """
        if decision.decision != "resume":
            return False
        if not self.repository.is_sealed(self.repository.commit(write.commit), BRANCH):
            raise _NotBelieved("no ID token resumes but in a commit that bears the orchestrator's own key")
        return True

    def _check(self, decision: Decision, path: str) -> None:
        if decision.digest != self.digest:
            raise _NotBelieved(f"it is about another digest: {decision.digest}")
        named = _path(self.digest, decision.who)
        if path != named:
            raise _NotBelieved(f"it says to be from {decision.who}, whose decisions stand at {named}")


def recorded_keys(repository: Repository, approvals: Iterable[Approval]) -> Keys:
    """The keys of providers by which these `approvals` of a release were proved, whatever keys they have now:
    each from the decision's commit, where it is the one that the release names.
    """
    listed = tuple(each for each in approvals if each.issuer is not None)

    def keys(issuer: str) -> Sequence[Mapping[str, Any]]:
        return [
            proof.key
            for each in listed
            if each.issuer == issuer and (proof := _proof_of(repository, each)) is not None
        ]

    return keys


def proved_then(repository: Repository, approval: Approval, issuer: Issuer) -> Proved:
    """Who decided, by the token in the decision's commit and the key that was checked then.

    Raises:
        NotProved: it was not, or its commit says otherwise.
    """
    proof = _proof_of(repository, approval)
    if proof is None:
        raise NotProved(f"the commit {approval.commit} records no key {approval.signed_by}")
    nonce = decision_nonce(approval.digest, approval.decision, approval.reason)
    return proved_by(issuer, proof.token, [proof.key], nonce)


def _proof_of(repository: Repository, approval: Approval) -> TokenProof | None:
    """The proof in the commit of `approval`, where its key is the one that was checked."""
    path = _path(approval.digest, approval.who)
    try:
        proof = _read(repository.at(approval.commit), path).proof
    except (DocumentError, PathNotFound, RevisionNotFound, UnsafeTree):
        return None
    return proof if proof and fingerprint_of(proof.key) == approval.signed_by else None


def _approval(decision: Decision, commit: str, key: str) -> Approval:
    return Approval(**decision.model_dump(exclude={"proof"}), commit=commit, key=key)


def _by_token(decision: Decision, commit: str, proved: Proved) -> Approval:
    return _approval(decision, commit, f"{proved.issuer} {proved.subject}").model_copy(
        update={"issuer": proved.issuer, "signed_by": fingerprint_of(proved.key)}
    )


def _path(digest: str, who: str) -> str:
    """The one file with the decisions of `who`, in lower case: another would have a history of its own."""
    return f"{_folder(digest)}/{who}.yaml"


def _who(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml").casefold()


def _read(tree: Tree, path: str) -> Decision:
    return documents.parse(tree.read(path, MAX_DECISION), path).into(Decision)


def _folder(digest: str) -> str:
    return digest.removeprefix("sha256:")

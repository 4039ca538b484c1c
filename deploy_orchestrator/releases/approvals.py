"""Decisions that people sign: written to the branch `approvals`, believed only when the signature says so."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.documents import DocumentError, Record
from deploy_orchestrator.fleet import principals
from deploy_orchestrator.git import (
    Changes,
    Commit,
    PathNotFound,
    Repository,
    Signer,
    TooMuchHistory,
    Tree,
    UnsafeTree,
    Unsigned,
    UntrustedSignature,
)
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.ledger import Write, ledger
from deploy_orchestrator.releases.model import Approval, Choice
from deploy_orchestrator.terms import Digest, Email, Text, Time

BRANCH: Final = "approvals"
HOLDING: Final = frozenset[Choice](["reject", "pause"])
"""Decisions that hold something back: nobody else undoes them by writing over them."""
MAX_DECISION: Final = 64 * 1024
"""Bytes of a file that is a decision."""
MAX_NAMED: Final = 100
"""Files that nobody is asked for whose name they have, as far as they are told of one by one."""

_FIXES = {
    "who": "sign with the address that the policy names: --as EMAIL --key KEY, or git config user.email",
    "reason": "say it in fewer words",
}


class Decision(Record):
    """The content of `<digest>/<who>.yaml`."""

    digest: Digest
    who: Email
    decision: Choice
    reason: Text
    at: Time


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
    about: str,
    digest: str,
    decision: Choice,
    reason: str,
    signer: Signer,
    now: datetime,
) -> Commit:
    """Write one decision on the digest of what it is `about`, in a commit of its own that `signer` signs."""
    try:
        made = Decision(
            digest=digest, who=signer.person.email, decision=decision, reason=reason.strip(), at=now
        )
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field, said = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        raise ReleaseError(f"not a decision: {field}: {said}", fix=_FIXES.get(field)) from error
    path = f"{_folder(digest)}/{made.who}.yaml"
    message = f"{decision.capitalize()} {about}\n\nDigest: {digest}\n"
    content = documents.dump(made.model_dump(mode="json"))
    commit = repository.write(BRANCH, lambda tree: Changes(message, {path: content}), signer=signer)
    if commit is None:
        raise ReleaseError("the same decision of this moment stands already")
    return commit


def verified(
    repository: Repository, digest: str, allowed_signers: bytes, until: str | None = None
) -> tuple[list[Approval], list[RejectedApproval]]:
    """The decisions on `digest` that are believed, in the order in which they were pushed, and those that are
    not, of the branch as last fetched.

    Believed is the last commit that changed a person's file, if a key of that person in `allowed_signers`
    signed it, it changes nothing else, and the file is about this digest and this person. Whoever may push
    to the branch can overwrite a file, but cannot undo a rejection or a pause: the last one that its author
    signed stands until its author signs something else. A merge could hide commits, so nothing that lets
    something through is believed from before one. `until` is the commit up to which the branch is looked at;
    None for all of it.
    """
    head = repository.head(BRANCH)
    if head is None:
        return [], []
    with suppress(TooMuchHistory):
        if _folder(digest) not in ledger(repository, BRANCH, head):
            return [], []
    believed, refused = _verified(repository, head, digest, allowed_signers, until)
    return list(believed), list(refused)


@lru_cache(maxsize=1024)
def _verified(
    repository: Repository, head: str, digest: str, allowed_signers: bytes, until: str | None
) -> tuple[tuple[Approval, ...], tuple[RejectedApproval, ...]]:
    believed: list[tuple[int, Approval]] = []
    refused: list[RejectedApproval] = []
    folder = _folder(digest)
    try:
        kept = ledger(repository, BRANCH, head)
    except TooMuchHistory as error:
        return (), (RejectedApproval(BRANCH, head, error.what),)

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
    for path, writes in files.items():
        newest, *older = writes
        if _who(path) not in known:
            if len(refused) < MAX_NAMED:
                refused.append(RejectedApproval(path, newest.commit, "nobody of this name may sign"))
            continue
        try:
            approval = _believe(repository, path, newest, digest, allowed_signers)
            if approval and approval.decision not in HOLDING and newest.number <= hidden:
                raise _NotBelieved(
                    "a merge came after it, or what is over the bounds, which may hide later decisions; "
                    "sign it again"
                )
            if approval:
                believed.append((newest.number, approval))
        except _NotBelieved as error:
            refused.append(RejectedApproval(path, newest.commit, str(error)))
            believed += _still_holding(repository, path, older, digest, allowed_signers)
    in_order = sorted(believed, key=lambda each: each[0])
    return tuple(approval for _, approval in in_order), tuple(refused)


def _still_holding(
    repository: Repository, path: str, writes: Sequence[Write], digest: str, allowed_signers: bytes
) -> Iterator[tuple[int, Approval]]:
    for write in writes:
        try:
            approval = _believe(repository, path, write, digest, allowed_signers)
        except _NotBelieved:
            continue
        if approval and approval.decision in HOLDING:
            yield write.number, approval
        return


def _believe(
    repository: Repository, path: str, write: Write, digest: str, allowed_signers: bytes
) -> Approval | None:
    """The decision that `write` left at `path`; None where its author took it back by removing the file."""
    who = _who(path)
    if write.merge:
        raise _NotBelieved("it was written by a merge")
    if not write.alone:
        raise _NotBelieved("its commit changes other files too")
    try:
        signature = repository.verify(write.commit, allowed_signers)
        if signature.principal.casefold() != who:
            raise _NotBelieved(f"it was signed by {signature.principal}")
        tree = repository.at(write.commit)
        if not tree.exists(path):
            return None
        decision = _read(tree, path)
    except (DocumentError, PathNotFound, UnsafeTree, Unsigned, UntrustedSignature) as error:
        raise _NotBelieved(error.what) from error
    if decision.digest != digest:
        raise _NotBelieved(f"it is about another digest: {decision.digest}")
    if decision.who != who:
        raise _NotBelieved(f"it says to be from {decision.who}")
    return Approval(**decision.model_dump(), commit=write.commit, key=signature.key)


def _who(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml").casefold()


def _read(tree: Tree, path: str) -> Decision:
    return documents.parse(tree.read(path, MAX_DECISION), path).into(Decision)


def _folder(digest: str) -> str:
    return digest.removeprefix("sha256:")

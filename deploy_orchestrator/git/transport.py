import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_orchestrator.git import command
from deploy_orchestrator.git.address import Address, redact
from deploy_orchestrator.git.errors import PushRejected, RemoteUnreachable

TRANSFER_LIMIT = 20.0
CLONE_LIMIT = 600.0
PUSH_LIMIT = 60.0
EACH_COMMIT = 0.2
"""Seconds that a push may take more for each commit: a remote stores the folders of each of them."""

_MIRROR = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_FETCH_OPTIONS = ("--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_AT_ONCE = ("fetch.unpackLimit=1",)
"""What is fetched comes as one pack, which is there as a whole or not at all: of single objects another
thread sees a commit before its files (git-config, `fetch.unpackLimit`).
"""
_PUSH_OPTIONS = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
_ABSENT = re.compile(r"couldn't find remote ref (refs/heads/\S+)")
_LEFT_LOCKED = re.compile(r"\.lock': File exists")
_REFUSED = re.compile(r"^!\t\S+\t(?P<reason>.*)$", re.MULTILINE)
_LOST_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to lock|failed to update ref"
    r"|incorrect old value|reference already exists|atomic transaction failed"
)
_WITH_ANOTHER = re.compile(r"atomic push fail")
_OTHER_FORMAT = "mismatched algorithms"
_NOT_ATOMIC = "does not support --atomic"


def fetch(
    address: Address, clone: Path, *, branches: Collection[str] | None = None, new: bool = False
) -> None:
    """Makes the branches and tags of `clone` those of the remote, or these `branches` alone (a `*` at the end
    stands for any): what others push beside them is none of ours. The caller holds the lock of the clone.

    A remote that says nothing for 20 seconds is given up. Where it does, and into a `new` clone, all that
    there is may take ten minutes.

    Raises:
        RemoteUnreachable: it did not answer, or not in time.
    """
    wanted = None if branches is None else [f"refs/heads/{each}" for each in branches]
    result = _fetch(address, clone, wanted, new)
    if result.code and _LEFT_LOCKED.search(result.errors):
        for left in [*clone.glob("*.lock"), *clone.glob("refs/**/*.lock")]:
            left.unlink(missing_ok=True)
        result = _fetch(address, clone, wanted, new)
    while wanted and result.code and (absent := _ABSENT.search(result.errors)) and absent[1] in wanted:
        command.run(["update-ref", "-d", absent[1]], repository=clone, limit=TRANSFER_LIMIT)
        wanted.remove(absent[1])
        result = _fetch(address, clone, wanted, new)
    if result.code:
        if _OTHER_FORMAT in result.errors:
            raise RemoteUnreachable(
                f"{address.url} is a repository of SHA-256 objects, which cannot be read here",
                fix="keep it as one of SHA-1 objects, as every forge makes it: git init --object-format=sha1",
            )
        damaged = f"; where that works, remove {clone}, which is made again" if _has_branches(clone) else ""
        raise RemoteUnreachable(
            f"{address.url} cannot be fetched: {redact(result.errors).strip()}",
            fix=f"try: git ls-remote {address.url}{damaged}",
        )


@dataclass(frozen=True, slots=True)
class Move:
    """A `reference` of the remote that is set to `commit` ("": taken away) if it is at `expected` (None:
    absent).
    """

    reference: str
    expected: str | None
    commit: str


def push(address: Address, clone: Path, moves: Sequence[Move], commits: int = 1) -> bool:
    """Makes all `moves` at once, or none of them; False if one reference was elsewhere. There are that many
    new `commits`.

    Raises:
        PushRejected: the remote refuses for another reason.
        RemoteUnreachable: no answer; whether the push arrived is not known.
    """
    leases = [f"--force-with-lease={each.reference}:{each.expected or ''}" for each in moves]
    together = ["--atomic"] if len(moves) > 1 else []
    wanted = [f"{each.commit}:{each.reference}" for each in moves]
    arguments = ["push", *_PUSH_OPTIONS, *together, *leases, "--", address.given, *wanted]
    try:
        limit = PUSH_LIMIT + commits * EACH_COMMIT
        result = command.run(arguments, repository=clone, environment=address.environment, limit=limit)
    except command.TimedOut as error:
        raise RemoteUnreachable(f"{address.url}: {error.what}") from error
    if result.code == 0:
        return True
    errors = redact(result.errors).strip()
    reasons = _REFUSED.findall(result.output.decode("utf-8", "replace"))
    if any(map(_LOST_RACE.search, reasons)):
        return False
    if _NOT_ATOMIC in errors:
        raise PushRejected(
            f"{address.url} cannot update two branches at once: {errors}",
            fix="keep this repository on a forge that takes atomic pushes",
        )
    if not reasons:
        raise RemoteUnreachable(f"{address.url} cannot be pushed to: {errors}")
    refused = next((each for each in reasons if not _WITH_ANOTHER.search(each)), reasons[0])
    raise PushRejected(f"{address.url} refuses the push, {refused}: {errors}")


def _has_branches(clone: Path) -> bool:
    return any(each.is_file() for each in clone.glob("refs/heads/**/*"))


def _fetch(address: Address, clone: Path, wanted: Sequence[str] | None, new: bool) -> command.Output:
    answers = ["ls-remote", "--quiet", "--", address.given, "HEAD"]
    arguments = ["fetch", *_FETCH_OPTIONS, "--", address.given]
    arguments += _MIRROR if wanted is None else [f"+{each}:{each}" for each in wanted]
    try:
        if wanted == []:
            return _asked(address, clone, answers, TRANSFER_LIMIT)
        if not new:
            try:
                return _asked(address, clone, arguments, TRANSFER_LIMIT)
            except command.TimedOut:
                _asked(address, clone, answers, TRANSFER_LIMIT)
        return _asked(address, clone, arguments, CLONE_LIMIT)
    except command.TimedOut as error:
        raise RemoteUnreachable(f"{address.url}: {error.what}") from error


def _asked(address: Address, clone: Path, arguments: Sequence[str], limit: float) -> command.Output:
    return command.run(
        arguments, repository=clone, settings=_AT_ONCE, environment=address.environment, limit=limit
    )

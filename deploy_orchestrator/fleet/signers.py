"""Who may sign: `allowed_signers` in OpenSSH's format (ssh-keygen(1), ALLOWED SIGNERS)."""

import base64
import binascii
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layout import ALLOWED_SIGNERS

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_KEY_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9-]+(?:@openssh\.com)?")


def principals(data: bytes) -> frozenset[str]:
    """Everyone who is named with a key, in lower case; patterns are no one's name.

    Raises:
        FleetError: a line that holds no SSH public key.
    """
    return frozenset(name for number, line in _entries(data) for name in _principals(line, number))


@lru_cache(maxsize=64)
def lines(data: bytes) -> tuple[str, ...]:
    """The lines that name somebody with a key, each as who, options, type and key, one blank between them.

    Raises:
        FleetError: a line that holds no SSH public key.
    """
    return tuple(_without_comment(line, number) for number, line in _entries(data))


def _entries(data: bytes) -> list[tuple[int, str]]:
    numbered = enumerate(data.decode(errors="replace").splitlines(), start=1)
    return [(number, line) for number, line in numbered if line.strip() and not line.lstrip().startswith("#")]


def _without_comment(line: str, number: int) -> str:
    _principals(line, number)
    words = _WORD.findall(line)
    end = next(place for place in range(1, 4) if _is_key(*words[place : place + 2]))
    return " ".join(words[: end + 2])


def among(who: str, people: Iterable[str]) -> bool:
    """Whether somebody is one of `people`, whatever the case they are written in."""
    return who.casefold() in {person.strip().casefold() for person in people}


def _principals(line: str, number: int) -> list[str]:
    names, *rest = _WORD.findall(line) or [""]
    if not any(_is_key(*pair) for pair in pairwise(rest[:3])):
        raise FleetError(
            "expected who signs and their SSH public key",
            place=Place(ALLOWED_SIGNERS, number),
            fix='write a line such as: alice@example.com namespaces="git" ssh-ed25519 AAAA…',
        )
    return names.strip('"').lower().split(",")


def _is_key(kind: str, encoded: str) -> bool:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(_KEY_TYPE.fullmatch(kind)) and data[4 : 4 + len(kind)] == kind.encode()

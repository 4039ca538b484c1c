"""Who asks, and what they may do here."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import quote

from starlette.types import Scope

from deploy_orchestrator.git import Ident

LAUNCHED_BY: Final = "user"
"""The tag of runs whose value Dagster shows as who launched them."""
_PERSON: Final = "deploy_orchestrator.person"


class Role(IntEnum):
    """What somebody may do, each with all that is before it. Policies say who may approve, and not this."""

    NOTHING = 0
    SEES = 1
    OPERATES = 2
    ADMINISTERS = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: `who` they are, as an e-mail address where the provider verified one; `name` is what they
    call themselves, and proves nothing. `issuer` is the name of who signed them in. `signed_in` is false for
    whoever sits at this machine. A machine shows a token, and decides nothing.
    """

    who: str
    name: str
    role: Role
    email: str | None = None
    issuer: str = ""
    signed_in: bool = True
    is_machine: bool = False

    @property
    def address(self) -> str:
        """What policies name them by."""
        return self.email or self.who

    @property
    def signature(self) -> Ident | None:
        """As whom Git remembers what they do; None for whoever sits at this machine. A domain below `invalid`
        is nobody's: https://www.rfc-editor.org/rfc/rfc2606#section-2
        """
        if self.email:
            return Ident(self.email.partition("@")[0], self.email)
        if self.is_machine:
            return Ident(self.who, f"{self.name}@machines.invalid")
        if not self.signed_in:
            return None
        name = "".join(each for each in self.who if each.isprintable() and each not in "<>")
        return Ident(name, f"{quote(self.who, safe='')}@{self.issuer}.invalid")


NOBODY: Final = Person("nobody", "nobody", Role.NOTHING, signed_in=False)
LOCAL: Final = Person("local", "this machine", Role.ADMINISTERS, signed_in=False)
"""Whoever reaches a server that nobody signs in to, and that listens to its own machine alone."""


def known_as(scope: Scope, person: Person) -> Scope:
    """The request as that of `person`."""
    return {**scope, _PERSON: person}


def person_of(scope: Scope) -> Person:
    """Who asks; nobody where nothing has asked them who they are."""
    return scope.get(_PERSON, NOBODY)

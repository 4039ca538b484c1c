"""What an installation says of sign-in: which providers are believed, and who may do what."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from deploy_orchestrator.documents import MAX_BYTES, parse
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.identity import Proved
from deploy_orchestrator.terms import Label, is_safe_url, may_speak_for
from deploy_orchestrator.web.people import Role

_EMAIL: Final = re.compile(r"[^\s/@]+@[^\s/@]+")
_HELD: Final = re.compile(r"([a-z0-9-]+)/(\S.*)")
_EVERYBODY: Final = "*"


class SignInRefused(OrchestratorError):
    """The file that says who may sign in cannot be used."""


def _safe_url(url: str) -> str:
    if not is_safe_url(url):
        raise ValueError("expected a URL that begins with https://, or with http:// on this machine")
    if "@" in urlsplit(url).netloc:
        raise ValueError("expected no credentials in the URL")
    return url


def _origin(url: str) -> str:
    if urlsplit(url).path not in ("", "/"):
        raise ValueError("expected a URL without a path: the board is at the root of its host")
    return url.rstrip("/")


def _holder(text: str) -> str:
    if not _EMAIL.fullmatch(text) and not _HELD.fullmatch(text):
        raise ValueError("expected an e-mail address, ISSUER/GROUP, or ISSUER/* for all whom it signs in")
    return text.lower() if "/" not in text else text


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_alias=True, validate_by_name=True
    )


class IssuerFile(_Model):
    """An OpenID provider: a `name` of your own, its `issuer` exactly as it says it, and this `client` there.

    `scopes` are asked for. `groups` is the claim of the ID token that lists groups, `verified` the one that
    says whether the e-mail address is verified. `domains` are those that it may speak for; none, where it is
    the only issuer: any. `decisions` is another client there, which asks for decisions alone; None: nobody
    decides on the board.
    """

    name: Label
    issuer: Annotated[str, AfterValidator(_safe_url)]
    client: Annotated[str, Field(min_length=1, max_length=255)]
    decisions: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    groups: str = "groups"
    verified: str = "email_verified"
    domains: tuple[str, ...] = ()

    def speaks_for(self, email: str) -> bool:
        return may_speak_for(self.domains, email)


Holder = Annotated[str, AfterValidator(_holder)]


class Roles(_Model):
    """Who may do what: e-mail addresses, `ISSUER/GROUP`, or `ISSUER/*` for all whom an issuer signs in."""

    sees: tuple[Holder, ...] = ()
    operates: tuple[Holder, ...] = ()
    administers: tuple[Holder, ...] = ()

    def listed(self) -> Iterator[tuple[str, int, str, Role]]:
        """Everybody, where they stand, and what they may do."""
        for role in (Role.SEES, Role.OPERATES, Role.ADMINISTERS):
            for number, holder in enumerate(getattr(self, role.name.lower())):
                yield role.name.lower(), number, holder, role


class SignInFile(_Model):
    """The fields of the file: the `url` that browsers know this server by, the `issuers` that are believed,
    the `roles`, and after how many `hours` somebody signs in anew.
    """

    url: Annotated[str, AfterValidator(_safe_url), AfterValidator(_origin)]
    issuers: tuple[IssuerFile, ...] = Field(min_length=1)
    roles: Roles = Roles()
    hours: Annotated[int, Field(ge=1, le=168)] = 8

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len({each.name for each in self.issuers}) < len(self.issuers):
            raise ValueError("expected another name for each issuer")
        return self

    @model_validator(mode="after")
    def _each_speaks_for_its_own(self) -> Self:
        if len(self.issuers) > 1 and not all(each.domains for each in self.issuers):
            raise ValueError(
                "expected the domains of each of several issuers: else one names whom another one knows"
            )
        return self

    @model_validator(mode="after")
    def _clients_differ(self) -> Self:
        if any(each.client == each.decisions for each in self.issuers):
            raise ValueError("expected another client for decisions than the one that signs people in")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.url.startswith("https://")

    def issuer(self, name: str) -> IssuerFile | None:
        return next((each for each in self.issuers if each.name == name), None)

    def clients(self) -> tuple[str, ...]:
        """What secrets of clients are called: by the issuer's name, `NAME.decisions` for its decisions."""
        deciding = (f"{each.name}.decisions" for each in self.issuers if each.decisions)
        return (*(each.name for each in self.issuers), *deciding)

    def held(self, issuer: str, proved: Proved) -> tuple[str, ...]:
        """As what of those who are listed somebody counts, whom the issuer of this name signed in."""
        counts = {f"{issuer}/{_EVERYBODY}", *(f"{issuer}/{group}" for group in proved.groups)}
        if proved.email:
            counts.add(proved.email)
        return tuple(sorted(counts & {holder for _, _, holder, _ in self.roles.listed()}))

    def role(self, held: tuple[str, ...]) -> Role:
        """The most that somebody may do who counts as `held`."""
        roles = (role for _, _, holder, role in self.roles.listed() if holder in held)
        return max(roles, default=Role.NOTHING)


def read_sign_in(path: Path, secrets: Mapping[str, str]) -> SignInFile:
    """The file at `path`, for whose issuers these client `secrets` are at hand by their names.

    Raises:
        SignInRefused, DocumentError: it cannot be read, or is about an issuer that it does not have.
    """
    try:
        with path.open("rb") as file:
            document = parse(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise SignInRefused(f"it cannot be read: {error.strerror}", place=Place(str(path))) from error
    if document.duplicates:
        raise SignInRefused("the key stands twice here", place=document.duplicates[0], fix="keep one of them")
    found = document.into(SignInFile)
    names = {each.name for each in found.issuers}
    for role, number, holder, _ in found.roles.listed():
        issuer, slash, _ = holder.partition("/")
        if slash and issuer not in names:
            raise SignInRefused(
                f"there is no issuer {issuer!r}",
                place=document.place("roles", role, number),
                fix=instead_of(issuer, names),
            )
    if strange := sorted({*secrets} - {*found.clients()}):
        raise SignInRefused(
            f"there is a secret for the issuer {strange[0]!r}, which is not in {path}",
            place=Place("DEPLOY_ORCHESTRATOR_SIGN_IN_SECRETS"),
            fix=instead_of(strange[0], names),
        )
    return found

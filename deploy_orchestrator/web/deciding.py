"""Decide on the board: each decision takes its author through the provider once more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Issuer
from deploy_orchestrator.identity import NotProved, ProviderUnreachable, decision_nonce, expected_of, prove
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Line, Plan
from deploy_orchestrator.web.asking import (
    Asked,
    AskedToStop,
    Subjects,
    WayToDecide,
    asked,
    asked_of_all,
    asked_to_stop,
    pending,
    require_decider,
    require_stopper,
)
from deploy_orchestrator.web.people import Person, person_of
from deploy_orchestrator.web.sign_in import ATTEMPT_SECONDS, CookieTooLarge, Returned, SignIn, came_back

_ATTEMPT: Final = "deploy-orchestrator-decision"
_VERBS: Final = frozenset({"approve", "reject", "pause"})
_SAYS: Final = (
    "{} asks you who you are, and signs that you decided on exactly this. Anybody who reads the deployments "
    "repository sees that, with your address."
)


class DecisionAttempt(BaseModel):
    """A decision whose author is at the provider, who began it here as `by`, on a change as it was `seen` or
    on a line; the `rest` are decided on after it in the same way, and its author is shown the page `then`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    by: str
    state: str
    verifier: str
    environment: str
    tenant: str
    digest: str
    seen: str
    decision: Literal["approve", "reject", "pause", "resume"]
    reason: str
    rest: Subjects = ()
    then: str = ""

    def is_of(self, person: Person) -> bool:
        return (self.issuer, self.by) == (person.issuer, person.address)

    @property
    def nonce(self) -> str:
        return decision_nonce(self.digest, self.decision, self.reason)


@dataclass(frozen=True, slots=True)
class Deciding:
    """Takes the decisions of people whom `sign_in` knows, with the ID tokens that prove them."""

    sign_in: SignIn
    orchestrator: Orchestrator

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/deployments/{environment}/{tenant}/decide", self._begin, methods=["POST"]),
            Route("/changes/{commit}/decide", self._begin_all, methods=["POST"]),
            Route("/stop", self._begin_stop, methods=["POST"]),
            Route("/decide/{issuer}/back", self._back),
        ]

    def way(self, person: Person, trusted: Sequence[Issuer]) -> WayToDecide | None:
        issuer = self._proving(person, trusted)
        verbs = _VERBS | {"resume"} if self._vouches else _VERBS
        return WayToDecide(_SAYS.format(issuer.name), verbs) if issuer else None

    @property
    def _vouches(self) -> bool:
        """Whether the orchestrator has a key of its own, without which no ID token resumes."""
        return self.orchestrator.deployments.repository.seal is not None

    def _proving(self, person: Person, trusted: Sequence[Issuer]) -> Issuer | None:
        """The provider that proves what `person` decides, where one of those `trusted` does; else None."""
        own = self.sign_in.file.issuer(person.issuer)
        return next(
            (each for each in trusted if own and (each.url, each.client) == (own.issuer, own.decisions)), None
        )

    async def _begin(self, request: Request) -> Response:
        return await self.sign_in.asks(self._begun, await asked(request), person_of(request.scope))

    async def _begin_all(self, request: Request) -> Response:
        return await self.sign_in.asks(self._begun, await asked_of_all(request), person_of(request.scope))

    async def _begin_stop(self, request: Request) -> Response:
        said = await asked_to_stop(request)
        return await self.sign_in.asks(self._begun_to_stop, said, person_of(request.scope))

    def _begun(self, said: Asked, person: Person) -> Response:
        plans = said.plans(self.orchestrator)
        require_decider(self.orchestrator, plans, said.decision, person.address)
        return self._next(person, said.environment, said.subjects, said.decision, said.reason, said.then)

    def _begun_to_stop(self, said: AskedToStop, person: Person) -> Response:
        if said.decision == "resume" and not self._vouches:
            raise HTTPException(
                403,
                "no ID token resumes where the orchestrator has no key of its own: "
                f"deploy-orchestrator resume {said.line.key.replace('/', ' ')}",
            )
        require_stopper(self.orchestrator, said, person.address)
        line = said.line
        subjects = ((line.tenant or "", line.digest, ""),)
        return self._next(person, line.environment, subjects, said.decision, said.reason, said.then)

    def _next(
        self,
        person: Person,
        environment: str,
        subjects: Subjects,
        decision: Literal["approve", "reject", "pause", "resume"],
        reason: str,
        then: str,
    ) -> Response:
        """Send them to their provider, for the first of what they decide on."""
        (tenant, digest, seen), *rest = subjects
        issuer = self._issuer(person, environment)
        attempt = DecisionAttempt(
            issuer=person.issuer,
            by=person.address,
            state=token_urlsafe(32),
            verifier=token_urlsafe(48),
            environment=environment,
            tenant=tenant,
            digest=digest,
            seen=seen,
            decision=decision,
            reason=reason,
            rest=tuple(rest),
            then=then,
        )
        about = {"login_hint": person.email or ""}
        if issuer.max_age is not None:
            about["max_age"] = str(int(issuer.max_age.total_seconds()))
        try:
            there = self.sign_in.deciding(attempt.issuer).begin(
                attempt.state, attempt.nonce, attempt.verifier, **about
            )
        except ProviderUnreachable as error:
            raise HTTPException(502, error.what) from error
        answer = RedirectResponse(there, 303)
        try:
            self.sign_in.cookies.give(answer, _ATTEMPT, attempt, ATTEMPT_SECONDS)
        except CookieTooLarge as error:
            raise HTTPException(400, "say it shorter, or decide on fewer at once") from error
        return answer

    async def _back(self, request: Request) -> Response:
        attempt = self.sign_in.cookies.read(request, _ATTEMPT, DecisionAttempt, ATTEMPT_SECONDS)
        try:
            issuer = self.sign_in.file.issuer(request.path_params["issuer"])
            attempt, _, code = came_back(request, attempt, issuer)
            person = person_of(request.scope)
            if not attempt.is_of(person):
                raise Returned(403, "it is not decided: somebody else began this; look at it, and begin anew")
            await self.sign_in.asks(self._decide, attempt, code, person)
        except Returned as error:
            raise HTTPException(error.status, error.why) from error
        if attempt.rest:
            further = attempt.environment, attempt.rest, attempt.decision, attempt.reason, attempt.then
            return await self.sign_in.asks(self._next, person, *further)
        answer = RedirectResponse(attempt.then, 303)
        self.sign_in.cookies.take(answer, _ATTEMPT)
        return answer

    def _decide(self, attempt: DecisionAttempt, code: str, person: Person) -> None:
        try:
            issuer = self._issuer(person, attempt.environment)
            client = self.sign_in.deciding(attempt.issuer)
            token = client.finish(code, attempt.verifier)
            expected = expected_of(issuer, attempt.nonce)
            proved = prove(token, client.provider.keys_for(token), expected, datetime.now(UTC))
            if proved.email is None or proved.email != person.email:
                raise NotProved(
                    f"you are here as {person.who}, and decided as {proved.email or proved.subject}"
                )
            subject = self._subject(attempt)
            self.orchestrator.record(subject, attempt.decision, attempt.reason, token)
        except ProviderUnreachable as error:
            raise HTTPException(502, error.what) from error
        except NotProved as error:
            raise HTTPException(403, f"it is not decided: {error.what}") from error
        except OrchestratorError as error:
            raise HTTPException(409, f"it is not decided: {error.what}") from error

    def _subject(self, attempt: DecisionAttempt) -> Plan | Line:
        if attempt.decision in ("pause", "resume"):
            return Line(attempt.environment, attempt.tenant or None)
        about = attempt.environment, attempt.tenant, attempt.digest, attempt.seen
        return pending(self.orchestrator, *about)

    def _issuer(self, person: Person, environment: str) -> Issuer:
        issuer = self._proving(person, self.orchestrator.fleet().trusted(environment))
        if issuer is None:
            raise HTTPException(403, "no provider of the rules proves who you are: decide by a signed commit")
        return issuer

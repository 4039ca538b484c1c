"""Approve and reject on the board: each decision takes its author through the provider once more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Issuer
from deploy_orchestrator.identity import NotProved, ProviderUnreachable, decision_nonce, expected_of, prove
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Plan
from deploy_orchestrator.terms import Text
from deploy_orchestrator.web.forms import read_form
from deploy_orchestrator.web.people import Person, person_of
from deploy_orchestrator.web.sign_in import ATTEMPT_SECONDS, Returned, SignIn, came_back

MAX_REASON: Final = 500
_ATTEMPT: Final = "deploy-orchestrator-decision"
Verb = Literal["approve", "reject"]
Subjects = tuple[tuple[str, str], ...]
MAX_AT_ONCE: Final = 20
"""What a cookie holds of those that are still to be decided on."""


class Attempt(BaseModel):
    """A decision whose author is at the provider; the `rest`, tenants with their digests, are decided on
    after it in the same way, and its author is shown the page `then`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    state: str
    verifier: str
    environment: str
    tenant: str
    digest: str
    decision: Verb
    reason: str
    rest: tuple[tuple[str, str], ...] = ()
    then: str = ""

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
            Route("/deployments/{environment}/{tenant}/decide", self._begin, methods=["POST"], name="decide"),
            Route("/changes/{commit}/decide", self._begin_all, methods=["POST"], name="decide_all"),
            Route("/decide/{issuer}/back", self._back),
        ]

    def issuer(self, person: Person, trusted: Sequence[Issuer]) -> Issuer | None:
        """The provider that proves what `person` decides, where one of those `trusted` does; else None."""
        own = self.sign_in.file.issuer(person.issuer)
        return next(
            (each for each in trusted if own and (each.url, each.client) == (own.issuer, own.decisions)), None
        )

    async def _begin(self, request: Request) -> Response:
        said, person = await read_form(request), person_of(request.scope)
        environment, tenant = request.path_params["environment"], request.path_params["tenant"]
        subjects = ((tenant, said.get("digest", "")),)
        then = f"/deployments/{quote(environment)}/{quote(tenant)}"
        return await run_in_threadpool(self._begun, said, person, environment, subjects, then)

    async def _begin_all(self, request: Request) -> Response:
        said, person = await read_form(request), person_of(request.scope)
        then = f"/changes/{quote(request.path_params['commit'])}"
        subjects = _subjects(said.get("digests", ""))
        return await run_in_threadpool(self._begun, said, person, said.get("environment", ""), subjects, then)

    def _begun(
        self, said: Mapping[str, str], person: Person, environment: str, subjects: Subjects, then: str
    ) -> Response:
        decision, reason = _verb(said.get("decision", "")), _reason(said.get("reason", ""))
        if decision == "reject" and not reason:
            raise HTTPException(400, "say why it is rejected")
        for each in subjects:
            self._pending(environment, *each)
        return self._asked(person, environment, subjects, decision, reason, then)

    def _asked(
        self, person: Person, environment: str, subjects: Subjects, decision: Verb, reason: str, then: str
    ) -> Response:
        """Send them to their provider, for the first of what they decide on."""
        (tenant, digest), *rest = subjects
        issuer = self._issuer(person, environment)
        attempt = Attempt(
            issuer=person.issuer,
            state=token_urlsafe(32),
            verifier=token_urlsafe(48),
            environment=environment,
            tenant=tenant,
            digest=digest,
            decision=decision,
            reason=reason,
            rest=tuple(rest),
            then=then,
        )
        asked = {"login_hint": person.email or ""}
        if issuer.max_age is not None:
            asked["max_age"] = str(int(issuer.max_age.total_seconds()))
        try:
            there = self.sign_in.deciding(attempt.issuer).begin(
                attempt.state, attempt.nonce, attempt.verifier, **asked
            )
        except ProviderUnreachable as error:
            raise HTTPException(502, error.what) from error
        answer = RedirectResponse(there, 303)
        self.sign_in.cookies.give(answer, _ATTEMPT, attempt, ATTEMPT_SECONDS)
        return answer

    async def _back(self, request: Request) -> Response:
        attempt = self.sign_in.cookies.read(request, _ATTEMPT, Attempt, ATTEMPT_SECONDS)
        try:
            issuer = self.sign_in.file.issuer(request.path_params["issuer"])
            attempt, _, code = came_back(request, attempt, issuer)
            person = person_of(request.scope)
            await run_in_threadpool(self._decide, attempt, code, person)
        except Returned as error:
            raise HTTPException(error.status, error.why) from error
        if attempt.rest:
            further = attempt.environment, attempt.rest, attempt.decision, attempt.reason, attempt.then
            return await run_in_threadpool(self._asked, person, *further)
        answer = RedirectResponse(attempt.then, 303)
        self.sign_in.cookies.take(answer, _ATTEMPT)
        return answer

    def _decide(self, attempt: Attempt, code: str, person: Person) -> None:
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
            plan = self._pending(attempt.environment, attempt.tenant, attempt.digest)
            self.orchestrator.record(plan, attempt.decision, attempt.reason, token)
        except ProviderUnreachable as error:
            raise HTTPException(502, error.what) from error
        except NotProved as error:
            raise HTTPException(403, f"it is not decided: {error.what}") from error
        except OrchestratorError as error:
            raise HTTPException(409, f"it is not decided: {error.what}") from error

    def _issuer(self, person: Person, environment: str) -> Issuer:
        issuer = self.issuer(person, self.orchestrator.fleet().trusted(environment))
        if issuer is None:
            raise HTTPException(403, "no provider of the rules proves who you are: decide by a signed commit")
        return issuer

    def _pending(self, environment: str, tenant: str, digest: str) -> Plan:
        self.orchestrator.deployments.repository.fetch()
        plan = self.orchestrator.deployments.pending(environment, tenant)
        if plan is None or plan.digest != digest:
            raise HTTPException(409, "what waits is another by now: look at it, and decide again")
        return plan


def _subjects(said: str) -> Subjects:
    """Tenants with their digests, as a page says them: `name:digits name:digits`."""
    parts = [each.partition(":") for each in said.split()]
    if not 0 < len(parts) <= MAX_AT_ONCE:
        raise HTTPException(400, f"decide on 1 to {MAX_AT_ONCE} at once; the rest after that")
    return tuple((tenant, f"sha256:{digits}") for tenant, _, digits in parts)


def _verb(said: str) -> Verb:
    if said == "approve":
        return "approve"
    if said == "reject":
        return "reject"
    raise HTTPException(400, "approve or reject")


def _reason(said: str) -> str:
    reason = said.strip()
    try:
        TypeAdapter[str](Text).validate_python(reason)
    except ValidationError as error:
        raise HTTPException(400, f"not a reason: {error.errors()[0]['msg']}") from error
    if len(reason) > MAX_REASON:
        raise HTTPException(400, f"say it in {MAX_REASON} characters")
    return reason

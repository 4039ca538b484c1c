"""Decisions that an ID token proves: what counts, what is void, and what stands when keys change."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwk, jwt

from deploy_orchestrator.documents import dump
from deploy_orchestrator.fleet import ApprovalRule, Issuer, PauseRule, Policy
from deploy_orchestrator.git import Changes, Repository, Seal
from deploy_orchestrator.identity import NotProved, ProviderUnreachable, decision_nonce
from deploy_orchestrator.releases import Deployments, GateState, Line, count, proved_then
from tests.desk import make_keys

ANN, BOB = "ann@example.com", "bob@example.com"
URL, CLIENT = "https://login.example.com", "decisions"
ISSUER = Issuer(name="acme", url=URL, client=CLIENT, domains=("example.com",))
RULE = ApprovalRule(approvers=(ANN, BOB))


@dataclass
class Provider:
    """Signs what it is asked to."""

    key: Any = field(default_factory=lambda: jwk.generate_key("EC", "P-256", private=True))
    is_there: bool = True
    listed: bool = True

    def keys(self, issuer: str) -> list[Any]:
        assert issuer == URL
        if not self.is_there:
            raise ProviderUnreachable("the provider is out of reach")
        return [self.key.as_dict(private=False)] if self.listed else []

    def token(self, about: Any, decision: str = "approve", reason: str = "", **claims: Any) -> str:
        at = int(claims.pop("at", datetime(2026, 3, 2, 12, 0, tzinfo=UTC)).timestamp())
        said = {
            "iss": URL,
            "aud": CLIENT,
            "sub": "1",
            "iat": at,
            "exp": at + 300,
            "nonce": decision_nonce(about.digest, decision, reason),
            "email": ANN,
            "email_verified": True,
        }
        return jwt.encode({"alg": "ES256"}, said | claims, self.key)


def _otherwise_spelled(token: str) -> str:
    """The same token with the other signature that ECDSA has for it: (r, n - s) for (r, s)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    claimed, _, signature = token.rpartition(".")
    both = urlsafe_b64decode(signature + "==")
    other = both[:32] + (order - int.from_bytes(both[32:])).to_bytes(32)
    return f"{claimed}.{urlsafe_b64encode(other).decode().rstrip('=')}"


@pytest.fixture(scope="module")
def signing() -> Any:
    return jwk.generate_key("EC", "P-256", private=True)


@pytest.fixture
def provider(signing: Any) -> Provider:
    return Provider(signing)


@pytest.fixture
def deployments(repository: Any, provider: Provider) -> Deployments:
    return Deployments(repository, provider.keys)


@pytest.fixture
def plan(build, pipeline):
    return pipeline.propose(build.manifests(build.config_map(a="1")))


@pytest.fixture
def decide(deployments, plan, provider) -> Callable[..., Any]:
    def record(decision: Any = "approve", reason: str = "", **claims: Any) -> Any:
        token = provider.token(plan, decision, reason, **claims)
        return deployments.record(plan, decision, reason, token, [ISSUER])

    return record


@pytest.fixture
def believed(deployments, plan) -> Callable[..., Any]:
    def read(*, issuers: Any = (ISSUER,), signers: bytes = b"") -> Any:
        approvals, refused = deployments.approvals(plan.digest, signers, issuers)
        return [(each.who, each.decision) for each in approvals], [each.reason for each in refused]

    return read


@pytest.fixture
def push(deployments, plan, build, provider) -> Callable[..., None]:
    """Push a file to the branch as somebody would who may."""

    def pushed(
        token: str, who: str = ANN, *, key: Any = None, name: str = "", about: str = "", **changed: Any
    ) -> None:
        public = (key or provider.key).as_dict(private=False)
        said = {
            "digest": plan.digest,
            "who": who,
            "decision": "approve",
            "reason": "",
            "at": "2026-03-02T12:00:00Z",
            "proof": {"issuer": URL, "token": token, "key": public},
        }
        path = f"{(about or plan.digest).removeprefix('sha256:')}/{name or who}.yaml"
        said["digest"] = about or plan.digest
        build.push(deployments.repository, "approvals", {path: dump(said | changed)})

    return pushed


def test_a_token_about_exactly_this_decision_is_believed_and_names_who_and_by_which_key(
    build, deployments, plan, decide
):
    made = decide(reason="read the diff")
    (approval,), refused = deployments.approvals(plan.digest, b"", [ISSUER])
    assert refused == []
    assert approval == made
    assert (approval.who, approval.reason, approval.at) == (ANN, "read the diff", build.NOW)
    assert approval.issuer == URL
    assert approval.signed_by.startswith("sha256:")


def test_it_lets_the_change_through_and_stands_in_the_release(build, pipeline, deployments, provider):
    hook = {"helm.sh/hook": "pre-upgrade"}
    pipeline.release(build.manifests(build.job(image="app:1.0.0", **hook)))
    plan = pipeline.propose(build.manifests(build.job(image="app:1.1.0", **hook)), source=build.S2)
    policy = build.asks_for(ANN, BOB)
    conditions = replace(build.conditions(policy), issuers=_issuers(provider))
    waits = [gate for gate in deployments.gates(plan, conditions) if gate.key == "approval"]
    deployments.record(plan, "approve", "", provider.token(plan), [ISSUER])
    (gate,) = [gate for gate in deployments.gates(plan, conditions) if gate.key == "approval"]
    assert (waits[0].state, gate.state) == (GateState.WAITING, GateState.OPEN)
    release = build.release(deployments, plan, conditions)
    (approval,) = release.approvals
    assert (approval.who, approval.issuer) == (ANN, URL)


def test_years_later_it_is_verified_by_the_key_that_was_recorded(deployments, provider, decide):
    approval = decide()
    provider.listed = False
    assert proved_then(deployments.repository, approval, ISSUER).email == ANN
    forged = approval.model_copy(update={"signed_by": "sha256:another"})
    with pytest.raises(NotProved, match="records no key"):
        proved_then(deployments.repository, forged, ISSUER)
    with pytest.raises(NotProved):
        proved_then(deployments.repository, approval.model_copy(update={"reason": "another"}), ISSUER)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "sign-in"},
        {"aud": [CLIENT, "sign-in"]},
        {"iss": "https://evil.example"},
        {"nonce": "of something else"},
        {"email_verified": False},
        {"email": "ann@evil.example"},
        {"email": None},
    ],
)
def test_a_token_for_something_else_proves_no_decision(decide, believed, claims):
    with pytest.raises(NotProved):
        decide(**claims)
    assert believed() == ([], [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decision": "reject"}, "nonce is another"),
        ({"reason": "because"}, "nonce is another"),
        ({"at": "2026-03-03T12:00:00Z"}, "dated otherwise"),
        ({"digest": "sha256:" + "0" * 64}, "about another digest"),
        ({"decision": "break-glass"}, "no ID token proves"),
    ],
)
def test_a_token_is_moved_to_no_other_decision(plan, provider, push, believed, changed, said):
    push(provider.token(plan), **changed)
    approvals, (reason,) = believed()
    assert approvals == []
    assert said in reason


def test_a_token_is_moved_to_no_other_digest(build, pipeline, deployments, plan, provider, push, believed):
    other = pipeline.propose(build.manifests(build.config_map(a="2")))
    push(provider.token(other))
    approvals, (reason,) = believed()
    assert approvals == []
    assert "nonce is another" in reason


def test_a_token_is_nobody_elses(plan, provider, push, believed):
    push(provider.token(plan), BOB)
    approvals, (reason,) = believed()
    assert approvals == []
    assert "ann@example.com's" in reason


def test_a_key_of_ones_own_signs_no_approval(plan, push, believed):
    stranger = Provider()
    push(stranger.token(plan), key=stranger.key)
    approvals, (reason,) = believed()
    assert approvals == []
    assert "no key of the provider" in reason


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "crv": "P-1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed1", "x": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": ["RSA"]},
    ],
)
def test_whatever_key_somebody_records_with_a_decision_the_others_are_read(plan, decide, push, believed, key):
    decide()
    token = Provider().token(plan, "reject", "x")
    push(token, BOB, decision="reject", reason="x", proof={"issuer": URL, "token": token, "key": key})
    approvals, (reason,) = believed()
    assert approvals == [(ANN, "approve")]
    assert "no key of the provider" in reason


def test_a_key_that_the_provider_took_back_approves_nothing(decide, provider, believed):
    decide()
    provider.listed = False
    approvals, (reason,) = believed()
    assert approvals == []
    assert "no key of the provider" in reason


def test_while_the_provider_is_out_of_reach_nothing_is_approved_and_that_is_told(decide, provider, believed):
    decide()
    provider.is_there = False
    approvals, (reason,) = believed()
    assert approvals == []
    assert "out of reach" in reason


@pytest.mark.parametrize("change", [{"listed": False}, {"is_there": False}])
def test_a_rejection_stands_whatever_becomes_of_the_providers_keys(decide, provider, believed, change):
    decide("reject", "not today")
    for name, value in change.items():
        setattr(provider, name, value)
    assert believed()[0] == [(ANN, "reject")]


def test_a_provider_that_the_rules_no_longer_name_proves_nothing(decide, believed):
    decide()
    assert believed(issuers=()) == ([], ["nobody of this name may sign"])
    moved = ISSUER.model_copy(update={"client": "another"})
    assert believed(issuers=(moved,))[0] == []


def test_an_approval_that_is_pushed_again_undoes_no_later_rejection(
    build, plan, provider, decide, push, believed
):
    decide()
    decide("reject", "on second thoughts", at=build.later(minutes=5))
    push(provider.token(plan))
    approvals, (reason,) = believed()
    assert approvals == [(ANN, "reject")]
    assert "pushed again" in reason
    push(provider.token(plan), reason="")
    assert believed()[0] == [(ANN, "reject")]


def test_who_rejected_approves_later_by_a_token_of_later(build, decide, believed):
    decide("reject", "not yet")
    decide(at=build.later(minutes=5))
    assert believed() == ([(ANN, "approve")], [])


def test_who_signed_a_rejection_is_not_overruled_by_an_earlier_token(
    build, people, deployments, plan, provider, push, believed
):
    ann = people(ANN)
    deployments.decide(plan, "reject", "no", ann.signer, build.later(minutes=5))
    push(provider.token(plan))
    assert believed(signers=ann.allowed)[0] == [(ANN, "reject")]


@pytest.mark.parametrize("spelled", [str, _otherwise_spelled])
def test_a_token_counts_once_though_the_clock_of_who_signed_a_rejection_was_slow(
    build, people, deployments, plan, provider, push, believed, spelled
):
    ann = people(ANN)
    token = provider.token(plan)
    deployments.record(plan, "approve", "", token, [ISSUER])
    deployments.decide(plan, "reject", "no", ann.signer, build.NOW - timedelta(minutes=1))
    push(spelled(token))
    approvals, (reason,) = believed(signers=ann.allowed)
    assert approvals == [(ANN, "reject")]
    assert "pushed again" in reason


@pytest.mark.parametrize(
    ("name", "said"),
    [("Ann@Example.com", "whose decisions stand at"), (f"again/{ANN}", "nobody of this name")],
)
def test_one_person_has_one_file_and_one_history(
    people, deployments, plan, provider, decide, push, believed, name, said
):
    ann = people(ANN)
    decide()
    path = f"{plan.digest.removeprefix('sha256:')}/{ANN}.yaml"
    deployments.repository.write("approvals", lambda _: Changes("Take back", {}, [path]), signer=ann.signer)
    push(provider.token(plan), name=name)
    approvals, (reason,) = believed(signers=ann.allowed)
    assert approvals == []
    assert said in reason


def test_a_later_rejection_is_not_outlived_in_a_file_of_another_case(
    build, plan, provider, decide, push, believed
):
    decide()
    decide("reject", "no", at=build.later(minutes=5))
    push(provider.token(plan), name="ANN@example.com")
    assert believed()[0] == [(ANN, "reject")]


def test_a_key_and_a_token_of_one_person_count_once(build, people, deployments, plan, decide):
    ann = people(ANN)
    deployments.decide(plan, "approve", "", ann.signer, build.NOW)
    decide(at=build.later(minutes=1))
    approvals, _ = deployments.approvals(plan.digest, ann.allowed, [ISSUER])
    assert len(approvals) == 1


def test_one_account_under_two_addresses_counts_once_and_two_accounts_of_one_provider_twice(
    build, deployments, plan, decide
):
    decide()
    decide(email=BOB, at=build.later(minutes=1))
    for subject, counted in (("1", 1), ("2", 2)):
        decide(email=BOB, sub=subject, at=build.later(minutes=2 + counted))
        approvals, _ = deployments.approvals(plan.digest, b"", [ISSUER])
        ballot = count(approvals, RULE, plan.source, build.later(minutes=9))
        assert len(ballot.approvals) == counted


def test_an_author_does_not_approve_by_token_either(build, deployments, plan, decide):
    decide(email=plan.source.authors[0])
    approvals, _ = deployments.approvals(plan.digest, b"", [ISSUER])
    rule = ApprovalRule(approvers=(plan.source.authors[0],))
    ballot = count(approvals, rule, plan.source, build.NOW)
    assert [each.reason for each in ballot.void] == ["authors cannot approve their own change"]


def test_it_expires_by_the_date_of_the_token(build, deployments, plan, decide):
    decide()
    approvals, _ = deployments.approvals(plan.digest, b"", [ISSUER])
    late = count(approvals, RULE, plan.source, build.NOW + timedelta(days=8))
    assert [each.reason for each in late.void] == ["it has expired"]


def test_who_must_prove_themselves_anew_did(build, deployments, plan, provider):
    strict = ISSUER.model_copy(update={"max_age": timedelta(minutes=5)})
    now = int(build.NOW.timestamp())
    for auth in ({}, {"auth_time": now - 3600}):
        with pytest.raises(NotProved, match="anew"):
            deployments.record(plan, "approve", "", provider.token(plan, **auth), [strict])
    deployments.record(plan, "approve", "", provider.token(plan, auth_time=now - 60), [strict])
    assert deployments.approvals(plan.digest, b"", [strict])[0]


def _issuers(provider: Provider) -> Any:
    from deploy_orchestrator.identity import Issuers

    return Issuers((ISSUER,), provider.keys)


LINE = Line("dev", "analytics")
LATER = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
MAY = Policy(pause=PauseRule(pausers=(ANN,), resumers=(ANN, BOB)))


@pytest.fixture
def paused(deployments, people):
    """Who has paused the line."""

    def read(allowed: bytes = b"") -> list[str]:
        return [each.who for each in deployments.pausing(LINE, MAY, allowed, LATER, issuers=(ISSUER,)).paused]

    return read


def test_a_token_pauses_a_line_whatever_becomes_of_the_providers_keys(deployments, provider, paused):
    token = provider.token(LINE, "pause", "it burns")
    deployments.record(LINE, "pause", "it burns", token, (ISSUER,))
    assert paused() == [ANN]
    provider.listed = False
    assert paused() == [ANN]


def test_no_token_resumes_a_line_where_the_orchestrator_has_no_key(deployments, provider, push, paused):
    deployments.record(LINE, "pause", "it burns", provider.token(LINE, "pause", "it burns"), (ISSUER,))
    token = provider.token(LINE, "resume", "it is out", at=LATER)
    with pytest.raises(NotProved, match="the orchestrator has no key to vouch for it"):
        deployments.record(LINE, "resume", "it is out", token, (ISSUER,))
    push(token, about=LINE.digest, decision="resume", reason="it is out", at="2026-03-02T13:00:00Z")
    assert paused() == [ANN]


@pytest.fixture
def sealed(remote, tmp_path, provider) -> Deployments:
    """The deployments repository of an orchestrator that has a key of its own."""
    make_keys(tmp_path, ["orchestrator"])
    seal = Seal.of("main", key=(tmp_path / "orchestrator").read_text())
    return Deployments(Repository.clone(str(remote), tmp_path / "sealed", seal=seal), provider.keys)


def stopped_by(deployments: Deployments, now: datetime = LATER) -> list[str]:
    deployments.repository.fetch()
    return [each.who for each in deployments.pausing(LINE, MAY, b"", now, issuers=(ISSUER,)).paused]


def test_a_token_resumes_where_the_orchestrators_key_vouches_for_it_whatever_becomes_of_the_providers_keys(
    sealed, provider
):
    sealed.record(LINE, "pause", "it burns", provider.token(LINE, "pause", "it burns"), (ISSUER,))
    assert stopped_by(sealed) == [ANN]
    token = provider.token(LINE, "resume", "it is out", at=LATER)
    sealed.record(LINE, "resume", "it is out", token, (ISSUER,))
    assert stopped_by(sealed) == []
    provider.listed = False
    assert stopped_by(sealed) == []


def test_a_token_that_somebody_else_pushes_resumes_nothing(sealed, provider, push):
    sealed.record(LINE, "pause", "it burns", provider.token(LINE, "pause", "it burns"), (ISSUER,))
    token = provider.token(LINE, "resume", "it is out", at=LATER)
    push(token, about=LINE.digest, decision="resume", reason="it is out", at="2026-03-02T13:00:00Z")
    assert stopped_by(sealed) == [ANN]


def test_what_was_resumed_is_paused_again_and_the_token_that_resumed_it_is_used_up(sealed, provider):
    sealed.record(LINE, "pause", "it burns", provider.token(LINE, "pause", "it burns"), (ISSUER,))
    token = provider.token(LINE, "resume", "it is out", at=LATER)
    sealed.record(LINE, "resume", "it is out", token, (ISSUER,))
    again = LATER + timedelta(hours=1)
    sealed.record(LINE, "pause", "again", provider.token(LINE, "pause", "again", at=again), (ISSUER,))
    assert stopped_by(sealed, again) == [ANN]
    sealed.record(LINE, "resume", "it is out", token, (ISSUER,))
    assert stopped_by(sealed, again) == [ANN]


def test_a_pause_that_is_pushed_again_after_it_was_lifted_stops_nothing(
    deployments, provider, people, push, paused
):
    token = provider.token(LINE, "pause", "it burns")
    deployments.record(LINE, "pause", "it burns", token, (ISSUER,))
    bob = people(BOB)
    deployments.stop(LINE, "resume", "it is out", bob.signer, LATER)
    assert paused(bob.allowed) == []
    push("none", about=LINE.digest, decision="pause", reason="it burns")
    push(token, about=LINE.digest, decision="pause", reason="it burns")
    assert paused(bob.allowed) == []


def test_a_token_that_approves_a_change_pauses_nothing(deployments, provider, push, paused):
    push(provider.token(LINE, "approve"), about=LINE.digest, decision="pause", reason="it burns")
    assert paused() == []

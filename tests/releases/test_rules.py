"""Rules change under the rules before them, whatever is committed to the fleet, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.documents import DocumentError
from deploy_orchestrator.fleet import Freeze, Rules
from deploy_orchestrator.git import Changes, Repository, Tree
from deploy_orchestrator.releases import (
    Approval,
    RulesStanding,
    Settlement,
    SourceChange,
    read_rules,
    standings,
)
from tests.fleet.invented_rules import LINES, PEOPLE, Attempt, attempts, rules
from tests.releases.conftest import NOW, S1

ENVIRONMENTS = ("dev", "production", "shadow")


@dataclass(frozen=True)
class Step:
    """A commit of the fleet by `authors`, and who signs (with which keys) all changes of rules that wait."""

    wanted: Mapping[str, Rules]
    authors: tuple[str, ...]
    signed: tuple[str, ...]

    def taken(self, tree: Tree) -> dict[str, RulesStanding]:
        source = SourceChange(commit=S1, authors=self.authors, signed=True)
        return standings(
            self.wanted,
            read_rules(tree),
            source=lambda _environment, _signers: source,
            decisions=self._decisions,
            now=NOW,
        )

    def _decisions(self, digest: str, by: Rules) -> Sequence[Approval]:
        return [
            Approval(
                digest=digest,
                who=line.partition(" ")[0],
                decision="approve",
                reason="",
                at=NOW,
                commit=S1,
                key=line,
            )
            for line in self.signed
            if line in by.signers
        ]


steps = st.builds(
    Step,
    wanted=st.dictionaries(st.sampled_from(ENVIRONMENTS), rules, min_size=1),
    authors=st.lists(st.sampled_from(PEOPLE), max_size=1).map(tuple),
    signed=st.lists(st.sampled_from(LINES), unique=True).map(tuple),
)


def written_down(found: Mapping[str, RulesStanding], tree: Tree) -> Tree:
    source = SourceChange(commit=S1, authors=(), signed=True)
    due = tuple(each for each in found.values() if each.recorded)
    changes = Settlement(due, source, NOW)(tree)
    return tree.changed(changes) if changes else tree


@given(st.lists(steps, min_size=2, max_size=5), attempts)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_fleet_commits_gives_a_right_that_the_approvers_before_did_not_approve(
    repository: Repository, commits: list[Step], attempt: Attempt
):
    """Whoever passes by what is in force passes by what was released, or enough of those who could approve by
    that, with keys that it has and that are not taken away, signed the change; of a new environment, or one
    that moves, by all that was released anywhere.
    """
    tree = repository.branch()
    for step in commits:
        released, found = read_rules(tree), step.taken(tree)
        left = {line for each in step.wanted.values() for line in each.signers}
        signed = Attempt(tuple(each for each in step.signed if each in left), step.authors, timedelta(0))
        for environment, standing in found.items():
            assert left.issuperset(standing.in_force.signers)
            if standing.held is not None or not attempt.passes(standing.in_force):
                continue
            base = released.get(environment)
            if base and base.rules.place == standing.in_force.place:
                assert attempt.passes(base.rules) or signed.passes(base.rules)
            else:
                assert all(signed.passes(each.rules) for each in released.values())
        tree = written_down(found, tree)


@given(rules, st.lists(st.sampled_from(LINES), unique=True).map(tuple))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_first_rules_are_trusted_and_the_same_ones_are_nothing_new(
    repository: Repository, wanted: Rules, signed: tuple[str, ...]
):
    step = Step({"production": wanted}, (), signed)
    found = step.taken(repository.branch())["production"]
    assert (found.in_force, found.pending, found.gate.reason) == (wanted, None, "the first rules are trusted")
    tree = written_down({"production": found}, repository.branch())
    again = step.taken(tree)["production"]
    assert (again.in_force, again.change, again.recorded) == (wanted, None, None)


def strict(**more) -> Rules:
    approval = {"approvers": list(PEOPLE[:2]), "required": 1, **more}
    return Rules.model_validate(
        {
            "argocd": "argocd in argocd",
            "cluster": "one",
            "server": "https://one.example.com",
            "namespace": "{tenant}",
            "policy": {"approval": approval},
            "signers": [LINES[0], LINES[2]],
        }
    )


def first(repository: Repository, wanted: Rules) -> Tree:
    """A deployments repository where these are the rules of production."""
    empty = repository.branch()
    return written_down(Step({"production": wanted}, (), ()).taken(empty), empty)


def test_an_approval_of_rules_is_used_up_by_them(repository: Repository):
    """The same change again is another one."""
    old, new = strict(), strict(required=1, expires="30d")
    tree = first(repository, old)
    digests = []
    for wanted in (new, old, new):
        found = Step({"production": wanted}, (), (LINES[0],)).taken(tree)
        assert found["production"].in_force == wanted
        if change := found["production"].change:
            digests.append(change.digest)
        tree = written_down(found, tree)
    assert len(set(digests)) == 3


@pytest.mark.parametrize(("ends", "waits"), [(-1, False), (1, True)])
def test_a_freeze_is_lifted_by_an_approval_and_tidied_away_by_anybody(
    repository: Repository, ends: int, waits: bool
):
    freeze = Freeze(start=NOW - timedelta(days=9), end=NOW + timedelta(days=ends), reason="Christmas")
    frozen = strict().model_copy(update={"policy": strict().policy.model_copy(update={"freezes": (freeze,)})})
    found = Step({"production": strict()}, (), ()).taken(first(repository, frozen))["production"]
    assert bool(found.pending) is waits
    assert bool(found.in_force.policy.freezes) is waits


def test_what_is_taken_away_beside_something_that_waits_is_written_down_at_once(repository: Repository):
    tree = written_down(
        Step({"production": strict()}, (), ()).taken(repository.branch()), repository.branch()
    )
    wanted = strict(approvers=[PEOPLE[0]], expires="30d")
    found = Step({"production": wanted}, (), ()).taken(tree)["production"]
    assert found.pending
    tree = written_down({"production": found}, tree)
    back = Step({"production": strict()}, (), ()).taken(tree)["production"]
    assert back.pending, "who was taken out does not come back by another commit"
    assert back.in_force.policy.approval
    assert back.in_force.policy.approval.approvers == (PEOPLE[0],)


def test_what_would_leave_nobody_to_approve_counts_and_can_be_taken_back(repository: Repository):
    tree = written_down(
        Step({"production": strict()}, (), ()).taken(repository.branch()), repository.branch()
    )
    exchanged = strict(approvers=[PEOPLE[2]]).model_copy(update={"signers": (LINES[4],)})
    found = Step({"production": exchanged}, (), LINES).taken(tree)["production"]
    assert found.pending
    assert "nobody may approve it: keep the approvers and keys of before" in found.gate.reason
    assert not Attempt(LINES, (), timedelta(0)).passes(found.in_force)
    assert written_down({"production": found}, tree) == tree
    assert Step({"production": strict()}, (), ()).taken(tree)["production"].pending is None


@pytest.mark.parametrize("edit", [("production", "staging"), ("one.example", "two.example")])
def test_rules_that_somebody_edited_are_refused(repository: Repository, edit: tuple[str, str]):
    tree = written_down(
        Step({"production": strict()}, (), ()).taken(repository.branch()), repository.branch()
    )
    (path,) = tree.files("rules")
    text = tree.read(f"rules/{path}").decode()
    broken = tree.changed(Changes("x", {f"rules/{path}": text.replace(*edit).encode()}))
    with pytest.raises(DocumentError, match="the digest does not fit"):
        read_rules(broken)

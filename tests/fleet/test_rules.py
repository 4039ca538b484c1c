"""What counts of rules that are not approved yet: what they take away, and nothing that they give."""

from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import assume, given

from deploy_orchestrator.fleet import ImagePolicy, Policy, Rules, differences, load, restricted, rules_of
from deploy_orchestrator.terms import Verdict, quantity
from tests.fleet.conftest import Commit
from tests.fleet.invented_rules import attempts, rules

Files = dict[str, str | bytes]


@given(rules, rules, attempts)
def test_whatever_passes_before_the_new_rules_are_approved_passes_by_the_old(old, new, attempt):
    assert not attempt.passes(restricted(old, new)) or attempt.passes(old)


@given(rules, rules)
def test_nothing_else_is_looser_before_it_is_approved(old, new):
    now, was = restricted(old, new).policy, old.policy
    assert now.soak >= was.soak
    assert (now.deadline, now.rollback_after) == (was.deadline, was.rollback_after), (
        "shorter ones revert more"
    )
    assert now.waves == was.waves or not was.waves
    assert set(now.cluster_scoped) <= set(was.cluster_scoped)
    assert not was.registries or (
        now.registries and all(each.startswith(was.registries) for each in now.registries)
    )
    if was.images:
        assert now.images
        assert now.images.by_digest >= was.images.by_digest
        assert now.images.signature >= was.images.signature
        assert set(was.images.platforms) <= set(now.images.platforms)
        if was.images.download:
            then, before = quantity(now.images.download), quantity(was.images.download)
            assert then is not None
            assert before is not None
            assert then <= before
        assert was.images.max_age is None or (
            now.images.max_age is not None and now.images.max_age <= was.images.max_age
        )
    for before, after in ((was.rules, now.rules), (was.checks, now.checks)):
        for name, override in before.items():
            kept = after.get(name)
            assert kept is None or Verdict.worst([kept.severity, override.severity]) is kept.severity
            assert kept is not None or override.severity is Verdict.SAFE
        for name in after.keys() - before.keys():
            assert after[name].severity is Verdict.BLOCKED
    assert set(now.ignore) == {*was.ignore} & {*new.policy.ignore}, "what expires earlier is another one"
    if now.break_glass:
        assert was.break_glass
        assert new.policy.break_glass
        assert set(now.break_glass.people) <= {*was.break_glass.people} & {*new.policy.break_glass.people}
        assert now.break_glass.expires <= was.break_glass.expires
    assert (now.pause is None) is (was.pause is None)
    if now.pause and was.pause:
        assert now.pause.pausers == was.pause.pausers, "nobody's pause ends by a commit"
        assert set(now.resumers) <= set(was.resumers)
    assert set(was.freeze_windows) <= set(now.freeze_windows)
    assert restricted(old, new).place == old.place
    assert set(old.before) <= set(restricted(old, new).before)
    assert set(old.beside) <= set(restricted(old, new).beside)
    assert old.healthy_in == "any" or restricted(old, new).healthy_in == "all"


@given(rules, rules)
def test_keys_and_approvers_that_are_taken_away_count_no_more(old, new):
    found = restricted(old, new)
    assert set(found.signers) == set(old.signers) & set(new.signers)
    assert set(found.tokens) == set(old.tokens) & set(new.tokens)
    if old.policy.approval and new.policy.approval and found.policy.approval:
        assert set(found.policy.approval.approvers) == set(old.policy.approval.approvers) & set(
            new.policy.approval.approvers
        )


@given(rules, rules)
def test_what_is_taken_away_once_is_taken_away_for_good(old, new):
    once = restricted(old, new)
    assert restricted(once, new) == once
    assert restricted(old, old) == old


@given(rules)
def test_rules_are_written_down_and_read_back_the_same(wanted):
    written = wanted.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert Rules.model_validate(written, by_alias=True, by_name=False) == wanted


@given(rules, rules)
def test_what_counts_until_others_are_approved_is_written_down_and_read_back_the_same(old, new):
    """Those that nobody could change any more are not written down."""
    found = restricted(old, new)
    assume(found.can_be_changed)
    written = found.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert Rules.model_validate(written, by_alias=True, by_name=False) == found


def test_windows_of_before_count_beside_as_many_as_a_fleet_may_ask_for() -> None:
    common = {"argocd": "a", "cluster": "c", "server": "https://x.example", "namespace": "{tenant}"}
    every = {"every": "FREQ=DAILY", "start": "2026-01-04T01:00", "lasts": "1h", "timeZone": "UTC"}
    old, new = (
        Rules.model_validate(
            {
                **common,
                "policy": {"freezeWindows": [{**every, "reason": f"{name} {each}"} for each in range(50)]},
            }
        )
        for name in ("old", "new")
    )
    found = restricted(old, new)
    assert len(found.policy.freeze_windows) == 100
    written = found.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert Rules.model_validate(written, by_alias=True, by_name=False) == found


@pytest.mark.parametrize("days", [0, 1, 9999, 14165])
def test_a_time_of_any_length_is_written_down_and_read_back_the_same(days):
    wanted = Policy(soak=timedelta(days=days, seconds=1))
    assert Policy.model_validate(wanted.model_dump(mode="json")) == wanted


def test_the_rules_of_a_fleet_are_read_without_comments(files: Files, commit: Commit) -> None:
    found = rules_of(load(commit(files)), "production")
    alice, bob = str(files["allowed_signers"]).splitlines()[1:]
    assert found.signers == (alice, bob.removesuffix(" at work"))
    assert found.before == ("dev", "staging")
    assert found.policy.approval is not None


@pytest.mark.parametrize(
    "after",
    [
        "    after: []\n",
        "    after: [dev]\n",
        "    after: [dev, staging]\n    healthyIn: any\n",
    ],
)
def test_less_that_must_come_before_an_environment_does_not_count_before_it_is_approved(
    files: Files, commit: Commit, after: str
) -> None:
    text = str(files["fleet.yaml"])
    files["fleet.yaml"] = text.replace(
        '    kubernetes: "1.33"\n', '    kubernetes: "1.33"\n    after: [dev, staging]\n'
    )
    old = rules_of(load(commit(files)), "production")
    assert (old.before, old.beside) == (("dev", "staging"), ("dev", "staging"))
    files["fleet.yaml"] = text.replace('    kubernetes: "1.33"\n', f'    kubernetes: "1.33"\n{after}')
    new = rules_of(load(commit(files)), "production")
    assert new.order != old.order
    assert restricted(old, new).order == old.order
    assert restricted(new, old).order == old.order


def test_differences_are_told_field_by_field(files: Files, commit: Commit) -> None:
    old = rules_of(load(commit(files)), "production")
    text = str(files["fleet.yaml"])
    files["fleet.yaml"] = text.replace("[alice@example.com, bob@example.com]", "[bob@example.com]").replace(
        "required: 2", "required: 1"
    )
    files["allowed_signers"] = str(files["allowed_signers"]).replace("alice@", "carol@")
    told = differences(old, rules_of(load(commit(files)), "production"))
    alice = old.signers[0]
    assert told == (
        "policy.approval.approvers: - alice@example.com",
        "policy.approval.required: 2 → 1",
        f"signers: - {alice}",
        f"signers: + {alice.replace('alice', 'carol')}",
    )
    assert differences(old, old) == ()


def after(*before: str, beside: tuple[str, ...] = (), healthy_in: Literal["all", "any"] = "all") -> Rules:
    """The rules of an environment that comes after these."""
    return Rules(
        argocd="a in b",
        cluster="c",
        server="https://x",
        namespace="{tenant}",
        before=before,
        beside=beside,
        healthy_in=healthy_in,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            after("dev", "eu", "us", beside=("eu", "us"), healthy_in="any"),
            after("dev", "eu", "us", "toy", beside=("eu", "us", "toy"), healthy_in="any"),
        ),
        (
            after("dev", "eu", healthy_in="any"),
            after("dev", "eu", "toy", beside=("eu", "toy"), healthy_in="any"),
        ),
        (
            after("dev", "staging"),
            after("dev", "staging", "toy"),
        ),
    ],
    ids=["a third of any", "a second of any", "through another"],
)
def test_one_more_way_in_does_not_count_before_it_is_approved(old: Rules, new: Rules) -> None:
    assert restricted(old, new).order == old.order


def test_one_more_that_all_must_pass_counts_at_once() -> None:
    old = after("eu", "us", beside=("eu", "us"))
    new = after("eu", "us", "asia", beside=("eu", "us", "asia"))
    assert restricted(old, new).order == new.order


def test_asking_for_platforms_does_not_count_before_it_is_approved_for_it_judges_fewer() -> None:
    asked = ImagePolicy(non_root=True)
    old, new = (
        after().model_copy(update={"policy": Policy(images=each)})
        for each in (asked, asked.model_copy(update={"platforms": ("linux/arm64",)}))
    )
    found = restricted(old, new).policy.images
    assert found
    assert found.platforms == ()

"""Whose change it is that waits for production: all who may have written it, and nobody else."""

import subprocess
from typing import Any

import pytest

from deploy_orchestrator.releases import SourceChange
from tests.desk import CHART, FILES, Desk
from tests.steps import previewed


class Team:
    """People who work in one clone of the fleet; Alice, Bob and Mallory sign."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def git(self, *arguments: str, by: str = "alice", **more: Any) -> str:
        identity = ("-c", f"user.name={by}", "-c", f"user.email={by}@example.com")
        key = self.desk.folder / "keys" / by
        signing = ("-c", f"user.signingkey={key}", "-c", f"commit.gpgsign={str(key.exists()).lower()}")
        done = subprocess.run(
            ["git", "-C", self.desk.fleet, *identity, *signing, *arguments],
            capture_output=True,
            text=True,
            **more,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def writes(self, who: str, path: str, text: str, *, message: str = "Edit") -> None:
        file = self.desk.fleet / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "--all", by=who)
        self.git("commit", "--quiet", "--message", message, by=who)

    def reads(self, path: str) -> str:
        return (self.desk.fleet / path).read_text()

    def source(self) -> SourceChange:
        """Of what waits, or would, for production/shop."""
        with self.desk.orchestrator() as orchestrator:
            return previewed(orchestrator, "production", "shop").plan.source

    @property
    def authors(self) -> set[str]:
        return {each.partition("@")[0] for each in self.source().authors}


@pytest.fixture
def team(desk: Desk) -> Team:
    """production/shop is released, and everything until then was written by Alice."""
    return Team(desk)


def pull_request(team: Team, merge: tuple[str, ...] = ("--no-ff",)) -> None:
    """Alice writes on a branch, and Bob presses the button; something else was merged before."""
    team.git("checkout", "--quiet", "-b", "topic")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    team.git("checkout", "--quiet", "main")
    team.writes("carol", "tenants/blog/values.yaml", "greeting: hi\n")
    team.git(
        "-c", "commit.gpgsign=false", "merge", "--quiet", *merge, "--message", "Merge it", "topic", by="bob"
    )


def test_who_merges_by_the_button_of_a_forge_is_no_author_and_needs_no_signature(team: Team) -> None:
    pull_request(team)
    source = team.source()
    assert source.authors == ("alice@example.com",)
    assert source.signed


def test_who_merges_more_than_the_two_sides_is_an_author(team: Team) -> None:
    pull_request(team, ("--no-ff", "--no-commit"))
    team.writes("bob", "tenants/shop/values.yaml", "greeting: hi\nlegacy: false\n")
    assert team.authors == {"alice", "bob"}


def test_who_resolves_a_conflict_is_an_author(team: Team) -> None:
    team.git("checkout", "--quiet", "-b", "topic")
    team.writes("carol", "tenants/shop/values.yaml", "greeting: hi\n")
    team.git("checkout", "--quiet", "main")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hullo\n")
    team.git("merge", "--quiet", "--strategy-option", "ours", "--message", "Merge it", "topic", by="bob")
    assert team.authors == {"alice", "bob", "carol"}


def test_who_throws_a_side_away_by_a_merge_is_an_author(team: Team) -> None:
    team.git("checkout", "--quiet", "-b", "topic")
    team.writes("carol", "tenants/blog/values.yaml", "greeting: hi\n")
    team.git("checkout", "--quiet", "main")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    team.git("checkout", "--quiet", "topic")
    team.git("merge", "--quiet", "--strategy", "ours", "--message", "x", "main", by="bob")
    team.git("branch", "--force", "main")
    team.git("checkout", "--quiet", "main")
    assert team.authors == {"alice", "bob"}


@pytest.mark.parametrize("of_old", [True, False], ids=["two old states", "what is released, and a change"])
def test_a_merge_of_old_states_has_an_author_though_git_would_make_the_same(
    fresh: Desk, of_old: bool
) -> None:
    team = Team(fresh)
    team.git("checkout", "--quiet", "-b", "old")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    team.git("checkout", "--quiet", "main")
    team.writes("alice", "tenants/blog/values.yaml", "greeting: hi\n")
    team.git("branch", "older")
    team.git("merge", "--quiet", "--no-ff", "--message", "x", "old", by="bob")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hullo\n")
    fresh.ship()
    team.git("checkout", "--quiet", "-b", "topic", "older" if of_old else "main")
    if not of_old:
        team.writes("alice", "tenants/shop/values-production.yaml", "greeting: hi\n")
        team.git("checkout", "--quiet", "-b", "side", "main")
        team.writes("alice", "tenants/blog/values.yaml", "greeting: hullo\n")
    team.git("merge", "--quiet", "--no-ff", "--message", "again", "old" if of_old else "topic", by="bob")
    team.writes("carol", "tenants/blog/values.yaml", "greeting: good morning\n")
    team.git("checkout", "--quiet", "-B", "main", "main")
    team.git("merge", "--quiet", "--no-ff", "--message", "x", "topic" if of_old else "side", by="alice")
    assert ("bob" in team.authors) is of_old


def test_a_change_that_a_later_one_wrote_over_still_has_an_author(team: Team) -> None:
    team.writes("bob", "tenants/shop/values.yaml", "greeting: evil\n")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    assert team.authors == {"alice", "bob"}


def test_a_change_of_another_environment_or_tenant_makes_nobody_an_author(team: Team) -> None:
    fleet = FILES["fleet.yaml"].replace('"1.34"\n  - name: production', '"1.33"\n  - name: production')
    team.writes("bob", "fleet.yaml", fleet)
    team.writes("bob", "tenants/blog/values.yaml", "greeting: hi\n")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    assert team.authors == {"alice"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - name: dev\n", "  - name: stage\n    cluster: here\n    kubernetes: '1.34'\n  - name: dev\n"),
        ('kubernetes: "1.34"\n    policy', 'kubernetes: "1.33"\n    policy'),
        ("platform:\n", "repositories: [{name: x, url: https://charts.example.com}]\nplatform:\n"),
        ("    server: https://kubernetes.default.svc\n", "    server: https://other.example.com\n"),
        (
            'dev\n    cluster: here\n    kubernetes: "1.34"',
            'dev\n    cluster: here\n    kubernetes: &v "1.33"',
        ),
    ],
    ids=[
        "the order",
        "the environment",
        "what all share",
        "the cluster",
        "an anchor, which may reach elsewhere",
    ],
)
def test_a_change_of_fleet_yaml_that_may_reach_the_environment_has_an_author(
    team: Team, old: str, new: str
) -> None:
    assert old in FILES["fleet.yaml"]
    team.writes("bob", "fleet.yaml", FILES["fleet.yaml"].replace(old, new))
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    assert team.authors == {"alice", "bob"}


def test_who_changed_a_block_that_another_then_calls_production_is_an_author(team: Team) -> None:
    swapped = FILES["fleet.yaml"].replace("name: dev", "name: x").replace("production", "dev")
    team.writes("bob", "fleet.yaml", FILES["fleet.yaml"].replace("1.34", "1.33", 1))
    team.writes(
        "alice", "fleet.yaml", swapped.replace("name: x", "name: production").replace("1.34", "1.33", 1)
    )
    assert team.authors == {"alice", "bob"}


def test_who_changed_a_chart_that_the_tenant_moves_to_later_is_an_author(team: Team) -> None:
    """Whether on main or on a branch, before what is released or after it."""
    team.writes("bob", "charts/next/Chart.yaml", CHART.format(name="next"))
    team.writes("bob", "charts/next/templates/x.yaml", FILES["charts/app/templates/greeting.yaml"])
    team.writes("bob", "charts/next/values.yaml", FILES["charts/app/values.yaml"])
    team.writes("carol", "tenants/shop/values-production.yaml", "greeting: hi\n")
    with team.desk.orchestrator() as orchestrator:
        assert orchestrator.fleet().tenants["shop"].charts[0].name == "app"
    assert team.authors == {"carol"}

    team.writes("alice", "tenants/shop/tenant.yaml", FILES["tenants/shop/tenant.yaml"].replace("app", "next"))
    assert team.authors == {"alice", "bob", "carol"}


def test_who_wrote_what_is_moved_into_the_tenants_files_is_an_author(team: Team) -> None:
    """Moved by somebody who changes no byte, from where nothing reads it; whatever happened to it since."""
    team.writes(
        "bob", "charts/blueprint/one.yaml", FILES["charts/app/templates/greeting.yaml"] + "# evil\n" * 9
    )
    team.git("mv", "charts/blueprint/one.yaml", "charts/blueprint/two.yaml")
    team.git("commit", "--quiet", "--message", "Move it", by="carol")
    (team.desk.fleet / "charts/app/templates/greeting.yaml").unlink()
    team.git("mv", "charts/blueprint/two.yaml", "charts/app/templates/two.yaml")
    team.git("add", "--all")
    team.git("commit", "--quiet", "--message", "Move it", by="alice")
    assert team.authors == {"alice", "bob", "carol"}


def test_everybody_is_an_author_where_the_history_of_what_is_released_is_gone(team: Team) -> None:
    team.git("checkout", "--quiet", "--orphan", "anew")
    team.git("commit", "--quiet", "--message", "Start", by="bob")
    team.git("branch", "--quiet", "--force", "main")
    team.git("checkout", "--quiet", "main")
    team.writes("alice", "tenants/shop/values.yaml", "greeting: hi\n")
    assert team.authors == {"alice", "bob"}


def test_a_squash_by_the_forge_is_its_authors_but_not_their_signature(team: Team) -> None:
    """The forge's key is listed: it says who merged, and not that the author is who it names."""
    key = team.reads("allowed_signers").splitlines()[1].partition(" ")[2]
    team.writes(
        "alice",
        "allowed_signers",
        team.reads("allowed_signers").replace(
            f"bob@example.com {key}", f"bob@example.com,noreply@forge.example.com {key}"
        ),
    )
    file = team.desk.fleet / "tenants/shop/values.yaml"
    file.write_text("greeting: hi\n")
    team.git("add", "--all")
    team.git(
        "commit",
        "--quiet",
        "--author=Carol <carol@example.com>",
        "--message=Greet (#7)\n\nCo-authored-by: Dan <dan@example.com>",
        by="bob",
    )
    source = team.source()
    assert source.authors == ("carol@example.com", "dan@example.com")
    assert not source.signed

"""`upgrade --branch`: a commit on a branch of the fleet, with what it does to every tenant."""

import subprocess
from pathlib import Path

from tests.answering import answering
from tests.cli.test_impact_on_deployments import desk, hub, released

__all__ = ["desk", "hub", "released"]


def git_out(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_upgrade_becomes_one_commit_on_a_branch_with_the_verdict_on_every_tenant(desk):
    before = git_out(desk.fleet, "rev-parse", "main")
    answer = desk.run("upgrade", "db@1.1.0", "--branch", "upgrade/db")
    assert answer.code == 0
    assert git_out(desk.fleet, "rev-parse", "main") == before
    assert git_out(desk.fleet, "rev-parse", "upgrade/db~1") == before
    assert git_out(desk.fleet, "log", "-1", "--format=%s", "upgrade/db") == "Upgrade db to 1.1.0 in app"
    changed = git_out(desk.fleet, "diff", "--name-only", "main", "upgrade/db").split()
    assert changed == [
        "charts/app/Chart.lock",
        "charts/app/Chart.yaml",
        "tenants/blog/tenant.yaml",
        "tenants/shop/tenant.yaml",
    ]
    assert "  version: 0.2.0" in git_out(desk.fleet, "show", "upgrade/db:tenants/shop/tenant.yaml")
    assert "needs approval: dev/blog, dev/shop, production/shop" in answer.output
    assert "- `db`: `1.0.0` → `1.1.0`" in answer.output
    assert (
        "no conflict appears or gets worse, and nothing goes missing (the packages that load were read)"
        in answer.output
    )


def test_what_is_on_the_branch_already_is_not_committed_again(desk):
    desk.run("upgrade", "db@1.1.0", "--branch", "upgrade/db")
    made = git_out(desk.fleet, "rev-parse", "upgrade/db")
    files = git_out(desk.fleet, "ls-tree", "-r", "upgrade/db", "charts/app/Chart.yaml")
    again = desk.run("upgrade", "db@1.1.0", "--branch", "upgrade/db")
    assert again.code == 0
    assert git_out(desk.fleet, "ls-tree", "-r", "upgrade/db", "charts/app/Chart.yaml") == files
    assert git_out(desk.fleet, "rev-parse", "upgrade/db") == made
    assert "has it already" in again.errors


def test_what_people_changed_while_it_was_looked_up_is_not_written_over(desk, hub):
    url, _, index = hub[1].partition("=")
    tenant = "tenants/shop/tenant.yaml"
    before = (desk.fleet / tenant).read_text()

    def repository(method, path, headers, body):
        if (desk.fleet / tenant).read_text() == before:
            desk.commit(tenant, f"{before}# theirs\n")
        file = Path(index).with_name(path.lstrip("/"))
        return (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"")

    with answering(repository) as port:
        there = f"{url}=http://127.0.0.1:{port}/{Path(index).name}"
        asked = ("upgrade", "db@1.1.0", "--branch", "upgrade/db", "--repository", there)
        first = desk.run(*asked)
        assert (first.code, f"{tenant} has changed meanwhile" in first.errors) == (2, True)
        assert git_out(desk.fleet, "branch", "--list", "upgrade/*") == ""
        assert desk.run(*asked).code == 0
    assert "# theirs" in git_out(desk.fleet, "show", f"upgrade/db:{tenant}")


def test_what_a_tenant_could_not_render_is_said_in_the_text(desk):
    answer = desk.run("upgrade", "db@3.0.0", "--branch", "upgrade/db")
    assert "not rendered" in answer.output
    assert "too new" in answer.output


def test_a_pull_request_without_a_forge_is_refused_with_what_to_set(desk):
    answer = desk.run("upgrade", "db@1.1.0", "--branch", "upgrade/db", "--pull-request")
    assert answer.code == 2
    assert "DEPLOY_ORCHESTRATOR_FORGE_KIND" in answer.errors


def test_no_upgrade_goes_to_main_or_to_no_branch(desk):
    for options in (
        ["--branch", "main"],
        ["--branch", "a..b"],
        ["--pull-request"],
        ["--branch", "x", "--write"],
    ):
        answer = desk.run("upgrade", "db@1.1.0", *options)
        assert answer.code == 2
        assert "fix:" in answer.errors

"""`subscriptions`: newer versions of what the fleet follows, proposed once, with what they do."""

import json

import pytest

from tests.answering import answering
from tests.cli.test_impact_on_deployments import APP_NEEDS_DB, LOCK, URL
from tests.cli.test_upgrade_branch import git_out
from tests.desk import copied, git, inside
from tests.hosted import PROJECT, TOKEN, hosted

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-db"}
data: {engine: "{{ .Chart.Version }}"}
"""
EVERYTHING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "{{ .Release.Name }}-db"}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"""
FOLLOWS = """\
subscriptions:
  - name: database
    chart: db
    repository: hub
"""


@pytest.fixture(scope="session")
def hub(publish_packages):
    db = {"templates/db.yaml": CONFIG_MAP}
    return publish_packages(
        URL,
        {
            "db@1.0.0": ([], db),
            "db@1.1.0": ([], db),
            "db@1.2.0": ([], db),
            "db@2.0.0": ([], {**db, "templates/role.yaml": EVERYTHING}),
            "db@2.1.0-rc.1": ([], db),
            "db@3.0.0": ([], {"templates/db.yaml": '{{ fail "too new" }}'}),
        },
    )


@pytest.fixture(scope="session")
def following(laid_out, hub, tmp_path_factory):
    """A desk whose own chart needs db 1.0.0, and follows it."""
    desk = copied(laid_out, tmp_path_factory.mktemp("following"))
    desk.commit("charts/app/Chart.yaml", APP_NEEDS_DB)
    desk.commit("charts/app/Chart.lock", LOCK)
    mirror = hub[1].partition("=")[2]
    repositories = f"repositories:\n  - name: hub\n    url: {URL}\n    mirror: file://{mirror}\n"
    desk.commit("fleet.yaml", (desk.fleet / "fleet.yaml").read_text() + repositories)
    with inside(desk.folder):
        desk.ship()
    return desk


@pytest.fixture
def desk(following, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    desk = copied(following, tmp_path)
    follow(desk)
    return desk


@pytest.fixture
def forge(desk, monkeypatch):
    with hosted(desk.fleet) as forge:
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_KIND", "gitea")
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_API", forge.api)
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_PROJECT", PROJECT)
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_TOKEN", TOKEN)
        yield forge


def follow(desk, **more):
    fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
    desk.commit(
        "fleet.yaml", fleet + FOLLOWS + "".join(f"    {key}: {value}\n" for key, value in more.items())
    )


def branches(desk):
    return git_out(desk.fleet, "branch", "--format=%(refname:short)", "--list", "upgrades/*").split()


def looked(desk, *options):
    return desk.run("subscriptions", *options, "--format", "json").json[0]


def test_the_highest_version_that_is_safe_for_all_tenants_is_found_and_why_no_newer_one(desk):
    answer = desk.run("subscriptions")
    assert answer.code == 1
    assert "1.2.0 is the highest that is safe for all tenants" in answer.output
    assert "2.0.0  is not safe: blocked for dev/blog, dev/shop, production/shop" in answer.output
    assert "too new" in answer.output
    assert branches(desk) == []


def test_a_version_that_no_branch_can_be_called_by_is_left_out_and_told(desk, monkeypatch):
    """Versions may end in `.lock`, and names of branches may not."""
    named = "deploy_orchestrator.subscriptions.offering.branch_of"
    monkeypatch.setattr(
        named, lambda name, version: f"upgrades/{name}/{version.replace('1.2.0', '1.2.0+x.lock')}"
    )
    answer = desk.run("subscriptions")
    assert "1.1.0 is the highest that is safe for all tenants" in answer.output
    assert "1.2.0  is not safe: no branch can be called so" in answer.output


def test_it_becomes_one_commit_on_a_branch_and_no_second_one(desk):
    main = git_out(desk.fleet, "rev-parse", "main")
    assert looked(desk, "--propose")["state"] == "proposed"
    assert branches(desk) == ["upgrades/database/1.2.0"]
    branch = "upgrades/database/1.2.0"
    assert git_out(desk.fleet, "rev-parse", f"{branch}~1") == main
    assert git_out(desk.fleet, "log", "-1", "--format=%B", branch).split("\n\n") == [
        "Upgrade db to 1.2.0 in app",
        "Subscription: database",
    ]
    made = git_out(desk.fleet, "rev-parse", branch)
    again = looked(desk, "--propose")
    assert (again["state"], again["version"]) == ("waits", "1.2.0")
    assert git_out(desk.fleet, "rev-parse", branch) == made
    assert desk.run("subscriptions").code == 0


def test_its_pull_request_has_the_verdict_for_every_tenant_and_the_conflict_proof(desk, forge):
    assert looked(desk, "--propose")["url"] == forge.open("main")["html_url"]
    body = forge.open("main")["body"]
    assert "`1.2.0` is the highest version that is safe for all tenants." in body
    assert "- `2.0.0` is not: `blocked for dev/blog, dev/shop, production/shop`" in body
    assert "no conflict appears or gets worse, and nothing goes missing" in body
    assert "needs approval: dev/blog, dev/shop, production/shop" in body
    looked(desk, "--propose")
    assert len(forge.pulls) == 1


def test_what_a_crash_left_between_branch_and_pull_request_is_finished_by_the_next_look(desk, monkeypatch):
    looked(desk, "--propose")
    made = git_out(desk.fleet, "rev-parse", "upgrades/database/1.2.0")
    with hosted(desk.fleet) as forge:
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_KIND", "gitea")
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_API", forge.api)
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_PROJECT", PROJECT)
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_TOKEN", TOKEN)
        assert looked(desk, "--propose")["state"] == "proposed"
        assert forge.open("main")["title"] == "Upgrade db to 1.2.0 in app"
    assert git_out(desk.fleet, "rev-parse", "upgrades/database/1.2.0") == made


@pytest.mark.parametrize("commits", [1, 2])
def test_what_somebody_pushed_to_the_branch_first_is_not_proposed_as_safe(desk, forge, commits):
    branch = "upgrades/database/1.2.0"
    git(desk.fleet, "checkout", "--quiet", "-b", branch)
    for number in range(commits):
        (desk.fleet / "tenants/shop/values.yaml").write_text(f"image: {{repository: evil-{number}}}\n")
        git(desk.fleet, "add", "tenants")
        git(desk.fleet, "commit", "--quiet", "-m", "Upgrade db\n\nSubscription: database")
    git(desk.fleet, "checkout", "--quiet", "main")
    assert looked(desk, "--propose")["state"] == "proposed"
    assert "safe for all tenants" in forge.open("main")["body"]
    assert "tenants/shop/values.yaml" not in git_out(desk.fleet, "diff", "--name-only", "main", branch)
    assert git_out(desk.fleet, "rev-parse", f"{branch}~1") == git_out(desk.fleet, "rev-parse", "main")


def test_what_people_closed_is_not_proposed_again_also_where_its_branch_is_gone(desk, forge):
    looked(desk, "--propose")
    forge.open("main")["state"] = "closed"
    assert looked(desk, "--propose")["state"] == "declined"
    git(desk.fleet, "branch", "--quiet", "-D", "upgrades/database/1.2.0")
    assert looked(desk, "--propose")["state"] == "declined"
    assert (len(forge.pulls), branches(desk)) == (1, [])


def test_a_newer_version_closes_the_pull_request_before_it_and_takes_its_branch_away(desk, forge):
    follow(desk, constraint="~1.1")
    looked(desk, "--propose")
    follow(desk, constraint="1.x")
    assert looked(desk, "--propose")["superseded"] == ["1.1.0"]
    assert [(each["title"], each["state"]) for each in forge.pulls] == [
        ("Upgrade db to 1.1.0 in app", "closed"),
        ("Upgrade db to 1.2.0 in app", "open"),
    ]
    assert branches(desk) == ["upgrades/database/1.2.0"]


def test_what_was_superseded_is_proposed_again_where_what_superseded_it_will_not_do(desk, forge):
    """A newer version may be taken back, or turn out to do harm: nobody declined the one before."""
    follow(desk, constraint="~1.1")
    looked(desk, "--propose")
    follow(desk, constraint="1.x")
    looked(desk, "--propose")
    follow(desk, constraint="~1.1")
    found = looked(desk, "--propose")
    assert (found["state"], found["version"], found["superseded"]) == ("proposed", "1.1.0", ["1.2.0"])
    assert [(each["title"], each["state"]) for each in forge.pulls] == [
        ("Upgrade db to 1.1.0 in app", "closed"),
        ("Upgrade db to 1.2.0 in app", "closed"),
        ("Upgrade db to 1.1.0 in app", "open"),
    ]
    assert looked(desk, "--propose")["state"] == "waits"
    forge.open("main")["state"] = "closed"
    assert looked(desk, "--propose")["state"] == "declined"


def test_what_was_not_published_for_a_while_is_proposed_again(desk, forge):
    """A registry that lists less than it has declines nothing in the name of people."""
    desk.commit("tenants/shop/values.yaml", "image: {tag: 1.0.0}\n")
    states = []
    for tags in (("1.0.0", "1.4.2"), ("1.0.0",), ("1.0.0", "1.4.2")):
        with answering(tags_told(*tags)) as port:
            follow_image(desk, f"127.0.0.1:{port}/acme/shop", ("tenants/shop/values.yaml", "image.tag"))
            states.append(looked(desk, "--propose")["state"])
    assert states == ["proposed", "current", "proposed"]


def test_a_branch_that_somebody_added_to_stays(desk, forge):
    follow(desk, constraint="~1.1")
    looked(desk, "--propose")
    git(desk.fleet, "checkout", "--quiet", "upgrades/database/1.1.0")
    git(desk.fleet, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    git(desk.fleet, "checkout", "--quiet", "main")
    follow(desk, constraint="1.x")
    looked(desk, "--propose")
    assert branches(desk) == ["upgrades/database/1.1.0", "upgrades/database/1.2.0"]
    theirs = git_out(desk.fleet, "rev-parse", "upgrades/database/1.1.0")
    follow(desk, constraint="~1.1")
    assert looked(desk, "--propose")["state"] == "declined"
    assert git_out(desk.fleet, "rev-parse", "upgrades/database/1.1.0") == theirs


def test_what_was_merged_is_current_and_its_branch_goes(desk):
    looked(desk, "--propose")
    git(desk.fleet, "merge", "--quiet", "upgrades/database/1.2.0")
    found = looked(desk, "--propose")
    assert (found["state"], found["superseded"]) == ("none is safe", ["1.2.0"])
    follow(desk, constraint="1.x")
    assert looked(desk, "--propose")["state"] == "current"
    assert branches(desk) == []


def test_of_pre_releases_those_are_followed_that_are_named(desk):
    follow(desk, constraint="2.1.x", prereleases="[beta]")
    assert looked(desk)["state"] == "current"
    follow(desk, constraint="2.1.x", prereleases="[rc]")
    assert looked(desk)["version"] == "2.1.0-rc.1"


def test_a_published_chart_that_tenants_run_is_followed_where_they_name_it(desk):
    tenant = (desk.fleet / "tenants/blog/tenant.yaml").read_text()
    named = "chart:  # ours\n  name: db\n  version: 1.1.0\n  repository: hub\n"
    desk.commit("tenants/blog/tenant.yaml", named + tenant[tenant.index("environments") :])
    follow(desk, constraint="1.x")
    looked(desk, "--propose")
    assert git_out(desk.fleet, "diff", "--name-only", "main", "upgrades/database/1.2.0").split() == [
        "charts/app/Chart.lock",
        "charts/app/Chart.yaml",
        "tenants/blog/tenant.yaml",
        "tenants/shop/tenant.yaml",
    ]
    blog = git_out(desk.fleet, "show", "upgrades/database/1.2.0:tenants/blog/tenant.yaml")
    assert blog.startswith("chart:  # ours\n  name: db\n  version: 1.2.0\n  repository: hub\n")


def test_tags_of_an_image_are_followed_in_the_fields_that_name_it(desk):
    tags = {"name": "acme/shop", "tags": ["1.0.0", "1.4.2", "latest", "2.0.0-rc.1", "sha-1234"]}

    def registry(method, path, headers, body):
        found = path.partition("?")[0] == "/v2/acme/shop/tags/list"
        return (200, {}, json.dumps(tags).encode()) if found else (404, {}, b"{}")

    with answering(registry) as port:
        image = f"127.0.0.1:{port}/acme/shop"
        values = f"image:\n  tag: '1.0.0'  # ours\nplace: {{of: {image}:1.1.0}}\n"
        desk.commit("tenants/shop/values.yaml", values)
        fields = "".join(
            f"      - file: tenants/shop/values.yaml\n        field: {field}\n"
            for field in ("image.tag", "place.of")
        )
        fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
        follows = f"subscriptions:\n  - name: shop\n    image: {image}\n    fields:\n{fields}"
        desk.commit("fleet.yaml", fleet + follows)
        found = looked(desk, "--propose")
    assert (found["state"], found["branch"]) == ("proposed", "upgrades/shop/1.4.2")
    shown = git_out(desk.fleet, "show", "upgrades/shop/1.4.2:tenants/shop/values.yaml")
    assert "  tag: '1.4.2'  # ours\n" in shown
    assert f"place: {{of: {image}:1.4.2}}" in shown


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("image.pinned", "image.pinned is no tag of acme.example/shop, but a digest"),
        ("image.missing", "image.missing is no tag of acme.example/shop"),
        ("images[0].tag", "images[0].tag holds no version"),
        ("images[7].tag", "images[7].tag is no tag of acme.example/shop"),
    ],
)
def test_a_field_that_holds_no_tag_with_a_version_is_named_with_its_place(desk, field, told):
    pinned = f"acme.example/shop@sha256:{'0' * 64}"
    values = f"image: {{pinned: '{pinned}'}}\nimages: [{{tag: latest}}]\n"
    desk.commit("tenants/shop/values.yaml", values)
    fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
    where = f"{{file: tenants/shop/values.yaml, field: '{field}'}}"
    follows = f"subscriptions: [{{name: shop, image: acme.example/shop, fields: [{where}]}}]\n"
    desk.commit("fleet.yaml", fleet + follows)
    answer = desk.run("subscriptions")
    assert answer.code == 2
    assert told in answer.errors
    assert "tenants/shop/values.yaml" in answer.errors


def follow_image(desk, image, *fields):
    """Follow `image` where `fields`, each a file and a field in it, name it."""
    fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
    where = ", ".join(f"{{file: {file}, field: '{field}'}}" for file, field in fields)
    desk.commit(
        "fleet.yaml", f"{fleet}subscriptions: [{{name: shop, image: '{image}', fields: [{where}]}}]\n"
    )


def tags_told(*tags, told=lambda: None):
    def registry(method, path, headers, body):
        told()
        return 200, {}, json.dumps({"name": "acme/shop", "tags": tags}).encode()

    return registry


@pytest.mark.parametrize(
    ("now", "tags", "newest"),
    [
        ("1.0.0", ("1.4.2", "1.9", "2", "20260101", "7654321", "v1.5.0"), "1.4.2"),
        ("v1.0.0", ("1.4.2", "v1.4.1"), "v1.4.1"),
        ("1.0", ("1.4.2", "1.4"), "1.4"),
        ("1.0.0", ("2", "20260101"), None),
    ],
)
def test_tags_that_are_written_in_another_way_are_no_newer_versions(desk, now, tags, newest):
    """They move, or count something else: builds, days, commits."""
    desk.commit("tenants/shop/values.yaml", f"image: {{tag: '{now}'}}\n")
    with answering(tags_told(now, *tags)) as port:
        follow_image(desk, f"127.0.0.1:{port}/acme/shop", ("tenants/shop/values.yaml", "image.tag"))
        found = looked(desk)
    assert (found["version"], found["state"]) == (newest, "found" if newest else "current")


def test_a_field_at_the_top_of_a_file_is_followed(desk):
    with answering(tags_told("1.0.0", "1.4.2")) as port:
        desk.commit("tenants/shop/values.yaml", "tag: 1.0.0\n")
        follow_image(desk, f"127.0.0.1:{port}/acme/shop", ("tenants/shop/values.yaml", "tag"))
        looked(desk, "--propose")
    assert git_out(desk.fleet, "show", "upgrades/shop/1.4.2:tenants/shop/values.yaml") == "tag: 1.4.2"


def test_what_people_changed_while_it_was_looked_at_is_not_written_over(desk):
    def people():
        if (desk.fleet / "tenants/shop/values.yaml").read_text() == "image: {tag: 1.0.0}\n":
            desk.commit("tenants/shop/values.yaml", "image: {tag: 1.0.0}  # theirs\n")

    desk.commit("tenants/shop/values.yaml", "image: {tag: 1.0.0}\n")
    with answering(tags_told("1.0.0", "1.4.2", told=people)) as port:
        follow_image(desk, f"127.0.0.1:{port}/acme/shop", ("tenants/shop/values.yaml", "image.tag"))
        answer = desk.run("subscriptions", "--propose")
        assert answer.code == 2
        assert "tenants/shop/values.yaml has changed meanwhile" in answer.errors
        assert branches(desk) == []
        assert looked(desk, "--propose")["state"] == "proposed"
    shown = git_out(desk.fleet, "show", "upgrades/shop/1.4.2:tenants/shop/values.yaml")
    assert shown == "image: {tag: 1.4.2}  # theirs"


def test_a_version_is_not_called_unsafe_because_a_repository_is_down(desk):
    with answering(lambda *_: (503, {"Retry-After": "0"}, b"")) as down:
        fleet = (desk.fleet / "fleet.yaml").read_text()
        mirror = f"    mirror: http://127.0.0.1:{down}\n"
        away = f"  - name: away\n    url: https://away.example.com\n{mirror}"
        desk.commit("fleet.yaml", fleet.replace("repositories:\n", f"repositories:\n{away}"))
        tenant = (desk.fleet / "tenants/blog/tenant.yaml").read_text()
        named = "chart: {name: elsewhere, version: 1.0.0, repository: away}\n"
        desk.commit("tenants/blog/tenant.yaml", named + tenant[tenant.index("environments") :])
        desk.commit("tenants/blog/values.yaml", "image: {tag: 1.0.0}\n")
        with answering(tags_told("1.0.0", "1.4.2")) as port:
            follow_image(desk, f"127.0.0.1:{port}/acme/shop", ("tenants/blog/values.yaml", "image.tag"))
            answer = desk.run("subscriptions")
    assert (answer.code, "is not safe" in answer.output) == (2, False)
    assert "503" in answer.errors


def test_names_are_held_against_the_fleet_before_anything_is_looked_up(desk):
    answer = desk.run("subscriptions", "--propose", "database", "databse")
    assert (answer.code, branches(desk)) == (2, [])
    assert "there is no subscription 'databse'" in answer.errors


def test_an_image_without_a_tag_that_is_a_version_is_told(desk):
    def registry(method, path, headers, body):
        return 200, {}, json.dumps({"name": "acme/shop", "tags": ["latest"]}).encode()

    with answering(registry) as port:
        image = f"127.0.0.1:{port}/acme/shop"
        desk.commit("tenants/shop/values.yaml", "image: {tag: '1.0.0'}\n")
        fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
        where = "{file: tenants/shop/values.yaml, field: image.tag}"
        desk.commit(
            "fleet.yaml", f"{fleet}subscriptions: [{{name: shop, image: '{image}', fields: [{where}]}}]\n"
        )
        answer = desk.run("subscriptions")
    assert answer.code == 2
    assert f"{image} has no tag that is a version" in answer.errors


def test_a_branch_that_names_no_version_is_no_proposal(desk):
    git(desk.fleet, "branch", "upgrades/database/ours", "main")
    assert looked(desk, "--propose")["branch"] == "upgrades/database/1.2.0"
    assert "upgrades/database/ours" in branches(desk)


def test_settings_of_a_forge_that_cannot_be_read_are_told(desk, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_KIND", "sourceforge")
    answer = desk.run("subscriptions", "--propose")
    assert answer.code == 2
    assert "DEPLOY_ORCHESTRATOR_FORGE_" in answer.errors


def test_what_cannot_be_followed_is_told_with_what_to_do(desk):
    fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
    follows = "[{name: nothing, chart: cache}, {name: database, chart: db, constraint: 1.x}]"
    desk.commit("fleet.yaml", f"{fleet}subscriptions: {follows}\n")
    answer = desk.run("subscriptions")
    assert answer.code == 2
    assert "nothing in the fleet needs cache" in answer.errors
    assert "1.2.0 is the highest" in answer.output
    assert desk.run("subscriptions", "databse").errors.count("database") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "{name: a}",
        "{name: a, chart: db, image: ghcr.io/acme/shop}",
        "{name: a, image: ghcr.io/acme/shop}",
        "{name: a, chart: db, constraint: '~~1'}",
        "{name: a, chart: db, cadence: 1s}",
        "{name: a, chart: db, repository: elsewhere}",
    ],
)
def test_a_subscription_that_says_nothing_sensible_breaks_the_fleet(desk, wrong):
    fleet = (desk.fleet / "fleet.yaml").read_text().partition("subscriptions:")[0]
    desk.commit("fleet.yaml", f"{fleet}subscriptions: [{wrong}]\n")
    answer = desk.run("subscriptions")
    assert answer.code == 2
    assert "fleet.yaml" in answer.errors

import json
import subprocess

import pytest
import yaml

from deploy_orchestrator.adoption import report
from deploy_orchestrator.git import Changes, Repository
from tests.adoption.conftest import CONFIG_MAP, URL, Originals, application, release_secret, widgets
from tests.cli.conftest import have_kubeconfig
from tests.simulated import serving

MANIFEST = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: main}\n"
    'data:\n  values: "{\\"replicas\\":4}"\n  text: |\n    one\n    two\n'
)


@pytest.fixture
def originals(tmp_path):
    folder = tmp_path / "originals"
    folder.mkdir()
    made = Originals(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    made.chart("web")
    return made


@pytest.fixture
def empty(fresh, tmp_path, monkeypatch):
    """A fleet repository with nothing in it."""
    remote = tmp_path / "new.git"
    subprocess.run(["git", "init", "--bare", "--quiet", "--initial-branch=main", remote], check=True)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FLEET", str(remote))
    return remote


def exported(tmp_path, *objects):
    path = tmp_path / "export.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    return path


def shown(remote, path, branch="adopt"):
    return subprocess.check_output(["git", "-C", remote, "show", f"{branch}:{path}"], text=True)


def test_nothing_is_written_until_it_is_asked_for(fresh, empty, originals, tmp_path):
    path = exported(tmp_path, release_secret("main", "apps", MANIFEST, replicas=4))
    options = ("adopt", "--owner", "ops@example.com", "--from", f"prod={path}", "--kubernetes", "prod=1.34")
    chart = ("--chart", f"web={originals.folder / 'apps/web'}")
    answer = fresh.run(*options, *chart)
    assert answer.code == 0, answer.errors
    assert "equal  prod: Helm release apps/main" in answer.output
    assert not subprocess.check_output(["git", "-C", empty, "branch"])

    told = json.loads(fresh.run(*options, *chart, "--write", "--format", "json").output)
    assert [each["state"] for each in told["releases"]] == ["equal"]
    assert yaml.safe_load(shown(empty, "tenants/main/adopted-prod.yaml")) == {"replicas": 4}
    assert "1 equal" in shown(empty, "ADOPTION.md")
    assert "name: tenant-platform" in shown(empty, "charts/tenant-platform/Chart.yaml")


def test_a_fleet_that_is_there_keeps_what_is_its_own(fresh, originals, tmp_path):
    """Its fleet.yaml, by which the platform chart runs in that namespace too: what that adds is told."""
    path = exported(tmp_path, release_secret("main", "apps", MANIFEST, replicas=4))
    answer = fresh.run(
        "adopt",
        *("--owner", "ops@example.com", "--from", f"production={path}", "--kubernetes", "production=1.34"),
        *("--chart", f"web={originals.folder / 'apps/web'}", "--write"),
    )
    assert answer.code == 1
    assert "note: fleet.yaml was edited, and stays as it is" in answer.errors
    assert "only ours: NetworkPolicy apps/default-deny" in answer.output
    assert "name: dev" in shown(fresh.fleet, "fleet.yaml")
    below = subprocess.check_output(["git", "-C", fresh.fleet, "merge-base", "main", "adopt"])
    assert below == subprocess.check_output(["git", "-C", fresh.fleet, "rev-parse", "main"])


def test_what_is_wrong_with_one_is_told_and_exits_with_1(fresh, empty, originals, tmp_path):
    bad = application("bad", "web")
    bad["spec"]["source"]["plugin"] = {"name": "x"}
    path = exported(tmp_path, bad, release_secret("main", "apps", MANIFEST, replicas=4))
    answer = fresh.run(
        "adopt",
        *("--owner", "ops@example.com", "--from", f"prod={path}", "--source", f"{URL}={originals.folder}"),
        *("--chart", f"web={originals.folder / 'apps/web'}"),
    )
    assert answer.code == 1
    assert "not carried over  prod: Application argocd/bad" in answer.output
    assert "equal  prod: Helm release apps/main" in answer.output
    assert "is taken to have Kubernetes" in answer.errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing says what runs"),
        (("--from", "prod"), "does not say what it is for"),
        (("--from", "prod=/no/such"), "there is no such file"),
        (("--from", "prod=EXPORT", "--kubernetes", "dev=1.34"), "there is no environment 'dev'"),
        (("--from", "prod=EXPORT", "--kubernetes", "prod=1.1"), "is not known"),
        (("--from", "prod=EXPORT"), "there is nothing to adopt"),
    ],
)
def test_wrong_use_is_told_with_what_to_do(fresh, empty, tmp_path, options, said):
    path = exported(tmp_path)
    answer = fresh.run(
        "adopt", "--owner", "ops@example.com", *(each.replace("EXPORT", str(path)) for each in options)
    )
    assert answer.code == 2
    assert said in answer.errors
    assert "fix: " in answer.errors


def test_an_edit_that_is_pushed_meanwhile_stays(fresh, empty, originals, tmp_path, monkeypatch):
    path = exported(tmp_path, release_secret("main", "apps", MANIFEST, replicas=4))
    options = ("adopt", "--owner", "ops@example.com", "--from", f"prod={path}", "--kubernetes", "prod=1.34")
    options += ("--chart", f"web={originals.folder / 'apps/web'}", "--write")
    assert fresh.run(*options).code == 0
    edited = []

    def while_it_is_told(result):
        if not edited:
            other = Repository.clone(str(empty), tmp_path / "other")
            mine = {"tenants/main/adopted-prod.yaml": b"replicas: 4 # mine\n"}
            edited.append(other.write("adopt", lambda _: Changes("mine", mine)))
        return report(result) + "\nagain\n"

    monkeypatch.setattr("deploy_orchestrator.cli.adopt.report", while_it_is_told)
    fresh.run(*options)
    assert edited
    assert shown(empty, "tenants/main/adopted-prod.yaml") == "replicas: 4 # mine\n"
    assert "again" in shown(empty, "ADOPTION.md")


def test_what_is_left_is_told_until_nothing_is(fresh, originals, tmp_path):
    bad = application("bad", "web")
    bad["spec"]["source"]["plugin"] = {"name": "x"}
    path = exported(tmp_path, bad, release_secret("main", "apps", MANIFEST, token="hunter2"))
    said = fresh.run("adopt", "--status")
    assert said.code == 2
    assert "nothing was adopted into this fleet" in said.errors

    fresh.run(
        "adopt",
        *("--owner", "ops@example.com", "--from", f"production={path}", "--kubernetes", "production=1.34"),
        *("--chart", f"web={originals.folder / 'apps/web'}", "--write"),
    )
    subprocess.run(
        ["git", "-C", fresh.fleet, "update-ref", "refs/heads/main", "refs/heads/adopt"], check=True
    )
    answer = fresh.run("adopt", "--status", "--format", "json")
    assert answer.code == 1
    told = {each["owner"]: each["lines"] for each in json.loads(answer.output)["left"]}
    assert told["Application argocd/bad"] == ["not carried over: it is made by plugin, not by Helm"]
    assert (
        "tenants/main/adopted-production.yaml: token was cut out as a secret"
        in (told["Helm release apps/main"])
    )
    assert "its quota is one that nobody meets" in told["Helm release apps/main"]
    assert "not planned yet" in told["Helm release apps/main"]
    text = fresh.run("adopt", "--status").output
    assert "0 of 2 are done" in text
    assert "production: its cluster was not asked what of the originals is still there (--cluster)" in text
    misspelt = fresh.run("adopt", "--status", "--cluster", "prodution=here")
    assert misspelt.code == 2
    assert "production" in misspelt.errors


def test_an_environment_in_two_contexts_is_refused_before_anything_is_read(fresh):
    answer = fresh.run("adopt", "--owner", "o@example.com", "--cluster", "prod=one", "--cluster", "prod=two")
    assert answer.code == 2
    assert "prod is in two contexts" in answer.errors


@pytest.fixture
def api(tmp_path, monkeypatch):
    with serving() as server:
        server.namespaces("argocd", "apps")
        have_kubeconfig(monkeypatch, server.kubeconfig(tmp_path / "kubeconfig"))
        yield server


def test_a_cluster_says_which_version_it_has(fresh, empty, originals, api):
    api.put(application("web", "web"))
    answer = fresh.run(
        *("adopt", "--owner", "o@example.com", "--cluster", "prod=here", "--write"),
        *("--source", f"{URL}={originals.folder}"),
    )
    assert answer.code < 2, answer.errors
    assert "is taken to have" not in answer.errors
    assert yaml.safe_load(shown(empty, "fleet.yaml"))["environments"][0]["kubernetes"] == "1.34"


@pytest.fixture
def asks_what_is_served(fresh, empty, originals, tmp_path):
    """What adopting says of a chart that asks for a kind that the cluster's definitions have."""
    asks = '{{ if .Capabilities.APIVersions.Has "example.com/v1/Widget" }}%s{{ end }}'
    originals.chart("web", {"templates/a.yaml": asks % CONFIG_MAP})
    served = [{"name": "v1", "served": True}, {"name": "v0", "served": False}]
    path = exported(tmp_path, application("web", "web"), widgets(*served))
    return fresh.run(
        *("adopt", "--owner", "o@example.com", "--from", f"prod={path}", "--write"),
        *("--kubernetes", "prod=1.34", "--source", f"{URL}={originals.folder}"),
    )


def test_what_definitions_of_the_cluster_serve_is_told_to_charts(asks_what_is_served, empty):
    assert asks_what_is_served.code < 2, asks_what_is_served.errors
    found = yaml.safe_load(shown(empty, "fleet.yaml"))["environments"][0]
    assert found["apiVersions"] == ["example.com/v1", "example.com/v1/Widget"]


@pytest.mark.helm
def test_a_chart_that_asks_what_the_cluster_serves_comes_out_equal(asks_what_is_served):
    assert asks_what_is_served.code == 0, asks_what_is_served.output
    assert "1 objects are equal" in asks_what_is_served.output

"""`serve` lets nobody in from elsewhere unless people sign in, and says what is wrong with how they would."""

import stat
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import deploy_orchestrator.web as web

FILE = """\
url: https://deploy.example.com
issuers: [{name: acme, issuer: "https://login.example.com", client: ours}]
roles: {sees: [acme/*]}
"""


@pytest.fixture
def file(desk, monkeypatch) -> Path:
    path = desk.folder / "sign-in.yaml"
    path.write_text(FILE)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGN_IN_FILE", str(path))
    return path


@pytest.fixture
def served(monkeypatch) -> list[TestClient]:
    """What was served, and is asked from outside."""
    clients: list[TestClient] = []

    class Server:
        def __init__(self, app, host, port):
            clients.append(TestClient(app, base_url="https://deploy.example.com", follow_redirects=False))

        def run(self) -> None: ...

    monkeypatch.setattr(web, "site_server", Server, raising=False)
    return clients


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "deploy.example.com"])
def test_an_address_that_others_reach_is_refused(desk, host):
    answer = desk.run("serve", "--host", host)
    assert answer.code == 2
    assert "would let everybody in" in answer.errors
    assert "127.0.0.1" in answer.errors


def test_where_people_sign_in_it_listens_to_others_and_lets_nobody_in_who_has_not(desk, file, served):
    assert desk.run("serve", "--host", "0.0.0.0").code == 0
    (client,) = served
    assert client.get("/").status_code == 401
    assert client.get("/dagster").status_code == 401
    assert client.get("/", headers={"host": "other.example.com"}).status_code == 421


def test_a_variable_that_names_no_file_of_who_signs_in_lets_nobody_in(desk, served, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGN_IN_FILE", "")
    answer = desk.run("serve")
    assert (answer.code, served) == (2, [])
    assert "DEPLOY_ORCHESTRATOR_SIGN_IN_FILE: it names no file" in answer.errors


def test_the_key_of_cookies_is_made_once_and_is_its_owners_alone(desk, file, served):
    for _ in range(2):
        assert desk.run("serve").code == 0
    (key,) = desk.folder.rglob("sign-in.key")
    assert len(key.read_bytes()) == 64
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FILE", "/nothing/here.yaml", "cannot be read"),
        ("KEY_FILE", "/nothing/here", "cannot be read"),
        ("KEY_FILE", "/dev/null", "openssl rand -hex 32"),
        ("SECRETS", "not json: hush", "DEPLOY_ORCHESTRATOR_SIGN_IN_SECRETS"),
        ("SECRETS", '{"acme": ["hush"]}', "DEPLOY_ORCHESTRATOR_SIGN_IN_SECRETS"),
        ("SECRETS", '{"other": "hush"}', "there is a secret for the issuer 'other'"),
    ],
)
def test_what_is_wrong_is_told_without_any_secret(desk, file, served, monkeypatch, variable, value, said):
    monkeypatch.setenv(f"DEPLOY_ORCHESTRATOR_SIGN_IN_{variable}", value)
    answer = desk.run("serve")
    assert answer.code == 2
    assert said in answer.errors
    assert "hush" not in answer.errors
    assert not served


def test_secrets_are_read_from_files_by_what_they_are_called(desk, file, served, monkeypatch):
    file.write_text(FILE.replace("client: ours", "client: ours, decisions: others"))
    given: list[dict[str, str]] = []

    class SignIn(web.SignIn):
        def __init__(self, described, secrets, *rest):
            given.append(dict(secrets))
            super().__init__(described, secrets, *rest)

    monkeypatch.setattr(web, "SignIn", SignIn)
    for name in ("acme", "acme.decisions"):
        (desk.folder / "secrets" / name).parent.mkdir(exist_ok=True)
        (desk.folder / "secrets" / name).write_text(f"of {name}\n")
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGN_IN_SECRETS_FOLDER", str(desk.folder / "secrets"))
    assert desk.run("serve").code == 0
    assert given == [{"acme": "of acme", "acme.decisions": "of acme.decisions"}]


def test_metrics_are_for_this_machine_alone_unless_a_token_is_shown(desk, monkeypatch):
    for name in ("TOKEN", "TOKEN_FILE"):
        monkeypatch.delenv(f"DEPLOY_ORCHESTRATOR_METRICS_{name}", raising=False)
    answer = desk.run("serve", "--metrics-port", "0", "--metrics-host", "0.0.0.0")
    assert answer.code == 2
    assert "would read the metrics" in answer.errors
    assert "DEPLOY_ORCHESTRATOR_METRICS_TOKEN" in answer.errors


def test_a_metrics_token_that_is_guessed_is_refused(desk, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_METRICS_TOKEN", "short")
    answer = desk.run("serve", "--metrics-port", "0")
    assert answer.code == 2
    assert "5 characters" in answer.errors


def test_nobody_acts_as_others_where_people_sign_in_or_come_through_a_proxy(desk, file, served, monkeypatch):
    answer = desk.run("serve", "--act-as", str(desk.folder))
    assert (answer.code, "--act-as" in answer.errors) == (2, True)
    monkeypatch.delenv("DEPLOY_ORCHESTRATOR_SIGN_IN_FILE")
    answer = desk.run("serve", "--act-as", str(desk.folder), "--name", "deploy.example.com")
    assert (answer.code, "--act-as" in answer.errors) == (2, True)
    assert served == []


def test_nobody_acts_as_others_on_a_real_cluster(desk, served, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_ENGINE", "argocd")
    answer = desk.run("serve", "--act-as", str(desk.folder))
    assert (answer.code, "--act-as" in answer.errors) == (2, True)
    assert served == []

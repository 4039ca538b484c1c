"""Who gets the user's login to a registry: the registry, and whom it names itself."""

import json

import pytest

from deploy_orchestrator.registries import (
    Egress,
    Internet,
    Login,
    Registry,
    RepositoryError,
    RepositoryUnreachable,
)

PLANTED = Login("robot", "PLANTED")
REFRESH = Login("<token>", "PLANTED", is_token=True)


class Spying(Internet):
    """Notes what would leave this machine, and keeps it here."""

    def __init__(self, egress: Egress) -> None:
        super().__init__(egress)
        self.left: list[tuple[str, dict[str, object]]] = []

    def fetch(self, url, **more):
        if not url.startswith("http://127.0.0.1:") or "@" in url:
            self.left.append((url, more))
            raise RepositoryUnreachable("not sent", url=url)
        return super().fetch(url, **more)


@pytest.fixture
def asking(server, elsewhere):
    """Asks the registry at `server` about a chart with a login, and gives what would have left."""
    web = Spying(Egress().naming(server.url, elsewhere.url))

    def ask(login: Login) -> list[tuple[str, dict[str, object]]]:
        url = f"oci://{server.host}/charts"
        registry = Registry(url, url, web, lambda host: login)
        try:
            registry.ask(f"{registry.of('app')}/tags/list", "app")
        except RepositoryError:
            return web.left
        return web.left

    return ask


def sent(*servers) -> str:
    return json.dumps([[headers, body.decode()] for each in servers for _, _, headers, body in each.asked])


@pytest.mark.parametrize("login", [PLANTED, REFRESH])
@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="https://evil.example/token",service="x",scope="y"',
        'Bearer realm="{server}/token",service="x"',
        'Bearer realm="{elsewhere}/token",service="x"',
        "Basic realm=x",
    ],
)
def test_a_challenge_of_a_server_that_the_registry_redirects_to_gets_no_login(
    server, elsewhere, asking, login, challenge
):
    server.answer = lambda path: (307, {"Location": f"{elsewhere.url}{path}"}, b"")
    told = challenge.format(server=server.url, elsewhere=elsewhere.url)
    elsewhere.answer = lambda path: (401, {"WWW-Authenticate": told}, b"")
    assert not asking(login)
    assert "authorization" not in sent(server, elsewhere)
    assert "PLANTED" not in sent(server, elsewhere)


@pytest.mark.parametrize("login", [PLANTED, REFRESH])
@pytest.mark.parametrize(
    "realm",
    [
        "{server}@evil.example/token",
        "{server}.evil.example/token",
        "{server}1/token",
        "{elsewhere}/token",
        "http://evil.example/token",
        "https://{host}@evil.example/token",
        "https://evil.example\\@{host}/token",
        "https:///token",
        "https://[/token",
        "file:///etc/passwd",
        "//evil.example/token",
    ],
)
def test_a_realm_is_https_or_the_registry_itself(server, elsewhere, asking, login, realm):
    realm = realm.format(server=server.url, elsewhere=elsewhere.url, host=server.host)
    server.answer = lambda path: (401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}, b"")
    assert not asking(login)
    assert not elsewhere.asked
    assert "PLANTED" not in sent(server)


def test_a_realm_of_the_registrys_own_choice_gets_the_login(server, asking):
    server.answer = lambda path: (401, {"WWW-Authenticate": 'Bearer realm="https://auth.example/token"'}, b"")
    ((url, more),) = asking(PLANTED)
    assert url.startswith("https://auth.example/token")
    assert more["headers"] == {"Authorization": PLANTED.basic}


@pytest.mark.parametrize(
    "challenges",
    [
        'Bearer realm="{url}/token",service="hub",scope="*", Basic realm="Hub, Basic realm=\\"x\\""',
        'Basic realm="Hub", Bearer realm="{url}/token", service=hub, scope="*"',
        'bearer scope="*" , Realm = "{url}/token",service="hub",Basic',
    ],
)
def test_of_several_challenges_that_for_a_token_is_taken_with_its_own_realm(server, asking, challenges):
    told = challenges.format(url="https://auth.example")
    server.answer = lambda path: (401, {"WWW-Authenticate": told}, b"")
    ((url, more),) = asking(PLANTED)
    assert url in (
        "https://auth.example/token?service=hub&scope=%2A",
        "https://auth.example/token?scope=%2A&service=hub",
    )
    assert more["headers"] == {"Authorization": PLANTED.basic}


def test_a_refresh_token_does_not_follow_a_redirect_of_the_realm(server, elsewhere, asking):
    def answer(path: str):
        if path.startswith("/token"):
            return 307, {"Location": f"{elsewhere.url}/token"}, b""
        return 401, {"WWW-Authenticate": f'Bearer realm="{server.url}/token"'}, b""

    server.answer = answer
    asking(REFRESH)
    assert not elsewhere.asked

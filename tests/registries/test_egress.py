"""Which servers are spoken to: any public one, or those that fleet.yaml lists; this machine by name only."""

import socket

import pytest

from deploy_orchestrator.registries import Egress, EgressRefused, Internet, RepositoryError

NAME = "https://charts.example.com"
ANYWHERE = Egress()


def fetched(egress: Egress, url: str):
    return Internet(egress).fetch(url, limit=1000, repository=NAME)


@pytest.fixture
def resolving(monkeypatch):
    """Has names lead where the test says."""
    real = socket.getaddrinfo

    def lead(**names: str) -> None:
        known = {f"{name}.example": address for name, address in names.items()}
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *more, **named: real(known.get(host, host), *more, **named)
        )

    return lead


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd00:c1::a9fe:a9fe]",
        "[fd00:42::42]",
        "[fd00:a9fe:a9fe::1]",
        "[fd00:100::100:200]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b:1::127.0.0.1]",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_this_machine_and_its_metadata_are_refused_unless_named(host):
    with pytest.raises(EgressRefused, match="egress in fleet"):
        fetched(ANYWHERE, f"http://{host}:9/index.yaml")
    with pytest.raises(RepositoryError) as error:
        fetched(
            ANYWHERE.naming("http://192.0.2.1:9", f"http://{host}:8/charts"), f"http://{host}:9/index.yaml"
        )
    assert isinstance(error.value, EgressRefused)


@pytest.mark.parametrize("spelling", ["127.1", "2130706433", "0x7f.0.0.1", "017700000001"])
def test_another_spelling_of_this_machine_is_refused_when_it_is_reached(server, spelling):
    with pytest.raises(RepositoryError):
        fetched(ANYWHERE, f"http://{spelling}:{server.port}/index.yaml")
    assert not server.asked


def test_a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent(server, resolving):
    resolving(rebound="127.0.0.1")
    with pytest.raises(EgressRefused, match="which is this machine"):
        fetched(ANYWHERE, f"http://rebound.example:{server.port}/index.yaml")
    named = ANYWHERE.naming(f"http://rebound.example:{server.port}")
    with pytest.raises(EgressRefused, match="which is this machine"):
        fetched(named, f"http://rebound.example:{server.port}/index.yaml")
    assert not server.asked


def test_what_is_named_with_its_address_is_reached(server):
    server.answer = lambda path: (200, {}, b"text")
    for url in (f"{server.url}/charts", f"oci://{server.host}/charts"):
        assert fetched(ANYWHERE.naming(url), f"{server.url}/index.yaml").body == b"text"
    assert fetched(Egress(frozenset({server.host})), server.url).body == b"text"


def test_every_redirect_is_held_against_it(server, elsewhere):
    server.answer = lambda path: (302, {"Location": f"{elsewhere.url}/"}, b"")
    with pytest.raises(EgressRefused, match=elsewhere.host):
        fetched(ANYWHERE.naming(server.url), server.url)
    assert not elsewhere.asked


@pytest.mark.parametrize(
    ("host", "is_listed"),
    [
        ("charts.example.com", True),
        ("CHARTS.example.com", True),
        ("a.b.mirror.example", True),
        ("mirror.example", False),
        ("evilmirror.example", False),
        ("charts.example.com.evil.example", False),
        ("registry.example:5000", True),
        ("registry.example:5001", False),
        ("named.example", True),
    ],
)
def test_with_a_list_only_what_it_lists_and_what_is_named_is_reached(host, is_listed):
    listed = Egress(frozenset({"charts.example.com", "*.mirror.example", "registry.example:5000"}))
    name, _, port = host.partition(":")
    refusal = listed.naming("https://named.example/charts").refusal(name.lower(), int(port or 443))
    assert (refusal is None) is is_listed


def test_no_pattern_of_names_leads_to_this_machine(server, resolving):
    resolving(inner="127.0.0.1")
    with pytest.raises(EgressRefused):
        fetched(Egress(frozenset({"*.example"})), f"http://inner.example:{server.port}")


def test_a_proxy_of_the_environment_may_be_on_this_machine(server, monkeypatch):
    server.answer = lambda path: (200, {}, b"text")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    assert fetched(ANYWHERE, "http://charts.example.com/index.yaml").body == b"text"
    with pytest.raises(EgressRefused):
        fetched(ANYWHERE, f"http://localhost:{server.port}/index.yaml")


@pytest.mark.parametrize("spelling", ["127.1", "2130706433", "0x7f.0.0.1", "017700000001", "0251.0376.43518"])
def test_another_spelling_of_this_machine_is_not_asked_of_a_proxy_either(server, monkeypatch, spelling):
    """A proxy looks names up itself, and takes these for addresses: of the machine that it is on."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(EgressRefused):
        fetched(ANYWHERE, f"http://{spelling}/index.yaml")
    assert not server.asked

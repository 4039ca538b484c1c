"""Who reaches whom, held against every peer and port of a small world, by the words of Kubernetes."""

from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.manifests import Object
from deploy_orchestrator.risk.reachability import Isolation, widened

OWN = "shop"
SPACES = [
    {"kubernetes.io/metadata.name": name, **({"team": team} if team else {})}
    for name, team in product((OWN, "web", "elsewhere"), (None, "a", "b"))
    if name != OWN or team == "a"
]
LABELS = [
    {key: value for key, value in (("app", app), ("tier", tier)) if value}
    for app, tier in product((None, "x", "y", "z"), (None, "x", "q"))
]
PODS = [("pod", space, labels) for space in SPACES for labels in LABELS]
ADDRESSES = [
    ("address", ip_address(each))
    for each in (
        "10.0.0.1",
        "10.0.0.129",
        "10.0.1.5",
        "10.1.0.1",
        "8.8.8.8",
        "0.0.0.0",
        "255.255.255.255",
        "2001:db8::1",
    )
]
PORTS = [
    (protocol, port)
    for protocol in ("TCP", "UDP", "SCTP")
    for port in (1, 79, 80, 81, 82, 83, 84, 443, 65535)
]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        here, values = labels.get(each["key"]), each.get("values", [])
        met = {
            "In": here is not None and here in values,
            "NotIn": here is None or here not in values,
            "Exists": here is not None,
            "DoesNotExist": here is None,
        }
        if not met[each["operator"]]:
            return False
    return True


def is_peer(peer: Any, wanted: dict[str, Any]) -> bool:
    if "ipBlock" in wanted:
        if peer[0] != "address":
            return False
        block = wanted["ipBlock"]
        left_out = any(peer[1] in ip_network(each) for each in block.get("except", []))
        return peer[1] in ip_network(block["cidr"]) and not left_out
    if peer[0] != "pod":
        return False
    _, space, labels = peer
    if "namespaceSelector" in wanted:
        in_space = selects(wanted["namespaceSelector"], space)
    else:
        in_space = space["kubernetes.io/metadata.name"] == OWN
    return in_space and selects(wanted.get("podSelector", {}), labels)


def allowed(policies: list[dict[str, Any]], labels: dict[str, str], peer: Any, port: tuple[str, int]) -> bool:
    """Whether pods with these labels are reached by a peer on a port."""
    on = [each for each in policies if selects(each["podSelector"], labels)]
    if not on:
        return True
    for rule in (rule for each in on for rule in each.get("ingress", [])):
        from_there = not rule.get("from") or any(is_peer(peer, each) for each in rule["from"])
        ports = rule.get("ports")
        there = not ports or any(
            each.get("protocol", "TCP") == port[0]
            and ("port" not in each or each["port"] <= port[1] <= each.get("endPort", each["port"]))
            for each in ports
        )
        if from_there and there:
            return True
    return False


def mappings(key: str, values: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    named = st.sampled_from(values).map(lambda value: {"matchLabels": {key: value}})
    operators = st.sampled_from(["In", "NotIn"])
    several = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
    asked = st.tuples(operators, several).map(
        lambda each: {"matchExpressions": [{"key": key, "operator": each[0], "values": each[1]}]}
    )
    there = st.sampled_from(["Exists", "DoesNotExist"]).map(
        lambda operator: {"matchExpressions": [{"key": key, "operator": operator}]}
    )
    return st.one_of(st.just({}), named, asked, there)


def together(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    one, other = pair
    return {
        "matchLabels": {**one.get("matchLabels", {}), **other.get("matchLabels", {})},
        "matchExpressions": [*one.get("matchExpressions", []), *other.get("matchExpressions", [])],
    }


POD_SELECTORS = st.tuples(mappings("app", ("x", "y")), mappings("tier", ("x",))).map(together)
SPACE_SELECTORS = st.tuples(
    mappings("kubernetes.io/metadata.name", (OWN, "web")), mappings("team", ("a",))
).map(together)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.0.0.0/8"},
        {"cidr": "10.0.0.0/24"},
        {"cidr": "10.0.0.0/25"},
        {"cidr": "10.0.0.128/25"},
        {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/24"]},
    ]
)
PEERS = st.one_of(
    POD_SELECTORS.map(lambda each: {"podSelector": each}),
    SPACE_SELECTORS.map(lambda each: {"namespaceSelector": each}),
    st.tuples(POD_SELECTORS, SPACE_SELECTORS).map(
        lambda each: {"podSelector": each[0], "namespaceSelector": each[1]}
    ),
    BLOCKS.map(lambda each: {"ipBlock": each}),
)
OPEN_PORTS = st.sampled_from(
    [
        {"port": 80},
        {"port": 80, "endPort": 83},
        {"port": 82},
        {"protocol": "UDP"},
        {"protocol": "UDP", "port": 443},
        {},
    ]
)
RULES = st.fixed_dictionaries(
    {}, optional={"from": st.lists(PEERS, max_size=2), "ports": st.lists(OPEN_PORTS, max_size=2)}
)
POLICIES = st.lists(
    st.fixed_dictionaries(
        {"podSelector": st.sampled_from([{}, {"matchLabels": {"app": "x"}}, {"matchLabels": {"app": "y"}}])},
        optional={"ingress": st.lists(RULES, max_size=2)},
    ),
    max_size=3,
)
OWN_LABELS = st.sampled_from([{}, {"app": "x"}, {"app": "y"}])


def isolation(policies: list[dict[str, Any]], labels: dict[str, str], **told: Any) -> Isolation:
    objects = [
        Object(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": f"p{number}", "namespace": OWN},
                "spec": {"policyTypes": ["Ingress"], **spec},
            }
        )
        for number, spec in enumerate(policies)
    ]
    return Isolation(OWN, {"team": "a"}, labels, told.get("named", {}), objects)


@settings(max_examples=400, deadline=None)
@given(POLICIES, OWN_LABELS, POLICIES, OWN_LABELS)
def test_somebody_is_let_in_anew_just_where_it_says_so(
    before: list[dict[str, Any]],
    labels_before: dict[str, str],
    after: list[dict[str, Any]],
    labels_after: dict[str, str],
):
    said = [*widened(isolation(before, labels_before), isolation(after, labels_after))]
    new = [
        (peer, port)
        for peer in (*PODS, *ADDRESSES)
        for port in PORTS
        if allowed(after, labels_after, peer, port) and not allowed(before, labels_before, peer, port)
    ]
    assert bool(said) == bool(new), (said, new[:3])


def rule(**told: Any) -> dict[str, Any]:
    return {"podSelector": {}, "ingress": [told]}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([], "from anybody, any port"),
        ([rule()], "from anybody, any port"),
        ([rule(**{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]})],
         "from 10.0.0.0/8 without 10.1.0.0/16, any port"),
        ([rule(**{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}], "ports": [{"port": 80}]})],
         "from all pods of namespaces with team=a, TCP 80"),
        ([rule(**{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}], "ports": [{"port": "http"}]})],
         "from pods with app=x of its namespace, TCP 8080"),
    ],
)  # fmt: skip
def test_it_says_who_and_where(after: list[dict[str, Any]], words: str):
    closed = [{"podSelector": {}}]
    named = {"TCP http": 8080}
    assert [*widened(isolation(closed, {}, named=named), isolation(after, {}, named=named))] == [words]


def test_a_port_by_its_name_and_by_its_number_are_the_same_port():
    named = {"TCP http": 8080}
    by_number, by_name = ([rule(ports=[{"port": each}])] for each in (8080, "http"))
    assert [*widened(isolation(by_number, {}, named=named), isolation(by_name, {}, named=named))] == []
    elsewhere = isolation(by_name, {}, named={"TCP http": 9090})
    assert [*widened(isolation(by_number, {}, named=named), elsewhere)] == ["from anybody, TCP 9090"]


def test_what_takes_too_long_to_go_through_is_said_to_be_wider():
    def many(value: str) -> list[dict[str, Any]]:
        return [
            rule(**{"from": [{"podSelector": {"matchLabels": {f"k{each}": value for each in range(20)}}}]})
        ]

    assert len([*widened(isolation(many("a"), {}), isolation(many("b"), {}))]) == 1
    rules = [rule(ports=[{"port": each}]) for each in range(1, 1000)]
    assert (
        len(
            [
                *widened(
                    isolation(rules, {}),
                    isolation([*rules[:-1], rule(ports=[{"port": 999, "endPort": 999}])], {}),
                )
            ]
        )
        == 1
    )

"""Several engines as one, each for its own environments; real ones are held to it in tests/e2e."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from deploy_orchestrator.delivery import (
    ByEnvironment,
    Contexts,
    DeliveryError,
    EngineUnreachable,
    Instances,
    Sandbox,
    Status,
    states,
)
from deploy_orchestrator.fleet import Fleet, FleetError, load
from deploy_orchestrator.git import Changes, Repository
from tests.delivery.publishing import delivered


class Silent:
    """An engine that does not answer, and counts how often it is asked."""

    name = "silent"

    def __init__(self) -> None:
        self.asked = 0

    def statuses(self, *_: Any, **__: Any) -> NoReturn:
        self.asked += 1
        raise EngineUnreachable("nothing answers")

    announce = sync = status = watch = link = leftover = statuses


@pytest.fixture
def silent() -> Silent:
    return Silent()


@pytest.fixture
def engine(sandbox: Sandbox, silent: Silent) -> ByEnvironment:
    """Production is in the sandbox, all else is out of reach."""
    return ByEnvironment("two", lambda environment: sandbox if environment == "production" else silent)


def test_an_engine_that_does_not_answer_stops_only_its_own_environments(engine, publisher):
    dev = publisher.release(publisher.config_map("a"))
    production = publisher.release(publisher.config_map("a"), environment="production")
    with pytest.raises(EngineUnreachable):
        delivered(engine, dev)
    assert delivered(engine, production).live(production)
    (_, unknown), (_, live) = states(engine, [dev, production])
    assert isinstance(unknown, EngineUnreachable)
    assert isinstance(live, Status)
    assert live.live(production)


def test_an_engine_that_did_not_answer_is_not_waited_for_again_at_once(engine, silent):
    for _ in range(5):
        with pytest.raises(EngineUnreachable, match="nothing answers"):
            engine.statuses("dev", ["analytics"])
    assert silent.asked == 1


def test_what_is_released_is_asked_for_once_an_environment(sandbox, publisher):
    asked = []

    class Counting(Sandbox):
        def statuses(self, environment, tenants):
            asked.append((environment, tuple(tenants)))
            return super().statuses(environment, tenants)

    releases = [
        publisher.release(publisher.config_map("a"), environment=environment, tenant=tenant)
        for environment, tenant in (("dev", "ml"), ("production", "ml"), ("dev", "analytics"))
    ]
    found = states(Counting(sandbox.folder, sandbox.deployments), releases)
    assert [release for release, _ in found] == releases
    assert [(state.environment, state.tenant) for _, state in found if isinstance(state, Status)] == [
        ("dev", "ml"),
        ("production", "ml"),
        ("dev", "analytics"),
    ]
    assert sorted(asked) == [("dev", ("ml", "analytics")), ("production", ("ml",))]
    assert states(sandbox, []) == []


FLEET: dict[str, Any] = {
    "argocd": [
        {"name": "here"},
        {"name": "far", "url": "https://far.example/"},
        {"name": "beside", "namespace": "argocd-beside"},
    ],
    "clusters": [
        {"name": "inner", "server": "https://kubernetes.default.svc"},
        {"name": "outer", "server": "https://kubernetes.default.svc", "argocd": "far"},
        {"name": "test", "server": "https://test.example", "argocd": "beside"},
    ],
    "environments": [
        {"name": name, "cluster": cluster, "kubernetes": "1.34"}
        for name, cluster in (
            ("dev", "inner"),
            ("staging", "inner"),
            ("trial", "test"),
            ("production", "outer"),
        )
    ],
    "platform": {"name": "app", "version": "1.0.0"},
}


@pytest.fixture
def fleet(publisher) -> Fleet:
    chart = {"apiVersion": "v2", "name": "app", "version": "1.0.0"}
    files = {"fleet.yaml": FLEET, "charts/app/Chart.yaml": chart}
    writes = {path: yaml.safe_dump(content).encode() for path, content in files.items()}
    publisher.repository.write("main", lambda _: Changes("x", writes))
    return load(publisher.repository.at("main"))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """It has the contexts `near` and `away`, of which the first is the current one."""
    named = {name: {"cluster": name, "user": "me"} for name in ("near", "away")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "near",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example"}} for name in named],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [{"name": name, "context": context} for name, context in named.items()],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def deployments(publisher) -> Repository:
    return publisher.repository


def test_each_environment_is_left_to_the_argo_cd_of_its_cluster(fleet, deployments, kubeconfig):
    instances = Instances(lambda: fleet, deployments, Contexts(kubeconfig, None, {"far": "away"}))
    names = {name: instances(name).instance.name for name in ("dev", "staging", "trial", "production")}
    assert names == {"dev": "here", "staging": "here", "trial": "beside", "production": "far"}
    assert instances("dev") is instances("staging")
    link = ByEnvironment("Argo CD", instances).link("production", "shop")
    assert link == "https://far.example/applications/argocd/production.shop"


def test_a_context_that_is_missing_stops_only_the_environments_of_its_argo_cd(fleet, deployments, kubeconfig):
    instances = Instances(lambda: fleet, deployments, Contexts(kubeconfig, None, {"far": "lost"}))
    assert instances("dev").instance.name == "here"
    with pytest.raises(DeliveryError, match="context 'lost'"):
        instances("production")


def test_two_argo_cds_are_never_taken_for_one(fleet, deployments, kubeconfig):
    instances = Instances(lambda: fleet, deployments, Contexts(kubeconfig))
    for environment in ("dev", "production"):
        with pytest.raises(DeliveryError, match="would both be in namespace argocd") as raised:
            instances(environment)
        assert "DEPLOY_ORCHESTRATOR_CONTEXTS" in str(raised.value.fix)
    assert instances("trial").instance.namespace == "argocd-beside"


def test_an_environment_that_the_fleet_does_not_have_has_no_engine(fleet, deployments, kubeconfig):
    with pytest.raises(FleetError, match="no environment 'gone'"):
        Instances(lambda: fleet, deployments, Contexts(kubeconfig))("gone")

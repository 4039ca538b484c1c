"""The orchestrator on a real Argo CD: canary waves, and what becomes of changes that are made by hand."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from installation import Installation, installed
from kubernetes.client import CoreV1Api, V1ConfigMap
from objects import config_map, restricted_pod
from pushing import until
from rig import FAILING_POD, Cluster, Gitea
from steps import propose, released
from typer.testing import CliRunner, Result

from deploy_orchestrator.cli import app
from deploy_orchestrator.delivery import Status, SyncError
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Gate, GatesClosed, GateState, Plan, Release

LONG, SHORT = timedelta(hours=1), timedelta(seconds=1)


@dataclass(frozen=True)
class Team:
    """Whoever changes the fleet and sees what comes of it."""

    installation: Installation
    orchestrator: Orchestrator
    core: CoreV1Api

    def greet(self, greeting: str, *, failing: bool = False) -> None:
        """Change every tenant; where `failing`, a pod of each fails."""
        files = {
            "values.yaml": {"greeting": greeting},
            "templates/settings.yaml": config_map("{{ .Release.Name }}", greeting="{{ .Values.greeting }}"),
            "templates/probe.yaml": restricted_pod("{{ .Release.Name }}", FAILING_POD) if failing else "",
        }
        self.installation.commit({f"charts/app/{path}": content for path, content in files.items()})
        self.orchestrator.fleet_repository.fetch()

    def soak(self, time: timedelta) -> None:
        """Let the first wave soak for that long."""
        self.installation.set_policy("dev", policy(time))
        self.orchestrator.fleet_repository.fetch()

    def plan(self, tenant: str, environment: str = "dev") -> Plan:
        plan = propose(self.orchestrator, environment, tenant)
        assert plan
        return plan

    def ship(self, tenant: str, environment: str = "dev") -> tuple[Release, Status]:
        release = released(self.orchestrator, self.plan(tenant, environment))
        return release, self.orchestrator.deliver(release)

    def released(self, tenant: str, environment: str = "dev") -> Release:
        release = self.orchestrator.deployments.release(environment, tenant)
        assert release
        return release

    def greetings(self, tenant: str, environment: str = "dev") -> dict[str, str]:
        """What greets in the cluster, by the names of the ConfigMaps."""
        found = self.core.list_namespaced_config_map(f"{tenant}-{environment}").items
        return {
            each.metadata.name: each.data["greeting"] for each in found if "greeting" in (each.data or {})
        }

    def change_by_hand(self, tenant: str, environment: str) -> V1ConfigMap:
        """Change the greeting in one of the objects that were released."""
        name, namespace = min(self.greetings(tenant, environment)), f"{tenant}-{environment}"
        return self.core.patch_namespaced_config_map(name, namespace, {"data": {"greeting": "by hand"}})

    def type(self, *arguments: str) -> Result:
        settings = self.installation.settings.model_dump(exclude={"contexts"}, exclude_none=True)
        environment = {f"DEPLOY_ORCHESTRATOR_{name.upper()}": str(value) for name, value in settings.items()}
        return CliRunner().invoke(app, arguments, env=environment)


def policy(soak: timedelta) -> dict[str, Any]:
    waves = [{"tenants": ["first"], "soak": f"{soak.seconds}s"}, {"tenants": ["second"]}]
    return {"waves": waves, "rollbackAfter": "0s", "deadline": "3m"}


@pytest.fixture(scope="module")
def team(k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Dev syncs by itself, wave by wave; production by the orchestrator's operation alone."""
    folder = tmp_path_factory.mktemp("team")
    tenants = ["first", "second", "edited"]
    with installed(k8s, forge, folder, tenants, policies={"dev": policy(SHORT)}) as installation:
        installation.make_namespaces()
        with Orchestrator.open(installation.settings) as orchestrator, k8s.client() as client:
            made = Team(installation, orchestrator, CoreV1Api(client))
            made.greet("hello")
            for tenant in tenants:
                made.ship(tenant)
            made.ship("edited", "production")
            yield made


def drift(team: Team) -> dict[str, tuple[str, ...]]:
    states = {release.key: state for release, state in team.orchestrator.live()}
    return {key: state.drift for key, state in states.items() if isinstance(state, Status) and state.drift}


def wave(team: Team, plan: Plan) -> Gate:
    (gate,) = [each for each in team.orchestrator.gates(plan) if each.key == "wave"]
    return gate


def test_a_change_goes_on_to_the_next_wave_when_it_was_healthy_in_the_first_for_its_soak_time(
    team: Team,
) -> None:
    team.soak(LONG)
    team.greet("good morning")
    plan = team.plan("second")
    with pytest.raises(GatesClosed, match="wave 1 goes first: first has no plan for it yet"):
        released(team.orchestrator, plan)

    canary, status = team.ship("first")
    with pytest.raises(GatesClosed, match="first has it, healthy for"):
        released(team.orchestrator, plan)
    assert set(team.greetings("second").values()) == {"hello"}

    team.soak(SHORT)
    until(lambda: wave(team, plan).passed)
    release, _ = team.ship("second")
    assert release.released_at >= max(status.since, canary.released_at) + SHORT
    assert set(team.greetings("second").values()) == {"good morning"}


def test_a_change_that_fails_in_the_first_wave_reaches_no_other(team: Team) -> None:
    team.soak(LONG)
    before, greetings = team.released("second"), team.greetings("second")
    team.greet("good night", failing=True)
    plan = team.plan("second")

    with suppress(SyncError):  # its pods are healthy at first
        team.ship("first")
    until(lambda: [found.release.key for found in team.orchestrator.unhealthy()] == ["dev/first"])
    gate = wave(team, plan)
    assert gate.state is GateState.WAITING
    assert "first has it, and is not live and healthy since" in gate.reason
    with pytest.raises(GatesClosed):
        released(team.orchestrator, plan)

    back = team.orchestrator.revert_unhealthy("dev", "first")
    assert back
    assert team.orchestrator.deliver(back).live(back)
    gate = wave(team, plan)
    assert gate.state is GateState.CLOSED
    assert "quarantine: it brings back the bytes, reverted at" in gate.reason
    with pytest.raises(GatesClosed):
        released(team.orchestrator, plan)
    assert team.released("second") == before
    assert team.greetings("second") == greetings

    team.soak(SHORT)
    team.greet("good evening")
    team.ship("first")
    plan = team.plan("second")
    until(lambda: wave(team, plan).passed)
    team.ship("second")
    assert set(team.greetings("second").values()) == {"good evening"}


def test_what_is_changed_by_hand_comes_back_by_itself_where_the_environment_heals(team: Team) -> None:
    release, before = team.released("edited"), team.greetings("edited")
    changed = team.change_by_hand("edited", "dev").metadata
    until(lambda: team.greetings("edited") == before)
    healed = team.core.read_namespaced_config_map(changed.name, changed.namespace).metadata
    assert healed.resource_version != changed.resource_version
    until(lambda: team.orchestrator.engine.status("dev", "edited").live(release))
    assert team.released("edited") == release


def test_what_is_changed_by_hand_in_production_is_told_and_stays_until_somebody_syncs(team: Team) -> None:
    release, before = team.released("edited", "production"), team.greetings("edited", "production")
    changed = team.change_by_hand("edited", "production").metadata
    named = f"ConfigMap {changed.namespace}/{changed.name}"
    until(lambda: drift(team) == {"production/edited": (named,)})

    answer = team.type("status")
    assert answer.exit_code == 1
    assert f"changed by hand: {named}" in answer.output
    assert [found.release.key for found in team.orchestrator.unhealthy()] == []
    assert team.orchestrator.revert_unhealthy("production", "edited") is None
    assert "by hand" in team.greetings("edited", "production").values()

    answer = team.type("sync", "production", "edited")
    assert (answer.exit_code, answer.output) == (0, "production/edited: Healthy\n")
    assert team.greetings("edited", "production") == before
    assert drift(team) == {}
    assert team.type("status", "--environment", "production").exit_code == 0
    assert team.released("edited", "production") == release

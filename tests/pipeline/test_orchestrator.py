import shutil
import subprocess
from pathlib import Path

import pytest

from deploy_orchestrator import documents
from deploy_orchestrator.delivery import EngineUnreachable, Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import FleetError
from deploy_orchestrator.git import Changes
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release, ReleaseError, RevertRefused
from deploy_orchestrator.settings import Settings
from tests.desk import Desk, git
from tests.pipeline.conftest import sandbox_of
from tests.steps import previewed, propose, released

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
"""
COMMON = "apiVersion: v2\nname: common\nversion: {version}\ntype: library\n"
USER = """\
apiVersion: v2
name: {name}
version: 0.1.0
dependencies:
  - {{name: common, version: {version}, repository: "https://charts.example.com"}}
"""
LABELLED = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  label: {{{{ include "common.label" . | quote }}}}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: database
stringData:
  password: hunter2
"""


def impatient(desk: Desk) -> None:
    """Revert at once what is unhealthy in dev."""
    text = (desk.fleet / "fleet.yaml").read_text()
    policy = '    kubernetes: "1.34"\n    policy: {rollbackAfter: 0s}\n'
    desk.commit("fleet.yaml", text.replace('    kubernetes: "1.34"\n', policy, 1))


def ship(desk: Desk, greeting: str) -> None:
    desk.commit("tenants/shop/values.yaml", f"greeting: {greeting}\n")
    desk.ship()


def degraded(orchestrator: Orchestrator) -> Release:
    """dev/shop as it is released now, unhealthy."""
    release = orchestrator.deployments.release("dev", "shop")
    assert release is not None
    orchestrator.engine.sync(release)
    sandbox_of(orchestrator).degrade("dev", "shop", "the database is down")
    return release


def test_a_release_that_a_revert_brought_back_is_left_for_a_person(desk: Desk) -> None:
    impatient(desk)
    ship(desk, "one")
    ship(desk, "two")
    with desk.orchestrator() as orchestrator:
        degraded(orchestrator)
        back = orchestrator.revert_unhealthy("dev", "shop")
        assert back is not None

        assert degraded(orchestrator) == back
        assert [each.release for each in orchestrator.unhealthy()] == [back]
        with pytest.raises(RevertRefused, match="brought back"):
            orchestrator.revert_unhealthy("dev", "shop")
        assert orchestrator.roll_back("dev", "shop", "I say so").content != back.content


def test_the_way_back_stays_open_while_the_fleet_is_broken(desk: Desk) -> None:
    impatient(desk)
    ship(desk, "one")
    ship(desk, "two")
    for text in ("clusters: [", "environments: [{]"):
        desk.commit("fleet.yaml", text)
    with desk.orchestrator() as orchestrator:
        bad = degraded(orchestrator)

        assert [each.release for each in orchestrator.unhealthy()] == [bad]
        back = orchestrator.revert_unhealthy("dev", "shop")

        assert back is not None
        assert orchestrator.deliver(back).live(back)


def test_argo_cd_is_asked_while_the_fleet_is_broken(desk: Desk) -> None:
    desk.commit("fleet.yaml", "clusters: [")
    kubeconfig = desk.folder / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    with Orchestrator.open(Settings(engine="argocd", kubeconfig=kubeconfig)) as orchestrator:
        states = [state for _, state in orchestrator.live()]

    assert len(states) == 3
    assert all(isinstance(state, EngineUnreachable) for state in states)


def test_a_plan_of_a_tenant_that_has_left_the_fleet_is_not_released(waiting: Desk) -> None:
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0
    shutil.rmtree(waiting.fleet / "tenants/shop")
    waiting.commit("README.md", "No shop any more.\n")

    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        closed = [gate for gate in orchestrator.gates(plan) if not gate.passed]
        assert [gate.key for gate in closed] == ["fleet"]
        assert "shop" in closed[0].reason
        with pytest.raises(FleetError, match="shop"):
            released(orchestrator, plan)


def test_nobody_gets_the_namespace_in_which_another_is_released(desk: Desk) -> None:
    """`shop` has left the fleet and is live in `shop-production`; dev makes namespaces of bare names."""
    text = (desk.fleet / "fleet.yaml").read_text()
    dev = "  - name: dev\n    cluster: here\n"
    desk.commit("fleet.yaml", text.replace(dev, f'{dev}    namespace: "{{tenant}}"\n'))
    tenant = (desk.fleet / "tenants/blog/tenant.yaml").read_text()
    shutil.rmtree(desk.fleet / "tenants/shop")
    (desk.fleet / "tenants/shop-production").mkdir()
    desk.commit("tenants/shop-production/tenant.yaml", tenant)

    with desk.orchestrator() as orchestrator:
        orchestrator.settle_rules()
        with pytest.raises(FleetError, match="shop-production of cluster here, where production/shop is"):
            previewed(orchestrator, "dev", "shop-production")
        assert previewed(orchestrator, "dev", "blog").plan.namespace == "blog"


def test_a_rewritten_history_of_the_fleet_stops_nobody(desk: Desk) -> None:
    git(desk.fleet, "checkout", "--quiet", "--orphan", "rewritten")
    desk.commit("tenants/blog/values.yaml", "greeting: from a new history\n")
    git(desk.fleet, "branch", "--quiet", "--move", "--force", "main")
    git(desk.fleet, "reflog", "expire", "--expire=now", "--all")
    git(desk.fleet, "gc", "--quiet", "--prune=now")
    shutil.rmtree(desk.folder / ".local/state/clones", ignore_errors=True)

    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "blog")
        assert plan is not None
        assert plan.source.authors == ("alice@example.com",)
        assert propose(orchestrator, "dev", "shop") is None


def test_a_candidate_from_a_commit_that_was_taken_back_is_withdrawn(waiting: Desk) -> None:
    with waiting.orchestrator() as orchestrator:
        assert propose(orchestrator, "production", "shop") is not None
    git(waiting.fleet, "reset", "--quiet", "--hard", "HEAD~1")

    with waiting.orchestrator() as orchestrator:
        assert propose(orchestrator, "production", "shop") is None
        assert orchestrator.deployments.pending("production", "shop") is None


def test_subcharts_that_bring_two_versions_of_a_library_block_whoever_runs_both(desk: Desk) -> None:
    for name, version in (("a", "1.0.0"), ("b", "2.0.0")):
        subchart = desk.fleet / "charts/app/charts" / name
        (subchart / "templates").mkdir(parents=True)
        (subchart / "charts/common/templates").mkdir(parents=True)
        (subchart / "Chart.yaml").write_text(USER.format(name=name, version=version))
        (subchart / "templates/labelled.yaml").write_text(LABELLED.format(name=name))
        (subchart / "charts/common/Chart.yaml").write_text(COMMON.format(version=version))
        definition = f'{{{{ define "common.label" }}}}{version}{{{{ end }}}}'
        (subchart / "charts/common/templates/_label.tpl").write_text(definition)
    needs = [f"  - {{name: {name}, version: 0.1.0, condition: {name}.enabled}}\n" for name in ("a", "b")]
    chart = (desk.fleet / "charts/app/Chart.yaml").read_text()
    (desk.fleet / "charts/app/Chart.yaml").write_text(chart + "dependencies:\n" + "".join(needs))
    desk.commit("tenants/blog/values.yaml", "b: {enabled: false}\n")

    with desk.orchestrator() as orchestrator:
        shop, blog = previewed(orchestrator, "dev", "shop").plan, previewed(orchestrator, "dev", "blog").plan
        assert [each.rule for each in shop.reasons if each.severity == "blocked"] == ["dependency-conflict"]
        (conflict,) = (each.saw for each in shop.reasons if each.rule == "dependency-conflict")
        assert "a 0.1.0 needs common 1.0.0 and b 0.1.0 needs common 2.0.0" in conflict
        assert blog.verdict != "blocked"


def test_a_plain_secret_reaches_no_commit(desk: Desk) -> None:
    desk.commit("charts/app/templates/secret.yaml", SECRET)

    with desk.orchestrator() as orchestrator, pytest.raises(OrchestratorError, match="password"):
        propose(orchestrator, "dev", "shop")

    assert not holds(desk.folder / ".local/deployments.git", "hunter2")


def holds(repository: Path, text: str) -> bool:
    """Whether any commit of a repository has a file with `text`."""
    revisions = subprocess.check_output(["git", "-C", repository, "rev-list", "--all"], text=True).split()
    found = subprocess.run(["git", "-C", repository, "grep", "-q", text, *revisions], check=False)
    return found.returncode == 0


def altered(orchestrator: Orchestrator) -> tuple[Release, Release]:
    """dev/shop as it is released, and pointed at the bytes of the release before."""
    deployments = orchestrator.deployments
    release, before = deployments.release("dev", "shop"), deployments.history("dev", "shop")[1].release
    assert release
    assert before
    return release, release.model_copy(update={"revision": before.revision})


def test_bytes_that_nobody_released_are_not_delivered(desk: Desk) -> None:
    for greeting in ("hello", "hi"):
        ship(desk, greeting)
    with desk.orchestrator() as orchestrator:
        release, forged = altered(orchestrator)

        with pytest.raises(ReleaseError, match="are not those that were released"):
            orchestrator.deliver(forged)

        assert orchestrator.engine.status("dev", "shop").live(release)


def test_a_release_that_somebody_altered_is_not_called_live(desk: Desk) -> None:
    for greeting in ("hello", "hi"):
        ship(desk, greeting)
    with desk.orchestrator() as orchestrator:
        _, forged = altered(orchestrator)
        file = documents.dump(forged.model_dump(mode="json", exclude={"commit"}, exclude_none=True))
        orchestrator.deployments.repository.write(
            "main", lambda _: Changes("Meddle", {"releases/dev/shop.yaml": file})
        )

        states = {found.key: state for found, state in orchestrator.live()}

        assert "are not those that were released" in str(states["dev/shop"])
        assert [
            state for key, state in states.items() if key != "dev/shop" and not isinstance(state, Status)
        ] == []

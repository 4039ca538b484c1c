"""What no check expects in one tenant's manifests is that tenant's failure."""

from deploy_orchestrator.errors import OrchestratorError, ProgramFault
from deploy_orchestrator.outcomes import in_order
from tests.desk import TENANT, Desk

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  securityContext: {seccompProfile: {type: [RuntimeDefault]}}
  containers: [{name: c, image: "a:1"}]
"""


def test_what_no_check_expects_stops_nobody_else(desk: Desk) -> None:
    desk.commit("charts/evil/Chart.yaml", "apiVersion: v2\nname: evil\nversion: 0.1.0\n")
    desk.commit("charts/evil/templates/pod.yaml", POD)
    desk.commit(
        "tenants/evil/tenant.yaml", TENANT.format(environments="dev").replace("name: app", "name: evil")
    )
    desk.commit("tenants/shop/values.yaml", "greeting: hi\n")
    with desk.orchestrator() as orchestrator:
        fleet = orchestrator.fleet()
        wanted = [each for each in fleet.deployments() if each.environment.name == "dev"]
        found = dict(orchestrator.previews(wanted, fleet))
    assert not isinstance(found["dev/shop"], OrchestratorError)


def test_a_fault_of_this_program_stops_nobody_else() -> None:
    def half(number: int) -> float:
        return 1 / number

    (_, first), (_, second) = in_order(half, [0, 2], 1)
    assert isinstance(first, ProgramFault)
    assert "ZeroDivisionError" in first.what
    assert second == 0.5

"""What Argo CD applies is what was checked and judged, and nothing that stands inside of it."""

from tests.desk import TENANT, Desk
from tests.security.test_shared_cluster import CHART

HOLDS_OTHERS = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: web}}
  endpoints: [{port: http}]
items:
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRoleBinding
    metadata: {name: everything}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
    subjects: [{kind: ServiceAccount, name: default, namespace: production-evil}]
"""


def test_an_object_that_holds_others_reaches_no_plan(desk: Desk) -> None:
    folder = desk.fleet / "charts/web/templates"
    folder.mkdir(parents=True)
    (folder.parent / "Chart.yaml").write_text(CHART)
    (folder / "monitor.yaml").write_text(HOLDS_OTHERS)
    desk.commit(
        "tenants/evil/tenant.yaml", TENANT.format(environments="production").replace("name: app", "name: web")
    )

    answer = desk.run("plan", "-e", "production", "-t", "evil")

    assert answer.code == 2
    assert "`items`: Argo CD applies what stands in that" in answer.errors

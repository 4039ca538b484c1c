"""What is told together is the same."""

from deploy_orchestrator.pipeline import likeness, look
from deploy_orchestrator.settings import Settings
from tests.desk import TENANT, Desk

SECOND = """\
{{- if .Values.data }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
{{- end }}
"""


def test_what_deletes_data_is_not_together_with_what_deletes_a_file(desk: Desk) -> None:
    desk.commit("charts/app/templates/data.yaml", SECOND)
    desk.commit("tenants/blog/values.yaml", "legacy: false\ndata: true\n")
    desk.commit("tenants/blog/tenant.yaml", TENANT.format(environments="dev, production"))
    desk.ship()
    (desk.fleet / "tenants/blog/values.yaml").write_text("legacy: false\n")
    desk.commit("tenants/shop/values.yaml", "legacy: false\n")
    desk.ship()
    with desk.orchestrator() as orchestrator:
        seen = look(orchestrator, Settings().home)
    waiting = {each.key: each.waiting for each in seen.deployments if each.waiting}
    data, file = waiting["production/blog"], waiting["production/shop"]
    assert (data.plan.summary, data.plan.verdict) == (file.plan.summary, file.plan.verdict)
    assert data.about != file.about


def test_what_is_set_to_something_else_is_not_alike(desk: Desk) -> None:
    desk.commit("tenants/blog/tenant.yaml", TENANT.format(environments="dev, production"))
    desk.ship()

    def likenesses(blog: str, shop: str) -> list[object]:
        (desk.fleet / "tenants/blog/values.yaml").write_text(f"greeting: {blog}\n")
        desk.commit("tenants/shop/values.yaml", f"greeting: {shop}\n")
        desk.ship()
        with desk.orchestrator() as orchestrator:
            deployments = orchestrator.deployments
            plans = [deployments.pending("production", each) for each in ("blog", "shop")]
            return [likeness(each, deployments.difference(each)) for each in plans if each]

    first, second = likenesses("https://good.example.com", "https://evil.example.com")
    assert first != second
    first, second = likenesses("https://good.example.com", "https://good.example.com")
    assert first == second


def test_what_was_reverted_and_is_wanted_still_needs_somebody(desk: Desk) -> None:
    desk.ship()
    desk.commit("tenants/blog/values.yaml", "greeting: broken\n")
    desk.ship()
    with desk.orchestrator() as orchestrator:
        orchestrator.roll_back("dev", "blog", "it is on fire")
    desk.ship()
    with desk.orchestrator() as orchestrator:
        seen = look(orchestrator, Settings().home)
    assert [[each.key for each in group] for group in seen.attention] == [["dev/blog"]]

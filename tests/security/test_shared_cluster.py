"""What an environment does to others in the cluster of production, its approvers decide."""

import pytest

from deploy_orchestrator.pipeline import look
from deploy_orchestrator.releases import GatesClosed
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web.asking import refused
from tests.desk import NAMESPACE, Desk
from tests.desk import TENANT as BLOG
from tests.steps import propose, released

INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .Release.Name }}
spec:
  rules:
    - host: {{ .Values.host }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {number: 80}}}
"""
CHART = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
TENANT = """\
chart: {{name: web, version: 0.1.0}}
environments: [{environment}]
quota: {{cpu: 1, memory: 1Gi, storage: 1Gi, pods: 5}}
owners: [shop@example.com]
"""
PRIVILEGED = """\
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  containers:
    - name: web
      image: ghcr.io/acme/web:1.0.0
      securityContext: {privileged: true}
      resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}
"""
CHECKS = (
    "pod-privileged",
    "pod-privilege-escalation",
    "pod-capabilities",
    "pod-run-as-non-root",
    "pod-seccomp",
)
DEV = '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n'


def serve(desk: Desk, tenant: str, environment: str, host: str, more: str = "") -> None:
    """A tenant that is reached by a host."""
    folder = desk.fleet / "charts/web"
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(CHART)
    (folder / "values.yaml").write_text("host: x.example.com\n")
    (folder / "templates/ingress.yaml").write_text(INGRESS)
    (desk.fleet / "tenants" / tenant).mkdir(exist_ok=True)
    (desk.fleet / "tenants" / tenant / "values.yaml").write_text(f"host: {host}\n")
    desk.commit(f"tenants/{tenant}/tenant.yaml", TENANT.format(environment=environment) + more)


def configure(desk: Desk, policy: str) -> None:
    text = (desk.fleet / "fleet.yaml").read_text()
    assert DEV in text
    desk.commit("fleet.yaml", text.replace(DEV, f"{DEV}    policy:\n{policy}"))


def waits(desk: Desk, tenant: str) -> str:
    """Why the newest plan of a tenant in dev is not released."""
    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", tenant)
        assert plan
        with pytest.raises(GatesClosed) as closed:
            released(orchestrator, plan)
    return str(closed.value)


def want_one_host(desk: Desk) -> None:
    """`real` has a host in production, and `evil` comes to want it in dev."""
    serve(desk, "real", "production", "shop.example.com")
    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "production", "real")
        assert plan
        released(orchestrator, plan)
    serve(desk, "evil", "dev", "shop.example.com")


def test_a_host_of_production_is_taken_from_dev_when_its_approvers_say_so(desk: Desk) -> None:
    want_one_host(desk)
    assert "it reaches others in the cluster of production: 0 of 1 approvals" in waits(desk, "evil")
    assert desk.run("approve", "dev", "evil", *desk.as_("alice")).code == 0
    assert "authors cannot approve their own change" in waits(desk, "evil")
    assert desk.run("approve", "dev", "evil", *desk.as_("bob")).code == 0
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "evil")
        assert plan
        assert "bob@example.com" in {each.who for each in released(orchestrator, plan).approvals}
    assert desk.run("audit").code == 0


def test_its_approvers_have_rejected_though_a_commit_takes_them_away(desk: Desk) -> None:
    want_one_host(desk)
    waits(desk, "evil")
    assert desk.run("reject", "dev", "evil", "--reason", "no", *desk.as_("bob")).code == 0
    assert "rejected by bob@example.com" in waits(desk, "evil")
    signers = (desk.fleet / "allowed_signers").read_text().splitlines(keepends=True)
    (desk.fleet / "allowed_signers").write_text("".join(each for each in signers if "bob" not in each))
    text = (desk.fleet / "fleet.yaml").read_text()
    without = text.replace("[alice@example.com, bob@example.com]", "[alice@example.com]")
    (desk.fleet / "fleet.yaml").write_text(without)
    configure(desk, "      approval: {approvers: [alice@example.com], selfApproval: true}\n")
    assert "rejected by bob@example.com, by the rules of production" in waits(desk, "evil")


def test_its_approvers_decide_though_dev_has_others(desk: Desk) -> None:
    configure(desk, "      approval: {approvers: [alice@example.com], selfApproval: true}\n")
    want_one_host(desk)
    waits(desk, "evil")
    said = desk.run("reject", "dev", "evil", "--reason", "no", *desk.as_("bob"))
    assert (said.code, said.errors) == (0, "")
    assert "rejected by bob@example.com, by the rules of production" in waits(desk, "evil")
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "evil")
        assert plan
        assert refused(plan, orchestrator.rules(), "bob@example.com") == {}
        assert refused(plan, orchestrator.rules(), "zoe@example.com").keys() == {"approve", "reject"}


def test_what_waits_for_the_approvers_of_others_in_the_cluster_names_them_at_the_prompt_and_on_the_board(
    desk: Desk,
) -> None:
    want_one_host(desk)
    assert "it reaches others" in waits(desk, "evil")
    told = desk.run("pending", "--tenant", "evil").output
    assert "may bob@example.com" in " ".join(told.split())
    with desk.orchestrator() as orchestrator:
        standing = look(orchestrator, Settings().home).find("dev", "evil")
    assert standing
    assert standing.waiting
    assert standing.waiting.people == ("bob@example.com",)


def test_a_namespace_of_the_tenants_choice_in_dev_is_for_productions_approvers(desk: Desk) -> None:
    serve(desk, "evil", "dev", "evil.example.com", "namespace: {name: cert-manager, existing: true}\n")
    assert "it reaches others in the cluster of production" in waits(desk, "evil")


def test_nor_does_a_tenant_of_dev_move_there_later(desk: Desk) -> None:
    desk.commit("tenants/blog/tenant.yaml", BLOG.format(environments="dev") + "namespace: cert-manager\n")
    assert "it reaches others in the cluster of production" in waits(desk, "blog")


def test_what_reaches_nobody_else_goes_out_in_dev_as_ever(desk: Desk) -> None:
    serve(desk, "harmless", "dev", "harmless.example.com")
    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "harmless")
        assert plan
        assert released(orchestrator, plan)


def test_a_tenant_in_dev_that_excepts_itself_from_what_guards_the_node_waits(desk: Desk) -> None:
    exceptions = "".join(
        f"  - {{rule: {each}, reason: x, expires: 2999-01-01T00:00:00Z}}\n" for each in CHECKS
    )
    serve(desk, "evil", "dev", "evil.example.com", f"exceptions:\n{exceptions}")
    desk.commit("charts/web/templates/pod.yaml", PRIVILEGED)
    assert "it reaches others in the cluster of production" in waits(desk, "evil")


@pytest.mark.parametrize(
    "policy",
    [
        "      checks: {pod-privileged: {severity: safe, reason: x}}\n",
        "      rules: {takeover: {severity: safe, reason: x}}\n",
        "      clusterScoped: [rbac.authorization.k8s.io/ClusterRoleBinding]\n",
    ],
    ids=["a check", "a rule", "kinds of the cluster"],
)
def test_a_commit_lets_nobody_in_dev_do_more_to_production(desk: Desk, policy: str) -> None:
    configure(desk, policy)
    with desk.orchestrator() as orchestrator:
        standing = orchestrator.rules()["dev"]
        assert standing.pending
        assert "by the rules of production" in standing.gate.reason
        assert standing.in_force.policy.checks == {}
        assert standing.in_force.policy.rules == {}
        assert standing.in_force.policy.cluster_scoped == ()
    assert desk.run("approve", "dev", "--rules", *desk.as_("bob")).code == 0
    with desk.orchestrator() as orchestrator:
        orchestrator.settle_rules()
        assert orchestrator.rules()["dev"].pending is None
    assert desk.run("audit").code == 0


def test_all_else_in_the_policy_of_dev_counts_at_once(desk: Desk) -> None:
    configure(desk, "      soak: 5s\n      rollbackAfter: 30s\n")
    with desk.orchestrator() as orchestrator:
        assert orchestrator.rules()["dev"].pending is None


@pytest.mark.parametrize("commits", [1, 2])
def test_productions_say_is_not_taken_away_by_a_commit(desk: Desk, commits: int) -> None:
    """Neither by approvers of dev's own, nor by taking production out of the fleet."""
    own = "      approval: {approvers: [alice@example.com], selfApproval: true}\n"
    configure(desk, own)
    if commits > 1:
        text = (desk.fleet / "fleet.yaml").read_text()
        begin, end = text.index("  - name: production"), text.index("platform:")
        (desk.fleet / "fleet.yaml").write_text(text[:begin] + text[end:])
        tenant = desk.fleet / "tenants/shop/tenant.yaml"
        desk.commit("tenants/shop/tenant.yaml", tenant.read_text().replace("dev, production", "dev"))
    serve(desk, "evil", "dev", "evil.example.com", "namespace: {name: cert-manager, existing: true}\n")
    assert "it reaches others in the cluster of production" in waits(desk, "evil")
    assert desk.run("approve", "dev", "evil", *desk.as_("alice")).code == 0
    assert "authors cannot approve their own change" in waits(desk, "evil")


SECRET = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: vault}
  data:
    - secretKey: password
      remoteRef: {key: {{ .Values.key }}}
"""


def test_what_reaches_others_in_another_way_than_its_approvers_saw_waits_again(desk: Desk) -> None:
    """A store that others use as well was approved for one key; another key of it was not."""
    serve(desk, "web", "dev", "web.example.com")
    desk.commit("charts/web/templates/secret.yaml", SECRET)
    desk.commit("tenants/web/values.yaml", "host: web.example.com\nkey: dev/web\n")
    assert "it reaches others in the cluster of production" in waits(desk, "web")
    assert desk.run("approve", "dev", "web", *desk.as_("bob")).code == 0
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "web")
        assert plan
        released(orchestrator, plan)
    desk.commit("tenants/web/values.yaml", "host: web.example.com\nkey: production/payments\n")
    assert "it reaches others in the cluster of production" in waits(desk, "web")


def test_no_policy_says_that_the_host_of_another_is_safe_to_take(desk: Desk) -> None:
    """Neither before it is planned nor after."""
    want_one_host(desk)
    assert "it reaches others in the cluster of production" in waits(desk, "evil")
    configure(desk, "      rules: {host-taken: {severity: safe, reason: x}}\n")
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "evil")
        assert plan
        with pytest.raises(GatesClosed, match="it reaches others in the cluster of production"):
            released(orchestrator, plan)


CLASS = """\
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: of-all}
value: 1
"""


def test_a_tenant_of_dev_does_not_go_with_what_the_whole_cluster_has(desk: Desk) -> None:
    configure(desk, "      clusterScoped: [scheduling.k8s.io/PriorityClass]\n")
    assert desk.run("approve", "dev", "--rules", *desk.as_("bob")).code == 0
    serve(desk, "classes", "dev", "classes.example.com")
    desk.commit("charts/web/templates/class.yaml", CLASS)
    assert "it reaches others in the cluster of production" in waits(desk, "classes")
    assert desk.run("approve", "dev", "classes", *desk.as_("bob")).code == 0
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "classes")
        assert plan
        released(orchestrator, plan)
    for name in ("tenant.yaml", "values.yaml"):
        (desk.fleet / "tenants/classes" / name).unlink()
    desk.commit("README.md", "Without it.\n")
    with desk.orchestrator() as orchestrator:
        removal = orchestrator.plan_removal("dev", "classes")
        assert removal
        with pytest.raises(GatesClosed, match="it reaches others in the cluster of production"):
            released(orchestrator, removal)


def test_labels_by_which_policies_of_others_let_a_namespace_in_take_their_approvers_later_too(
    desk: Desk,
) -> None:
    folder = desk.fleet / "charts/web/templates"
    folder.mkdir(parents=True)
    (folder.parent / "Chart.yaml").write_text(CHART)
    text = (desk.fleet / "fleet.yaml").read_text()
    desk.commit("fleet.yaml", text.replace(DEV, f"{DEV}    platform: false\n"))
    (folder / "namespace.yaml").write_text(NAMESPACE)
    desk.commit("tenants/evil/tenant.yaml", TENANT.format(environment="dev"))
    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "evil")
        assert plan
        released(orchestrator, plan)
    (folder / "namespace.yaml").write_text(
        NAMESPACE.replace("Namespace }}", "Namespace }}\n  labels: {team: payments}")
    )
    desk.commit("README.md", "x")

    assert "production" in waits(desk, "evil")

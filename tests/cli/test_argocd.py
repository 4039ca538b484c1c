import pytest
import yaml

TWO = """\
argocd:
  - name: europe
  - name: asia
    namespace: argocd-asia
clusters:
  - name: here
    server: https://kubernetes.default.svc
  - name: there
    server: https://kubernetes.default.svc
    argocd: asia
"""
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: me, user: {token: none}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: me}}]
"""


@pytest.fixture
def two(fresh):
    """The fleet with an Argo CD of its own for production."""
    before = (fresh.fleet / "fleet.yaml").read_text()
    environments = before[before.index("environments:") :]
    dev, production = environments.split("  - name: production")
    moved = production.replace("cluster: here", "cluster: there")
    fresh.commit("fleet.yaml", f"{TWO}{dev}  - name: production{moved}")
    return fresh


def test_with_one_argo_cd_there_is_nothing_to_choose(fresh):
    answer = fresh.run("argocd", "bootstrap")
    assert answer.code == 0
    kinds = [each["kind"] for each in yaml.safe_load_all(answer.output)]
    assert kinds[0] == "ServiceAccount"
    assert kinds[-1] == "ApplicationSet"


def test_the_objects_of_several_argo_cds_are_never_printed_as_one(two):
    answer = two.run("argocd", "bootstrap")
    assert (answer.code, answer.output) == (2, "")
    assert "choose with --instance: europe, asia" in answer.errors
    printed = two.run("argocd", "bootstrap", "--instance", "asia").output
    spaces = {each["metadata"].get("namespace") for each in yaml.safe_load_all(printed)}
    assert spaces == {"argocd-asia", None}


def test_an_argo_cd_that_the_fleet_does_not_have_is_told_with_the_nearest(two):
    answer = two.run("argocd", "bootstrap", "--instance", "asi")
    assert answer.code == 2
    assert "there is no Argo CD 'asi'" in answer.errors
    assert "did you mean asia?" in answer.errors


def test_applying_tells_which_argo_cd_is_out_of_reach(two, monkeypatch, tmp_path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_CONTEXTS", '{"asia": "lost"}')
    answer = two.run("argocd", "bootstrap", "--apply")
    assert answer.code == 2
    assert "error: europe: the Kubernetes API does not answer" in answer.errors
    assert "context 'lost'" in answer.errors


def test_a_window_that_argo_cd_cannot_keep_is_told_beside_the_objects(fresh):
    window = (
        "{every: FREQ=MONTHLY;BYDAY=-1FR, start: 2026-01-02T18:00, lasts: 2d, timeZone: UTC, reason: books}"
    )
    before = (fresh.fleet / "fleet.yaml").read_text()
    fresh.commit(
        "fleet.yaml", before.replace("      approval:", f"      freezeWindows: [{window}]\n      approval:")
    )
    answer = fresh.run("argocd", "bootstrap")
    assert answer.code == 0
    assert "note: production: Argo CD does not keep 'books', the orchestrator does" in answer.errors
    assert [each["kind"] for each in yaml.safe_load_all(answer.output)]

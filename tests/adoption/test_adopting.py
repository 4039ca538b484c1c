"""From what runs to a fleet that gives the same."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.adoption import (
    Adopted,
    AdoptionError,
    Checkouts,
    Examined,
    OldRelease,
    Outcomes,
    Proof,
    read,
    report,
    told,
)
from deploy_orchestrator.adoption.record import recorded
from deploy_orchestrator.charts import check_lock
from deploy_orchestrator.charts import load as load_chart
from deploy_orchestrator.delivery import ClusterClient
from deploy_orchestrator.fleet import TakeoverEvidence, load
from deploy_orchestrator.git import Changes
from deploy_orchestrator.manifests import render
from tests.adoption.conftest import (
    CONFIG_MAP,
    PLATFORM,
    URL,
    Desk,
    Originals,
    application,
    release_secret,
    widgets,
)
from tests.simulated import ApiServer, serving

SHARING = b"platform: false\n  policy: {sharedNamespaces: [apps]}\n"


def proof(outcome: Outcomes) -> Proof:
    assert isinstance(outcome.examined, Examined)
    assert isinstance(outcome.examined.proof, Proof)
    return outcome.examined.proof


@pytest.mark.helm
def test_an_app_of_apps_in_two_environments_comes_out_equal(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"values-prod.yaml": "replicas: 3\n", "values-dev.yaml": "replicas: 2\n"})
    originals.write({"env/dev.yaml": "global: {stage: dev}\n", "env/prod.yaml": "global: {stage: prod}\n"})
    stages = {
        stage: [
            application(
                f"web-{stage}",
                "web",
                f"shop-{stage}",
                releaseName="main",
                valueFiles=["values.yaml", f"/env/{stage}.yaml", f"values-{stage}.yaml"],
                parameters=[{"name": "image.tag", "value": "7", "forceString": True}],
            )
        ]
        for stage in ("dev", "prod")
    }
    adoption = desk.adopt(**stages)
    assert [each.state for each in adoption.outcomes] == ["equal", "equal"]
    assert proof(adoption.outcomes[0]).equal == 1
    files = desk.files(adoption)
    tenant = files["tenants/web/tenant.yaml"]
    assert tenant["environments"] == ["dev", "prod"]
    assert tenant["release"] == "main"
    assert tenant["namespace"] == {"name": "shop-dev", "existing": True}
    assert tenant["perEnvironment"]["prod"]["namespace"]["name"] == "shop-prod"
    assert files["tenants/web/adopted-prod.yaml"] == {
        "global": {"stage": "prod"},
        "image": {"tag": "7"},
        "replicas": 3,
    }
    text = adoption.changes.writes["tenants/web/adopted-prod.yaml"].decode()
    assert "# values-prod.yaml beside apps/web of https://git.example.com/acme/apps.git at HEAD\n" in text


@pytest.mark.helm
def test_applications_that_share_a_namespace_are_tenants_that_share_it(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    adoption = desk.adopt(prod=[application(each, "web") for each in ("one", "two")])
    fleet = load(desk.repository.branch("main").changed(adoption.changes))
    assert not fleet.broken
    assert {each.namespace for each in fleet.deployments()} == {"apps"}
    assert [each.state for each in adoption.outcomes] == ["equal", "equal"]


def test_helms_releases_are_held_against_what_helm_applied(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    manifest = (
        "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: main\n"
        'data:\n  values: "{\\"replicas\\":4}"\n  text: |\n    one\n    two\n'
    )
    adoption = desk.adopt(
        prod=[
            release_secret("main", "mathoid", manifest, replicas=4),
            release_secret("canary", "mathoid", manifest.replace("two", "three"), replicas=4),
        ]
    )
    states = {each.old.release: each for each in adoption.outcomes}
    assert states["main"].state == "equal"
    assert states["canary"].state == "differs"
    assert proof(states["canary"]).missing == ("ConfigMap mathoid/main",)


def test_what_ours_adds_by_design_is_listed_and_not_counted(desk: Desk, originals: Originals) -> None:
    test = 'apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {"helm.sh/hook": test}}\nspec: {}\n'
    originals.chart("web", {"templates/a.yaml": test})
    adoption = desk.adopt(prod=[release_secret("main", "apps", test)])
    found = proof(adoption.outcomes[0])
    assert (found.equal, found.added, found.holds) == (0, ("Pod apps/t",), True)


def test_secrets_are_cut_out_before_anything_is_written(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    secret = release_secret("main", "apps", "", database={"password": "hunter2"}, secretName="kept")
    adoption = desk.adopt(prod=[secret])
    assert b"hunter2" not in b"".join(adoption.changes.writes.values())
    assert "cut out as a secret: database.password" in list(told(adoption.outcomes[0]))
    assert desk.files(adoption)["tenants/main/adopted-prod.yaml"]["secretName"] == "kept"
    assert "hunter2" not in report(adoption)


def test_what_stands_today_becomes_exceptions_that_expire_and_a_plain_secret_none(
    desk: Desk, originals: Originals
) -> None:
    plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
    originals.chart("web", {"templates/s.yaml": plain})
    adoption = desk.adopt(prod=[release_secret("main", "apps", "")])
    exceptions = desk.files(adoption)["tenants/main/tenant.yaml"]["exceptions"]
    assert {each["rule"] for each in exceptions} == {"default-deny"}
    assert all(each["expires"] == "2027-03-01T00:00:00+00:00" for each in map(texts, exceptions))
    assert any(line.startswith("plain-secret: Secret apps/s") for line in told(adoption.outcomes[0]))


def texts(exception: dict[str, Any]) -> dict[str, str]:
    expires = exception["expires"]
    return {**exception, "expires": expires if isinstance(expires, str) else expires.isoformat()}


def test_kinds_that_one_chart_defines_are_known_to_all(desk: Desk, originals: Originals) -> None:
    originals.chart("operator", {"crds/widget.yaml": yaml.safe_dump(widgets())})
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
    originals.chart("web", {"templates/a.yaml": widget})
    adoption = desk.adopt(prod=[application("operator", "operator", "ops"), application("web", "web")])
    (environment,) = desk.files(adoption)["fleet.yaml"]["environments"]
    assert environment["customKinds"] == {"example.com/Widget": "Namespaced"}
    web = next(each for each in adoption.outcomes if each.old.name == "web")
    assert isinstance(web.examined, Examined)
    assert [str(each.key) for each in web.examined.manifests.objects] == ["Widget apps/w"]


def test_a_second_run_changes_nothing_that_somebody_edited(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    apps = [application("one", "web"), application("two", "web")]
    first = desk.adopt(prod=apps)
    tree = desk.repository.branch("main").changed(first.changes)
    assert tree.changed(desk.adopt(tree, prod=apps).changes) == tree, "a second run changes nothing"
    edited = {"tenants/one/adopted-prod.yaml": b"replicas: 9\n"}
    tree = tree.changed(type(first.changes)("x", edited))
    originals.write({"apps/web/values.yaml": "replicas: 5\n"})
    second = desk.adopt(
        tree, prod=[application("one", "web", valueFiles=["values.yaml"]), application("two", "web")]
    )
    assert second.edited == ("tenants/one/adopted-prod.yaml",)
    after = tree.changed(second.changes)
    assert after.read("tenants/one/adopted-prod.yaml") == b"replicas: 9\n"
    assert after.read("charts/web/values.yaml") == b"replicas: 5\n"


def test_whoever_was_handed_over_stays_in_the_fleet_until_somebody_deletes_it(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    originals.chart("batch")
    one, two = application("one", "web"), application("two", "batch", "jobs")
    first = desk.adopt(prod=[one, two])
    tree = desk.repository.branch("main").changed(first.changes)
    second = desk.adopt(tree, prod=[one])
    after = tree.changed(second.changes)
    for folder in ("tenants/two", "charts/batch"):
        assert after.files(folder) == tree.files(folder)
    assert [each.tenant for each in recorded(after)] == ["one", "two"]
    assert "whether Application argocd/two of prod, which is not there now, was handed over" in str(
        second.decisions
    )
    assert after.changed(desk.adopt(after, prod=[one]).changes) == after
    deleted = after.changed(Changes("x", {}, ["tenants/two/tenant.yaml"]))
    third = deleted.changed(desk.adopt(deleted, prod=[one]).changes)
    assert not third.exists("tenants/two")
    assert not third.exists("charts/batch")


def test_a_file_that_somebody_took_out_of_a_chart_stays_out(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"templates/secret.yaml": "kind: Secret\n"})
    apps = [application("web", "web")]
    first = desk.repository.branch("main").changed(desk.adopt(prod=apps).changes)
    tree = first.changed(Changes("x", {}, ["charts/web/templates/secret.yaml"]))
    second = desk.adopt(tree, prod=apps)
    assert second.edited == ("charts/web/templates/secret.yaml",)
    after = tree.changed(second.changes)
    assert after.files("charts/web") == tree.files("charts/web")
    assert after.changed(desk.adopt(after, prod=apps).changes) == after
    without = first.changed(Changes("x", {}, [f"charts/web/{each}" for each in first.files("charts/web")]))
    assert without.changed(desk.adopt(without, prod=apps).changes) == first, "a whole chart comes back"


def test_what_was_cut_out_is_told_until_somebody_mended_it(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"values.yaml": "password: hunter2\n"})
    apps = [application("web", "web", values="{a: {token: x1}, b: {token: x2}}")]
    first = desk.adopt(prod=apps)
    cut = ["cut out as a secret: a.token", "cut out as a secret: b.token"]
    assert [each for each in told(first.outcomes[0]) if "cut out" in each][:2] == cut
    mended = {
        "tenants/web/adopted-prod.yaml": b"a: {}\nb: {token: CUT-OUT-BY-ADOPT}\n",
        "charts/web/values.yaml": b"{}\n",
    }
    tree = desk.repository.branch("main").changed(first.changes).changed(Changes("x", mended))
    again = desk.adopt(tree, prod=apps).outcomes[0]
    assert [each for each in told(again) if each.startswith("cut out")] == cut[1:]


def test_one_that_comes_to_a_namespace_of_a_tenant_that_stays_says_that_it_shares_it(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    first = desk.adopt(prod=[application("one", "web")])
    tree = desk.repository.branch("main").changed(first.changes)
    second = desk.adopt(tree, prod=[application("two", "web")])
    assert desk.files(second)["tenants/two/tenant.yaml"]["namespace"]["shared"]
    assert "`sharedNamespaces` in the policy of prod, and `shared: true`" in str(second.decisions)
    fleet = tree.read("fleet.yaml").replace(b"platform: false\n", SHARING)
    tree = tree.changed(second.changes).changed(Changes("x", {"fleet.yaml": fleet}))
    third = desk.adopt(tree, prod=[application("two", "web")])
    assert "what to do with tenants/one, which the fleet has no more like this" in str(third.decisions)


def test_applications_of_our_own_releases_are_not_adopted(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    ours = application("prod.web", "web")
    ours["metadata"]["labels"] = {"deploy-orchestrator.io/tenant": "web"}
    adoption = desk.adopt(prod=[ours, application("one", "web")])
    assert [each.old.name for each in adoption.outcomes] == ["one"]
    assert not adoption.refused


@pytest.mark.helm
def test_the_original_is_what_its_own_repository_has_whatever_somebody_edited_in_the_fleet(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    apps = [application("web", "web")]
    first = desk.adopt(prod=apps)
    tree = desk.repository.branch("main").changed(first.changes)
    edited = {"charts/web/templates/a.yaml": CONFIG_MAP.replace("two", "three").encode()}
    second = desk.adopt(tree.changed(type(first.changes)("x", edited)), prod=apps)
    found = proof(second.outcomes[0])
    assert found.differing == ("ConfigMap apps/web: data.text",)
    assert not found.holds


LOCAL = {"name": "library", "version": "1.2.3"}
LIBRARY = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: library}\ndata: {v: "{{ .Values.token }}"}\n'


def library(originals: Originals, token: str) -> None:
    originals.chart("library", {"templates/a.yaml": LIBRARY, "values.yaml": f"token: {token}\n"})


@pytest.mark.helm
def test_a_chart_beside_it_is_the_originals_too_and_what_was_cut_out_of_it_is_told(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web", dependencies=[{**LOCAL, "repository": "file://../library"}])
    library(originals, "hunter2")
    adoption = desk.adopt(prod=[application("web", "web")])
    assert proof(adoption.outcomes[0]).differing == (
        "ConfigMap apps/library: data.v",
        "ConfigMap apps/web: data.values",
    )
    assert "cut out as a secret: charts/library/values.yaml: token" in told(adoption.outcomes[0])
    assert "hunter2" not in report(adoption)


@pytest.mark.helm
def test_what_stands_beside_a_chart_tells_it_from_itself_in_another_state(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web", dependencies=[{**LOCAL, "repository": "file://../library"}])
    library(originals, "''")
    originals.git("tag", "v1")
    originals.chart("library", {"templates/a.yaml": LIBRARY.replace("\ndata:", "\nimmutable: true\ndata:")})
    old, new = application("web", "web"), application("web", "web")
    old["spec"]["source"]["targetRevision"] = "v1"
    adoption = desk.adopt(dev=[new], prod=[old])
    assert [each.state for each in adoption.outcomes] == ["equal", "equal"]
    assert [each.tenant for each in recorded(desk.repository.branch("main").changed(adoption.changes))] == [
        "web",
        "web-prod",
    ]


@pytest.fixture
def needs_elsewhere(originals: Originals) -> Originals:
    """The chart `web` needs one that stands in another folder of its repository."""
    url = "file://../../lib/library"
    lock = f"dependencies:\n- {{name: library, version: 1.2.3, repository: {url}}}\ndigest: sha256:x\n"
    originals.chart("web", {"Chart.lock": lock}, dependencies=[{**LOCAL, "repository": url}])
    originals.write(
        {
            "lib/library/Chart.yaml": yaml.safe_dump({"apiVersion": "v2", **LOCAL}),
            "lib/library/values.yaml": "token: ''\n",
            "lib/library/templates/a.yaml": LIBRARY,
        }
    )
    return originals


def test_a_chart_from_elsewhere_in_the_repository_comes_to_stand_beside_it_and_a_lock_still_fits(
    desk: Desk, needs_elsewhere: Originals, tmp_path: Path
) -> None:
    adoption = desk.adopt(prod=[application("web", "web"), application("again", "web", "else")])
    folder = desk.repository.branch("main").changed(adoption.changes).export("charts", tmp_path / "fleet")
    assert check_lock(load_chart(folder / "web")) == ()


@pytest.mark.helm
def test_what_needs_a_chart_from_elsewhere_in_the_repository_comes_out_equal(
    desk: Desk, needs_elsewhere: Originals
) -> None:
    adoption = desk.adopt(prod=[application("web", "web"), application("again", "web", "else")])
    assert [each.state for each in adoption.outcomes] == ["equal", "equal"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file://../none", "its chart needs file://../none, and no chart is there"),
        ("file://../../../else", "its chart needs file://../../../else, and no chart is there"),
        ("file://../web", "need each other"),
    ],
)
def test_a_chart_that_needs_what_cannot_be_had_stops_alone(
    desk: Desk, originals: Originals, url: str, said: str
) -> None:
    originals.chart("good")
    originals.chart("web", dependencies=[{**LOCAL, "repository": url}])
    bad = [application("web", "web"), application("again", "web")]
    adoption = desk.adopt(prod=[*bad, application("good", "good")])
    errors = [error for _, error in adoption.refused]
    errors += [each.adopted for each in adoption.outcomes if isinstance(each.adopted, AdoptionError)]
    assert [said in each.what for each in errors] == [True, True]


@pytest.mark.helm
def test_a_secret_that_was_cut_out_of_the_values_of_a_chart_differs(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"values.yaml": "password: hunter2\n"})
    adoption = desk.adopt(prod=[application("web", "web")])
    assert proof(adoption.outcomes[0]).differing == ("ConfigMap apps/web: data.values",)
    assert "hunter2" not in report(adoption)


def test_where_nothing_can_be_adopted_the_first_says_what_to_do(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    bad = application("bad", "web")
    bad["spec"]["source"]["repoURL"] = "https://else.example.com/x"
    with pytest.raises(AdoptionError, match="none of 2 can be adopted") as refused:
        desk.adopt(prod=[bad, {**bad, "metadata": {"name": "worse", "namespace": "argocd"}}])
    assert refused.value.fix == "clone it, and name it: --source https://else.example.com/x=FOLDER"


BAD = [
    ({"sources": [{}, {}]}, "it has 2 sources"),
    (
        {
            "sources": [
                {"path": "apps/web"},
                {"chart": "redis"},
                {"ref": "values"},
                {"ref": "x", "path": "raw"},
            ]
        },
        "it has 3 sources that objects come from: apps/web, redis, raw",
    ),
    ({"source": {"repoURL": "u", "path": "p", "plugin": {"name": "x"}}}, "it is made by plugin"),
    ({"source": {"repoURL": "u", "path": "p", "kustomize": {"x": 1}}}, "it is made by kustomize"),
    ({"source": {"repoURL": "https://else.example.com/x", "path": "p"}}, "there is no checkout of"),
    ({"source": {"repoURL": URL, "path": "apps/none"}}, "there is no chart in apps/none"),
    ({"source": {"repoURL": URL, "path": "apps/web", "targetRevision": "v9"}}, "v9"),
    ({"source": {"repoURL": URL}}, "it names no chart"),
    ({"source": {"repoURL": URL, "path": "p", "directory": {"recurse": True}}}, "it is made by directory"),
    ({"source": {"repoURL": "ghcr.io/acme", "chart": "web", "targetRevision": "1.x"}}, "no exact version"),
    ({"destination": {"server": "https://x"}}, "it names no destination.namespace"),
    ({"destination": {"server": "nonsense", "namespace": "x"}}, "its destination.server is no URL"),
    (
        {"source": {"repoURL": "ftp://x", "chart": "web", "targetRevision": "1.0.0"}},
        "its repository 'ftp://x' is none that can be read",
    ),
]


@pytest.mark.parametrize(("spec", "said"), BAD)
def test_what_cannot_be_adopted_is_named_with_what_to_do_and_stops_nobody_else(
    desk: Desk, originals: Originals, spec: dict[str, Any], said: str
) -> None:
    originals.chart("web")
    bad = application("bad", "web")
    bad["spec"] = {**bad["spec"], **spec}
    adoption = desk.adopt(prod=[bad, application("good", "web")])
    ((owner, error),) = adoption.refused
    assert owner == "prod: Application argocd/bad"
    assert said in error.what
    assert error.fix
    assert [each.old.name for each in adoption.outcomes] == ["good"]
    assert isinstance(adoption.outcomes[0].adopted, Adopted)
    assert "bad" in report(adoption)


@pytest.mark.parametrize(
    ("files", "helm", "said"),
    [
        ({}, {"valueFiles": ["none.yaml"]}, "its values file none.yaml is missing"),
        ({}, {"valueFiles": ["../../../x.yaml"]}, "leads out of the repository"),
        ({}, {"valueFiles": ["$values/x.yaml"]}, "which is neither beside the chart"),
        ({}, {"valueFiles": ["secrets://x.yaml"]}, "which is neither beside the chart"),
        ({}, {"fileParameters": [{"name": "a", "path": "b"}]}, "it uses helm.fileParameters"),
        ({}, {"kubeVersion": "1.20.0"}, "it uses helm.kubeVersion"),
        ({}, {"apiVersions": ["x/v1"]}, "it uses helm.apiVersions"),
        ({}, {"skipTests": True}, "it uses helm.skipTests"),
        ({}, {"namespace": "else"}, "it renders for another namespace (helm.namespace)"),
        ({"x.yaml": "a: 1\n"}, {"valueFiles": ["*.yaml"]}, "its values files are a pattern, *.yaml"),
        (
            {"x.yaml": "a: 1\n", "y.yaml": "a: 2\n"},
            {"valueFiles": ["x.yaml", "y.yaml", "./x.yaml"]},
            "it names a values file twice",
        ),
        ({}, {"valueFiles": ["$ARGOCD_APP_REVISION.yaml"]}, "which changes with each commit"),
        ({".argocd-source.yaml": "kustomize: {images: [a]}\n"}, {}, "it is made by kustomize"),
        ({".argocd-source.yaml": "a: [\n"}, {}, ".argocd-source.yaml of its chart cannot be read"),
    ],
)
def test_values_that_cannot_be_had_refuse_that_application(
    desk: Desk, originals: Originals, files: dict[str, str], helm: dict[str, Any], said: str
) -> None:
    originals.chart("web", files)
    originals.chart("good")
    bad = application("bad", "web")
    bad["spec"]["source"]["helm"] = helm
    adoption = desk.adopt(prod=[bad, application("good", "good")])
    ((_, error),) = adoption.refused
    assert said in error.what


@pytest.mark.helm
def test_values_in_another_source_are_read_there(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    originals.write({"values/prod.yaml": "replicas: 5\n"})
    web = application("web", "web", valueFiles=["$values/values/prod.yaml"])
    chart = web["spec"].pop("source")
    web["spec"]["sources"] = [chart, {"repoURL": URL, "targetRevision": "main", "ref": "values"}]
    adoption = desk.adopt(prod=[web])
    assert [each.state for each in adoption.outcomes] == ["equal"]
    assert desk.files(adoption)["tenants/web/adopted-prod.yaml"] == {"replicas": 5}
    text = adoption.changes.writes["tenants/web/adopted-prod.yaml"].decode()
    assert "# $values/values/prod.yaml of https://git.example.com/acme/apps.git at main\n" in text


def test_values_that_are_missing_are_told_with_the_source_that_they_should_be_in(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    web = application("web", "web", valueFiles=["$values/values/none.yaml"])
    chart = web["spec"].pop("source")
    web["spec"]["sources"] = [chart, {"repoURL": URL, "targetRevision": "main", "ref": "values"}]
    adoption = desk.adopt(prod=[web, application("good", "web")])
    ((_, error),) = adoption.refused
    assert error.what == f"its values file $values/values/none.yaml is missing, of {URL} at main"


def values_of(desk: Desk, originals: Originals, files: dict[str, str], **helm: Any) -> Any:
    """Of the Application `web`, in the fleet."""
    originals.chart("web", files)
    return desk.files(desk.adopt(prod=[application("web", "web", **helm)]))["tenants/web/adopted-prod.yaml"]


def test_what_files_beside_a_chart_override_counts_as_for_argo_cd(desk: Desk, originals: Originals) -> None:
    files = {
        ".argocd-source.yaml": "helm: {values: null, parameters: [{name: a, value: '1'}]}\n",
        ".argocd-source-web.yaml": "{path: else, helm: {parameters: [{name: b, value: '2'}]}}\n",
        ".argocd-source-other.yaml": "helm: {parameters: [{name: c, value: '3'}]}\n",
    }
    assert values_of(desk, originals, files, values="d: 4\n") == {"b": 2}


def test_variables_of_the_build_environment_are_filled_in(desk: Desk, originals: Originals) -> None:
    parameters = {"a": "$ARGOCD_APP_NAME-${ARGOCD_APP_NAMESPACE}", "b": "$$x$NONE.$5", "c": "1$"}
    found = values_of(
        desk,
        originals,
        {"web.yaml": "d: 1\n"},
        valueFiles=["${ARGOCD_APP_NAME}.yaml"],
        parameters=[{"name": name, "value": value} for name, value in parameters.items()],
    )
    assert found == {"a": "web-apps", "b": "$x.", "c": "1$", "d": 1}


def test_an_empty_values_object_stands_in_place_of_values(desk: Desk, originals: Originals) -> None:
    assert not values_of(desk, originals, {}, values="a: 1\n", valuesObject={})


def test_a_values_file_that_is_named_twice_in_a_row_counts_once(desk: Desk, originals: Originals) -> None:
    files = {"x.yaml": "a: 1\n", "y.yaml": "a: 2\n"}
    assert values_of(desk, originals, files, valueFiles=["x.yaml", "x.yaml", "y.yaml"]) == {"a": 2}


@pytest.mark.helm
def test_what_links_in_a_chart_lead_to_is_a_part_of_it(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    originals.chart("linked")
    (originals.folder / "apps/linked/templates/a.yaml").unlink()
    (originals.folder / "apps/linked/templates").rmdir()
    (originals.folder / "apps/linked/templates").symlink_to("../../shared")
    (originals.folder / "apps/linked/values.yaml").unlink()
    (originals.folder / "apps/linked/values.yaml").symlink_to("../web/values.yaml")
    originals.write({"shared/a.yaml": CONFIG_MAP})
    adoption = desk.adopt(prod=[application("linked", "linked", valueFiles=["values.yaml"])])
    assert [each.state for each in adoption.outcomes] == ["equal"]
    assert adoption.changes.writes["charts/linked/templates/a.yaml"] == CONFIG_MAP.encode()


@pytest.mark.parametrize(
    ("target", "said"), [("../../../../etc", "leads out of the repository"), (".", "lead in a circle")]
)
def test_a_link_in_a_chart_that_leads_nowhere_refuses_that_application(
    desk: Desk, originals: Originals, target: str, said: str
) -> None:
    originals.chart("web")
    originals.chart("bad")
    (originals.folder / "apps/bad/more").symlink_to(target)
    originals.write({})
    adoption = desk.adopt(prod=[application("bad", "bad"), application("good", "web")])
    ((_, error),) = adoption.refused
    assert said in error.what
    assert [each.old.name for each in adoption.outcomes] == ["good"]


def test_links_that_unfold_to_very_many_files_refuse_that_application(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    originals.chart("bad")
    for depth in range(15):
        folder = originals.folder / f"apps/bad/d{depth}"
        folder.mkdir()
        (folder / "file").write_text("x")
        for name in ("a", "b") if depth < 14 else ():
            (folder / name).symlink_to(f"../d{depth + 1}")
    originals.write({})
    adoption = desk.adopt(prod=[application("bad", "bad"), application("good", "web")])
    ((_, error),) = adoption.refused
    assert "unfold without end" in error.what
    assert [each.old.name for each in adoption.outcomes] == ["good"]


def test_a_chart_that_needs_a_secret_to_render_stops_alone_and_is_told_with_what_was_cut(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    needs = '{{ if ne .Values.token "hunter2" }}{{ fail "no token" }}{{ end }}\n'
    originals.chart("needs", {"templates/a.yaml": needs})
    adoption = desk.adopt(
        prod=[application("bad", "needs", values="token: hunter2\n"), application("ok", "web")]
    )
    states = {each.old.name: each for each in adoption.outcomes}
    assert states["bad"].state == "not carried over"
    assert "cut out as a secret: token" in list(told(states["bad"]))
    assert isinstance(states["ok"].examined, Examined)


def test_a_chart_that_draws_random_values_is_told_and_gets_no_exception(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    drawn = CONFIG_MAP + "  drawn: {{ randAlphaNum 20 | quote }}\n"
    originals.chart("random", {"templates/a.yaml": drawn})
    adoption = desk.adopt(prod=[application("bad", "random"), application("ok", "web")])
    bad = next(each for each in adoption.outcomes if each.old.name == "bad")
    (said,) = [each for each in told(bad) if each.startswith("volatile-output: ")]
    assert "ConfigMap" in said
    assert "To do: " in said
    assert "volatile-output" not in str(desk.files(adoption)["tenants/bad/tenant.yaml"])


def test_a_key_that_stands_twice_counts_as_it_stands_last_and_is_told(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web", {"values-x.yaml": "replicas: 2\nname: a\nreplicas: 3\n"})
    adoption = desk.adopt(prod=[application("web", "web", valueFiles=["values-x.yaml"])])
    assert desk.files(adoption)["tenants/web/adopted-prod.yaml"] == {"replicas": 3, "name": "a"}
    (said,) = [each for each in told(adoption.outcomes[0]) if "stands twice" in each]
    assert said.startswith(
        "values-x.yaml beside apps/web of https://git.example.com/acme/apps.git at HEAD:3: "
    )
    assert said.endswith("replicas: the key stands twice, and the last one counts, as for Helm")


def test_how_argo_cd_is_told_to_sync_is_carried_over_and_what_is_not_is_named(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    ignored = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    synced = application("web", "web")
    synced["spec"] |= {
        "ignoreDifferences": [ignored, {"kind": "Secret"}],
        "syncPolicy": {
            "syncOptions": ["CreateNamespace=true", "RespectIgnoreDifferences=true", "Replace=true"]
        },
    }
    adoption = desk.adopt(dev=[synced], prod=[application("web", "web")])
    tenant = desk.files(adoption)["tenants/web/tenant.yaml"]
    assert tenant["sync"] == {"options": ["RespectIgnoreDifferences=true"], "ignoreDifferences": [ignored]}
    fleet = load(desk.repository.branch("main").changed(adoption.changes))
    assert fleet.deployment("dev", "web").destination.sync.options == ("RespectIgnoreDifferences=true",)
    assert not fleet.deployment("prod", "web").destination.sync
    said = [each for each in told(adoption.outcomes[0]) if "sync option" in each or "left out" in each]
    assert said == [
        "its sync option Replace=true is not carried over",
        "one of its ignoreDifferences names no field that can be ignored, and is left out",
    ]


HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: NAME, annotations: {helm.sh/hook: pre-upgrade}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: "acme/m:1"}]}}}
"""


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.namespaces("argocd", "apps")
        yield server


def test_what_the_cluster_says_of_taking_over_is_told_and_kept_in_the_fleet(
    desk: Desk, originals: Originals, api: ApiServer, tmp_path: Path
) -> None:
    originals.chart("web")
    api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "apps"}})
    cluster = ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "adopt")
    before = api.of_kind("ConfigMap", "apps")
    adoption = desk.adopt(None, {"prod": cluster}, prod=[application("web", "web")])
    assert api.of_kind("ConfigMap", "apps") == before
    assert "a dry run says: ConfigMap apps/web would change: data" in list(told(adoption.outcomes[0]))

    fleet = load(desk.repository.branch("main").changed(adoption.changes))
    deployment = fleet.deployment("prod", "web")
    written = fleet.takeover(deployment)
    assert written
    assert written.would == ("ConfigMap apps/web would change: data",)
    assert written.content == render(deployment, fleet, desk.workspace).content
    again = desk.adopt(None, {"prod": cluster}, prod=[application("web", "web")])
    assert again.changes.writes == adoption.changes.writes


def test_a_dry_run_tells_of_hooks_that_would_run_and_not_of_each_of_very_many_fields(
    desk: Desk, originals: Originals, api: ApiServer, tmp_path: Path
) -> None:
    data = "".join(f"  a-key-with-quite-a-name-{number}: x\n" for number in range(300))
    hook = HOOK.replace("NAME", "migrate")
    originals.chart(
        "web",
        {
            "templates/a.yaml": CONFIG_MAP.partition("\ndata:")[0] + "\ndata:\n" + data,
            "templates/b.yaml": hook,
        },
    )
    there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "apps"}}
    api.put({**there, "data": {"other": "x"}})
    cluster = ClusterClient(api.kubeconfig(tmp_path / "kubeconfig"), None, timedelta(seconds=60), "adopt")
    adoption = desk.adopt(None, {"prod": cluster}, prod=[application("web", "web")])
    written = adoption.outcomes[0].takeover
    assert isinstance(written, TakeoverEvidence)
    assert "Job apps/migrate would run, as a hook" in written.would
    assert max(map(len, written.would)) == 1_000


@pytest.mark.helm
def test_a_key_that_stands_twice_is_rewritten_as_helm_reads_it(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"values-x.yaml": "replicas: 2\nname: a\nreplicas: 3\n"})
    adoption = desk.adopt(prod=[application("web", "web", valueFiles=["values-x.yaml"])])
    assert adoption.outcomes[0].state == "equal"
    assert desk.files(adoption)["tenants/web/adopted-prod.yaml"] == {"replicas": 3, "name": "a"}


def test_kinds_whose_scope_nobody_knows_are_asked_for_once_in_an_environment(
    desk: Desk, originals: Originals
) -> None:
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: %s}\n"
    originals.chart("web", {"templates/a.yaml": "---\n".join(widget % name for name in "ab")})
    adoption = desk.adopt(prod=[application(name, "web", name) for name in ("shop", "site")])
    said = report(adoption)
    assert said.count("unknown-scope: nobody says the scope of example.com/Widget, which blocks it") == 2
    (asked,) = [each for each in adoption.decisions if "example.com/Widget" in each]
    assert "`kubectl get crds -o yaml`" in asked
    assert "`customKinds`" in asked


@pytest.mark.parametrize(
    "template", ["{{ .Values.password | b64dec | fail }}", "password: {{ .Values.password }}"]
)
def test_what_was_cut_out_is_named_as_what_may_have_changed_it(
    desk: Desk, originals: Originals, template: str
) -> None:
    original = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"
    originals.chart("web", {"templates/a.yaml": f"{original}data:\n  {template}\n"})
    adoption = desk.adopt(prod=[release_secret("web", "apps", original, password="aHVudGVyMg==")])
    (outcome,) = adoption.outcomes
    assert outcome.state in {"differs", "not carried over"}
    assert "what was cut out may be why. To do: write back what is no secret, and run adopt again" in [
        *told(outcome)
    ]


def test_a_namespace_of_kubernetes_is_asked_for_apart_from_those_of_several_tenants(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    spaces = {"a": "apps", "b": "apps", "scaler": "kube-system"}
    adoption = desk.adopt(prod=[application(name, "web", space) for name, space in spaces.items()])
    assert (
        "whether tenants may live in kube-system of prod, which they share with Kubernetes"
        in adoption.decisions
    )
    assert "whether the tenants in apps of prod trust each other: they share it" in adoption.decisions


def test_a_chart_that_makes_applications_is_named_as_the_parent_that_it_is(
    desk: Desk, originals: Originals
) -> None:
    child = yaml.safe_dump(application("web", "web"))
    originals.chart("all", {"templates/a.yaml": child})
    originals.chart("web")
    adoption = desk.adopt(prod=[application("all", "all", "argocd-apps"), application("web", "web")])
    states = {each.old.name: each.state for each in adoption.outcomes}
    assert states["all"] == "not carried over"
    assert "it makes Applications" in report(adoption)


def test_what_goes_to_the_namespace_of_argo_cd_stays_and_is_named(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    originals.write({"parents/web.yaml": yaml.safe_dump(application("web", "web"))})
    parent = application("all", "../parents", "argocd")
    adoption = desk.adopt(prod=[parent, application("web", "web")])
    ((owner, error),) = adoption.refused
    assert owner == "prod: Application argocd/all"
    assert "into the namespace of its Argo CD, argocd" in error.what
    assert [each.old.name for each in adoption.outcomes] == ["web"]


def test_an_application_called_after_what_is_reserved_gets_another_name_and_keeps_its_release(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    adoption = desk.adopt(prod=[application("platform", "web", "kube-system")])
    tenant = desk.files(adoption)["tenants/platform-app/tenant.yaml"]
    assert isinstance(adoption.outcomes[0].adopted, Adopted)
    assert tenant["namespace"] == {"name": "kube-system", "existing": True, "shared": True}


def test_a_namespace_or_a_kind_that_cannot_be_named_stops_nobody_else(
    desk: Desk, originals: Originals
) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"scope": "Cluster", "names": {"kind": "lower case"}},
    }
    originals.chart("web")
    originals.chart("odd", {"crds/x.yaml": yaml.safe_dump(crd)})
    odd = [application(name, "odd", "Not A Label") for name in ("one", "two")]
    adoption = desk.adopt(prod=[*odd, application("web", "web")])
    web = next(each for each in adoption.outcomes if each.old.name == "web")
    assert isinstance(web.examined, Examined)


def test_a_login_in_a_url_is_written_nowhere(desk: Desk, originals: Originals) -> None:
    originals.chart("web")
    web = application("web", "web")
    web["spec"]["source"]["repoURL"] = URL.replace("https://", "https://me:hunter2@")
    adoption = desk.adopt(prod=[web])
    assert "hunter2" not in report(adoption)
    assert b"hunter2" not in b"".join(adoption.changes.writes.values())
    assert isinstance(adoption.outcomes[0].examined, Examined)


@pytest.mark.helm
def test_what_helm_says_of_a_failure_repeats_no_secret(desk: Desk, originals: Originals) -> None:
    originals.chart("web", {"templates/a.yaml": '{{ fail (printf "not %s" .Values.password) }}'})
    originals.write({"apps/web/secrets.yaml": "password: hunter2\n"})
    adoption = desk.adopt(prod=[application("web", "web", valueFiles=["secrets.yaml"])])
    assert "hunter2" not in report(adoption)


@pytest.mark.helm
def test_values_of_a_chart_that_are_mended_in_the_fleet_alone_are_not_repeated(
    desk: Desk, originals: Originals
) -> None:
    originals.chart("web")
    first = desk.adopt(prod=[application("web", "web")])
    edited = {"charts/web/values.yaml": b"replicas: 2\n"}
    tree = desk.repository.branch("main").changed(first.changes).changed(Changes("x", edited))
    originals.write({"apps/web/values.yaml": "password: *hunter2\n"})
    adoption = desk.adopt(tree, prod=[application("web", "web")])
    assert adoption.outcomes[0].state == "not proved"
    assert "its values cannot be read as YAML" in report(adoption)
    assert "hunter2" not in report(adoption)


@pytest.mark.helm
def test_what_helm_says_of_a_failure_repeats_no_secret_of_a_charts_own_values(
    desk: Desk, originals: Originals
) -> None:
    only_there = '{{ if ne .Values.password "CUT-OUT-BY-ADOPT" }}{{ fail .Values.password }}{{ end }}'
    originals.chart("web", {"templates/a.yaml": only_there, "values.yaml": "password: hunter2\n"})
    adoption = desk.adopt(prod=[application("web", "web")])
    assert adoption.outcomes[0].state == "not proved"
    assert "hunter2" not in report(adoption)


def test_a_definition_that_a_template_prints_is_no_addition_by_design(
    desk: Desk, originals: Originals
) -> None:
    kind = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    crd = f"{kind}metadata: {{name: x}}\nspec: {{}}\n"
    originals.chart("web", {"templates/a.yaml": crd})
    adoption = desk.adopt(prod=[release_secret("main", "apps", "")])
    assert adoption.outcomes[0].state == "differs"


def test_values_in_the_folder_of_a_chart_are_cut_too_and_named(desk: Desk, originals: Originals) -> None:
    originals.chart(
        "web", {"values-prod.yaml": "db: {password: hunter2}\n", "two.yaml": "password: hunter2\n---\n"}
    )
    adoption = desk.adopt(prod=[application("web", "web", valueFiles=["values-prod.yaml"])])
    assert b"hunter2" not in b"".join(adoption.changes.writes.values())
    said = list(told(adoption.outcomes[0]))
    assert "cut out as a secret: charts/web/values-prod.yaml: db.password" in said
    assert any(each.startswith("cut out as a secret: charts/web/two.yaml: ") for each in said)


@pytest.mark.parametrize(
    "values", ["password: *hunter2\n", "password: [\n hunter2", "password: hunter2: x\n"]
)
def test_values_that_cannot_be_read_are_not_repeated(desk: Desk, originals: Originals, values: str) -> None:
    originals.chart("web")
    adoption = desk.adopt(prod=[application("web", "web", values=values), application("ok", "web")])
    assert "its values cannot be read" in report(adoption)
    assert "hunter2" not in report(adoption)


@pytest.mark.parametrize(
    "url", ["https://charts.example.com/?token=hunter2", "https://u:hun/ter2@git.example.com/a.git"]
)
def test_a_repository_whose_url_may_hold_a_secret_is_refused_untold(
    desk: Desk, originals: Originals, url: str
) -> None:
    originals.chart("web")
    web = application("web", "web")
    web["spec"]["source"]["repoURL"] = url
    adoption = desk.adopt(prod=[web, application("ok", "web")])
    assert "its repoURL has a query or a login" in report(adoption)
    assert "ter2" not in report(adoption)


def test_a_chart_called_as_a_shipped_one_stands_beside_it(desk: Desk, originals: Originals) -> None:
    originals.chart("tenant-platform")
    adoption = desk.adopt(prod=[application("web", "tenant-platform")])
    there = [path for path in adoption.changes.writes if path.startswith("charts/tenant-platform/")]
    assert there == ["charts/tenant-platform/Chart.yaml"]
    assert adoption.changes.writes[there[0]] == PLATFORM["tenant-platform/Chart.yaml"]


def test_the_name_of_an_application_leads_out_of_no_folder(originals: Originals, tmp_path: Path) -> None:
    originals.chart("web")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "outside.yaml").write_text("outside")
    web = application("../outside", "web")
    ((_, found),) = read("prod", [web], Checkouts({URL: originals.folder}), {}, tmp_path / "manifests")
    assert isinstance(found, OldRelease)
    assert found.manifests is None

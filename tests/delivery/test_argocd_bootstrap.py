"""What the bootstrap gives Argo CD; that a real one takes it is proved in tests/e2e."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy_orchestrator.delivery import bootstrap
from deploy_orchestrator.fleet import Destination, Fleet, TenantNamespace
from deploy_orchestrator.manifests import ChartUsed, Object
from deploy_orchestrator.releases import Release, SourceChange, digest_of
from tests.delivery.fleets import laid_out

URL = "https://git.example/deployments.git"
BEFORE, WITHIN, AFTER = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 9))
TENANTS = {"ml": ["dev"], "shop": ["dev", "production"]}

FLEET: dict[str, Any] = {
    "clusters": [
        {"name": "inner", "server": "https://kubernetes.default.svc"},
        {"name": "outer", "server": "https://outer.example:6443"},
    ],
    "environments": [
        {"name": "dev", "cluster": "inner", "kubernetes": "1.34"},
        {
            "name": "production",
            "cluster": "outer",
            "kubernetes": "1.34",
            "policy": {
                "approval": {"approvers": ["alice@example.com"]},
                "freezes": [
                    {
                        "start": "2026-06-30T22:30:00+02:00",
                        "end": "2026-08-01T00:00:00+02:00",
                        "reason": "Summer",
                    }
                ],
            },
        },
    ],
    "platform": {"name": "app", "version": "1.0.0"},
}


TWO = {
    **FLEET,
    "argocd": [{"name": "here"}, {"name": "far", "namespace": "argocd-far", "url": "https://far.example/"}],
    "clusters": [FLEET["clusters"][0], {**FLEET["clusters"][1], "argocd": "far"}],
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return laid_out(tmp_path_factory.mktemp("fleet"), FLEET, TENANTS)


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The same, with an Argo CD of its own for production."""
    return laid_out(tmp_path_factory.mktemp("fleet"), TWO, TENANTS)


def found(fleet: Fleet, kind: str, now: datetime = BEFORE) -> dict[str, dict[str, Any]]:
    (instance,) = fleet.argocd
    return by_name(bootstrap(fleet, instance, URL, now), kind)


def by_name(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def test_equal_fleets_give_equal_objects(fleet: Fleet) -> None:
    once, again = (bootstrap(fleet, fleet.argocd[0], URL, BEFORE) for _ in range(2))
    assert once == again


def test_one_application_set_makes_an_application_for_each_release_file(fleet: Fleet) -> None:
    sets = found(fleet, "ApplicationSet")
    assert list(sets) == ["deploy-orchestrator"]
    spec = sets["deploy-orchestrator"]["spec"]
    assert spec["generators"][0]["git"]["files"] == [
        {"path": "releases/dev/*.yaml"},
        {"path": "releases/production/*.yaml"},
    ]
    assert spec["template"]["spec"]["source"] == {
        "repoURL": URL,
        "targetRevision": "{{.revision}}",
        "path": "{{.path}}",
    }


def test_a_release_file_says_what_else_is_synced_how_and_the_options_of_all_stay(fleet: Fleet) -> None:
    """That a real Argo CD reads the template so is held in tests/e2e/test_argocd.py."""
    spec = found(fleet, "ApplicationSet")["deploy-orchestrator"]["spec"]
    ours = ["ServerSideApply=true", "PruneLast=true", "FailOnSharedResource=true"]
    assert spec["template"]["spec"]["syncPolicy"]["syncOptions"] == ours
    listed = " ".join(f'"{each}"' for each in ours)
    assert f"{{{{toJson (concat (list {listed}) .sync.options)}}}}" in spec["templatePatch"]
    assert "{{toJson .sync.ignoreDifferences}}" in spec["templatePatch"]


def test_a_generator_that_finds_nothing_deletes_nobody(fleet: Fleet) -> None:
    policy = found(fleet, "ApplicationSet")["deploy-orchestrator"]["spec"]["syncPolicy"]
    assert policy == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}


def test_only_environments_without_an_approval_rule_sync_by_themselves(fleet: Fleet) -> None:
    patch = found(fleet, "ApplicationSet")["deploy-orchestrator"]["spec"]["templatePatch"]
    condition = patch.partition("}}")[0]
    assert '"dev"' in condition
    assert "production" not in patch


def test_a_release_of_one_environment_that_goes_to_another_ones_place_does_not_sync_by_itself(
    fleet: Fleet,
) -> None:
    patch = found(fleet, "ApplicationSet")["deploy-orchestrator"]["spec"]["templatePatch"]
    assert '(eq .namespace (print "" .tenant "-dev"))' in patch
    assert '(eq (get . "server") "" "https://kubernetes.default.svc")' in patch


def test_a_tenant_that_chose_its_namespace_syncs_by_itself_there(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    chosen = laid_out(
        tmp_path_factory.mktemp("fleet"), FLEET, TENANTS, shop={"namespace": {"name": "market-{environment}"}}
    )
    patch = found(chosen, "ApplicationSet")["deploy-orchestrator"]["spec"]["templatePatch"]
    assert '(eq .environment "dev") (eq .tenant "shop") (eq .namespace "market-dev")' in patch
    assert '"production"' not in patch


def test_a_tenant_reads_one_repository_and_writes_into_its_own_namespaces(fleet: Fleet) -> None:
    projects = found(fleet, "AppProject")
    assert list(projects) == ["ml", "shop"]
    shop = projects["shop"]["spec"]
    assert shop["sourceRepos"] == [URL]
    assert shop["destinations"] == [
        {"server": "https://kubernetes.default.svc", "namespace": "shop-dev"},
        {"server": "https://outer.example:6443", "namespace": "shop-production"},
    ]
    assert [each["name"] for each in shop["clusterResourceWhitelist"]] == ["shop-dev", "shop-production"]


def test_what_is_released_may_stay_where_it_is_until_it_has_moved(fleet: Fleet) -> None:
    content = f"sha256:{'1' * 64}"
    places = (("https://kubernetes.default.svc", "shop-old"), (None, "shop-older"))
    released = [
        Release(
            format=2,
            environment="dev",
            tenant="shop",
            namespace=namespace,
            cluster="inner",
            server=server,
            digest=digest_of(
                environment="dev",
                tenant="shop",
                destination=Destination("inner", server, namespace),
                content=content,
                base=None,
                replaces=None,
            ),
            content=content,
            chart=ChartUsed(name="app", version="1.0.0"),
            source=SourceChange(commit="1" * 40, authors=(), signed=True),
            revision="2" * 40,
            path="manifests/dev/shop",
            released_at=BEFORE,
            commit="3" * 40,
        )
        for server, namespace in places
    ]
    made = by_name(bootstrap(fleet, fleet.argocd[0], URL, BEFORE, released), "AppProject")
    spec = made["shop"]["spec"]
    assert [each["namespace"] for each in spec["destinations"]] == [
        "shop-dev",
        "shop-production",
        "shop-old",
        "shop-older",
    ]
    assert {"group": "", "kind": "Namespace", "name": "shop-old"} in spec["clusterResourceWhitelist"]
    assert made["ml"] == found(fleet, "AppProject")["ml"]


def test_a_tenant_may_not_make_a_namespace_that_somebody_else_has_made(fleet: Fleet) -> None:
    placing = TenantNamespace(name="apps-{environment}", existing=True)
    shop = fleet.tenants["shop"].model_copy(update={"namespace": placing})
    spec = found(replace(fleet, tenants={"shop": shop}), "AppProject")["shop"]["spec"]
    assert [each["namespace"] for each in spec["destinations"]] == ["apps-dev", "apps-production"]
    assert spec["clusterResourceWhitelist"] == []


def test_a_tenant_may_make_the_cluster_scoped_kinds_that_a_policy_permits(fleet: Fleet) -> None:
    kinds = ("rbac.authorization.k8s.io/ClusterRole", "PersistentVolume")
    first, *others = fleet.environments
    policy = first.policy.model_copy(update={"cluster_scoped": kinds})
    permitting = replace(fleet, environments=(first.model_copy(update={"policy": policy}), *others))
    listed = found(permitting, "AppProject")["shop"]["spec"]["clusterResourceWhitelist"]
    assert [each for each in listed if "name" not in each] == [
        {"group": "", "kind": "PersistentVolume"},
        {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"},
    ]


def test_owners_may_look_at_their_tenant_and_no_more(fleet: Fleet) -> None:
    (role,) = found(fleet, "AppProject")["shop"]["spec"]["roles"]
    assert role["groups"] == ["owners@example.com"]
    assert all(policy.endswith(", get, shop/*, allow") for policy in role["policies"])


@pytest.mark.parametrize(("now", "windows"), [(BEFORE, 1), (WITHIN, 1), (AFTER, 0)])
def test_a_freeze_is_a_window_until_it_is_over(fleet: Fleet, now: datetime, windows: int) -> None:
    projects = found(fleet, "AppProject", now)
    assert len(projects["shop"]["spec"]["syncWindows"]) == windows
    assert projects["ml"]["spec"]["syncWindows"] == []


def test_a_window_begins_and_lasts_as_the_freeze_does(fleet: Fleet) -> None:
    (window,) = found(fleet, "AppProject")["shop"]["spec"]["syncWindows"]
    assert (window["schedule"], window["timeZone"]) == ("30 20 30 6 *", "UTC")
    assert window["duration"] == f"{31 * 86400 + 90 * 60}s"
    assert window["applications"] == ["production.shop"]
    assert (window["kind"], window["description"]) == ("deny", "Summer")


def test_the_orchestrator_may_read_and_patch_and_the_policy_narrows_that(fleet: Fleet) -> None:
    (rule,) = found(fleet, "Role")["deploy-orchestrator"]["rules"]
    assert rule["verbs"] == ["get", "list", "watch", "patch"]
    (binding,) = found(fleet, "ValidatingAdmissionPolicyBinding").values()
    assert binding["spec"]["validationActions"] == ["Deny"]


def test_each_argo_cd_is_given_its_own_environments_tenants_and_clusters(of_two: Fleet) -> None:
    here, far = (bootstrap(of_two, each, URL, BEFORE) for each in of_two.argocd)
    assert [list(by_name(each, "AppProject")) for each in (here, far)] == [["ml", "shop"], ["shop"]]
    sets = [by_name(each, "ApplicationSet")["deploy-orchestrator"]["spec"] for each in (here, far)]
    assert [each["generators"][0]["git"]["files"] for each in sets] == [
        [{"path": "releases/dev/*.yaml"}],
        [{"path": "releases/production/*.yaml"}],
    ]
    servers = [each["template"]["spec"]["destination"]["server"] for each in sets]
    assert ["inner" in servers[0], "outer" in servers[0]] == [True, False]
    assert ["inner" in servers[1], "outer" in servers[1]] == [False, True]
    destinations = [by_name(each, "AppProject")["shop"]["spec"]["destinations"] for each in (here, far)]
    assert [[each["namespace"] for each in some] for some in destinations] == [
        ["shop-dev"],
        ["shop-production"],
    ]


def test_two_argo_cds_in_one_cluster_share_no_object(of_two: Fleet) -> None:
    here, far = (bootstrap(of_two, each, URL, BEFORE) for each in of_two.argocd)
    keys = [{Object(each).key for each in some} for some in (here, far)]
    assert not keys[0] & keys[1]
    spaces = {each["metadata"]["namespace"] for each in far if "namespace" in each["metadata"]}
    assert spaces == {"argocd-far"}
    (policy,) = by_name(far, "ValidatingAdmissionPolicy").values()
    assert "system:serviceaccount:argocd-far:deploy-orchestrator" in str(policy)

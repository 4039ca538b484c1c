"""What each setting of the chart dagster-tenant does to the objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

Object = dict[str, Any]
Render = Callable[..., list[Object]]

ETL = {
    "dagster-user-code": {
        "codeLocations": {"etl": {"image": {"repository": "registry/etl", "tag": "1"}, "args": ["-m", "etl"]}}
    }
}
EXTERNAL = {
    "postgresql": {"enabled": False},
    "global": {"database": {"host": "db.example.com", "port": 6432}},
}


def find(objects: list[Object], kind: str, name: str) -> Object:
    [found] = [body for body in objects if (body["kind"], body["metadata"]["name"]) == (kind, name)]
    return found


def names(objects: list[Object], kind: str) -> set[str]:
    return {body["metadata"]["name"] for body in objects if body["kind"] == kind}


def container(workload: Object) -> Object:
    [only] = workload["spec"]["template"]["spec"]["containers"]
    return only


def test_the_defaults_are_a_whole_dagster(render: Render) -> None:
    objects = render("dagster-tenant")
    assert names(objects, "Deployment") == {"analytics-daemon", "analytics-webserver"}
    assert names(objects, "StatefulSet") == {"analytics-postgresql"}
    assert names(objects, "Job") == {"analytics-database-check", "analytics-migration"}
    assert names(objects, "Pod") == {"analytics-test-database", "analytics-test-webserver"}


def test_selectors_and_pods_carry_no_version(render: Render) -> None:
    for body in render("dagster-tenant", ETL):
        if body["kind"] in ("Deployment", "StatefulSet"):
            labels = body["spec"]["template"]["metadata"]["labels"]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels)
            assert body["spec"]["selector"]["matchLabels"].items() <= labels.items()
        for claim in body["spec"].get("volumeClaimTemplates", []) if body["kind"] == "StatefulSet" else []:
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(claim["metadata"]["labels"])


def test_every_object_says_who_it_belongs_to(render: Render) -> None:
    for body in render("dagster-tenant", ETL):
        assert body["metadata"]["namespace"] == "analytics-dev"
        assert (
            body["metadata"]["labels"].items()
            >= {
                "app.kubernetes.io/instance": "analytics",
                "app.kubernetes.io/managed-by": "Helm",
            }.items()
        )


def test_names_stay_apart_and_legal_for_the_longest_release(render: Render) -> None:
    objects = render("dagster-tenant", ETL, name="a" * 53)
    keys = [(body["kind"], body["metadata"]["name"]) for body in objects]
    assert len(keys) == len(set(keys))
    assert all(len(name) <= 63 for _, name in keys)


def test_services_select_the_pods_of_their_workload_alone(render: Render) -> None:
    objects = render("dagster-tenant", ETL)
    pods = {
        body["metadata"]["name"]: body["spec"]["template"]["metadata"]["labels"]
        for body in objects
        if body["kind"] in ("Deployment", "StatefulSet", "Job")
    }
    for service in (body for body in objects if body["kind"] == "Service"):
        selected = [
            name for name, labels in pods.items() if service["spec"]["selector"].items() <= labels.items()
        ]
        assert selected == [service["metadata"]["name"].removesuffix("-pods")]


def test_an_external_database_takes_the_place_of_postgresql(render: Render) -> None:
    objects = render("dagster-tenant", EXTERNAL)
    assert names(objects, "StatefulSet") == set()
    config = find(objects, "ConfigMap", "analytics-instance")["data"]["dagster.yaml"]
    assert "hostname: db.example.com" in config
    [_, database] = find(objects, "NetworkPolicy", "analytics-database-clients")["spec"]["egress"]
    assert database["ports"] == [{"port": 6432, "protocol": "TCP"}]
    assert {"ipBlock": {"cidr": "10.0.0.0/8"}} in database["to"]


def test_only_a_database_of_the_release_may_be_absent_at_first(render: Render) -> None:
    own, external = render("dagster-tenant"), render("dagster-tenant", EXTERNAL)
    for job in ("analytics-database-check", "analytics-migration"):
        assert "--may-be-absent" in container(find(own, "Job", job))["command"]
        assert "--may-be-absent" not in container(find(external, "Job", job))["command"]


def test_hooks_run_before_the_release_in_the_order_of_their_needs(render: Render) -> None:
    external_secret = {"externalSecret": {"enabled": True, "key": "analytics", "store": {"name": "vault"}}}
    hooks = [
        (int(annotations["helm.sh/hook-weight"]), body["kind"], body["metadata"]["name"])
        for body in render("dagster-tenant", external_secret)
        if (annotations := body["metadata"].get("annotations", {})).get("helm.sh/hook")
        == "pre-install,pre-upgrade"
    ]
    assert sorted(hooks) == [
        (-30, "ExternalSecret", "dagster-database"),
        (-20, "ConfigMap", "analytics-hooks"),
        (-20, "NetworkPolicy", "analytics-hooks"),
        (-10, "Job", "analytics-database-check"),
        (0, "Job", "analytics-migration"),
    ]


def test_hooks_need_nothing_that_comes_after_them(render: Render) -> None:
    objects = render("dagster-tenant")
    for job in (body for body in objects if body["kind"] == "Job"):
        pod = job["spec"]["template"]["spec"]
        assert "serviceAccountName" not in pod
        maps = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
        assert maps == ["analytics-hooks"]
        assert "helm.sh/hook" in find(objects, "ConfigMap", "analytics-hooks")["metadata"]["annotations"]


def test_hooks_can_be_switched_off_one_by_one(render: Render) -> None:
    off = {"enabled": False}
    assert names(render("dagster-tenant", {"hooks": {"migration": off}}), "Job") == {
        "analytics-database-check"
    }
    objects = render("dagster-tenant", {"hooks": {"migration": off, "databaseCheck": off}})
    assert names(objects, "Job") == set()
    assert "analytics-hooks" not in names(objects, "ConfigMap") | names(objects, "NetworkPolicy")


def test_the_password_is_read_from_one_secret_and_stands_nowhere(render: Render) -> None:
    values = {"global": {"database": {"existingSecret": "ours", "passwordKey": "pw"}}}
    objects = render("dagster-tenant", ETL, values)
    assert names(objects, "Secret") == set()
    for body in objects:
        for env in environment(body):
            if "PASSWORD" in env["name"] and not env["name"].endswith("_FILE"):
                assert env["valueFrom"] == {"secretKeyRef": {"name": "ours", "key": "pw"}}
    volumes = find(objects, "StatefulSet", "analytics-postgresql")["spec"]["template"]["spec"]["volumes"]
    assert {"secretName": "ours", "defaultMode": 0o440, "items": [{"key": "pw", "path": "password"}]} in [
        volume.get("secret") for volume in volumes
    ]


def environment(body: Object) -> list[Object]:
    pod = body["spec"] if body["kind"] == "Pod" else body.get("spec", {}).get("template", {}).get("spec", {})
    return [env for one in pod.get("containers", []) for env in one.get("env", [])]


def test_processes_restart_when_their_configuration_changes_and_only_then(render: Render) -> None:
    def checksums(*values: Object) -> Object:
        daemon = find(render("dagster-tenant", *values), "Deployment", "analytics-daemon")
        return daemon["spec"]["template"]["metadata"]["annotations"]

    assert checksums({"instance": {"runRetries": 2}}) != checksums()
    assert checksums(ETL) != checksums()
    assert checksums({"webserver": {"replicas": 3}}) == checksums()


def test_several_web_servers_are_drained_one_at_a_time(render: Render) -> None:
    assert names(render("dagster-tenant", ETL), "PodDisruptionBudget") == set()
    objects = render("dagster-tenant", {"webserver": {"replicas": 2}})
    budget = find(objects, "PodDisruptionBudget", "analytics-webserver")
    webserver = find(objects, "Deployment", "analytics-webserver")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == webserver["spec"]["selector"]


def test_several_code_servers_are_drained_one_at_a_time(render: Render) -> None:
    replicas = {"dagster-user-code": {"codeLocations": {"etl": {"replicas": 2}}}}
    assert names(render("dagster-tenant", ETL, replicas), "PodDisruptionBudget") == {
        "analytics-user-code-etl"
    }


def test_an_ingress_is_reached_by_its_controller_alone(render: Render) -> None:
    ingress = {"enabled": True, "host": "dagster.example.com", "className": "nginx", "tlsSecretName": "tls"}
    objects = render("dagster-tenant", {"webserver": {"ingress": ingress, "pathPrefix": "/ui"}})
    [rule] = find(objects, "Ingress", "analytics-webserver")["spec"]["rules"]
    assert (rule["host"], rule["http"]["paths"][0]["path"]) == ("dagster.example.com", "/ui")
    [let_in] = find(objects, "NetworkPolicy", "analytics-webserver")["spec"]["ingress"]
    assert [peer["namespaceSelector"]["matchLabels"] for peer in let_in["from"][1:]] == [
        {"kubernetes.io/metadata.name": "ingress-nginx"}
    ]


def test_an_opening_is_a_policy_of_its_name_and_null_closes_it(render: Render) -> None:
    opening = {"components": ["run"], "to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}], "ports": [5439]}
    objects = render("dagster-tenant", {"networkPolicy": {"openings": {"warehouse": opening}}})
    policy = find(objects, "NetworkPolicy", "analytics-allow-warehouse")["spec"]
    assert policy["policyTypes"] == ["Egress"]
    assert policy["egress"] == [{"to": opening["to"], "ports": [{"port": 5439, "protocol": "TCP"}]}]
    closed = {"networkPolicy": {"openings": {"warehouse": None}}}
    again = render("dagster-tenant", {"networkPolicy": {"openings": {"warehouse": opening}}}, closed)
    assert "analytics-allow-warehouse" not in names(again, "NetworkPolicy")


def test_network_policies_can_be_switched_off(render: Render) -> None:
    off = {"networkPolicy": {"enabled": False}}
    assert (
        names(
            render("dagster-tenant", ETL, off, {"postgresql": off, "dagster-user-code": off}), "NetworkPolicy"
        )
        == set()
    )


def test_a_null_code_location_is_left_out(render: Render) -> None:
    objects = render("dagster-tenant", ETL, {"dagster-user-code": {"codeLocations": {"etl": None}}})
    assert names(objects, "Deployment") == {"analytics-daemon", "analytics-webserver"}
    assert "etl" not in find(objects, "ConfigMap", "analytics-workspace")["data"]["workspace.yaml"]


def test_a_tag_switches_all_code_locations_off(render: Render) -> None:
    objects = render("dagster-tenant", ETL, {"tags": {"user-code": False}})
    assert names(objects, "Deployment") == {"analytics-daemon", "analytics-webserver"}
    assert "etl" not in find(objects, "ConfigMap", "analytics-workspace")["data"]["workspace.yaml"]


def test_tests_can_be_switched_off(render: Render) -> None:
    off = {"tests": {"enabled": False}}
    assert names(render("dagster-tenant", ETL, off, {"dagster-user-code": off}), "Pod") == set()


def test_helm_test_asks_database_web_server_and_every_code_location(render: Render) -> None:
    assert names(render("dagster-tenant", ETL), "Pod") == {
        "analytics-test-database",
        "analytics-test-webserver",
        "analytics-user-code-etl-test",
    }


def test_images_are_pinned_by_digest_where_one_is_given(render: Render) -> None:
    digest = f"sha256:{'a' * 64}"
    image = {"repository": "registry/dagster", "tag": "1.13.9", "digest": digest}
    objects = render("dagster-tenant", {"image": image, "postgresql": {"image": {"digest": digest}}})
    webserver = container(find(objects, "Deployment", "analytics-webserver"))
    assert webserver["image"] == f"registry/dagster:1.13.9@{digest}"
    postgresql = container(find(objects, "StatefulSet", "analytics-postgresql"))
    assert postgresql["image"] == f"docker.io/library/postgres:17.6@{digest}"


def test_environment_is_sorted_and_null_leaves_a_variable_out(render: Render) -> None:
    env = {"webserver": {"env": {"B": 1, "A": True}}}
    objects = render("dagster-tenant", env, {"webserver": {"env": {"B": None}}})
    added = container(find(objects, "Deployment", "analytics-webserver"))["env"][3:]
    assert added == [{"name": "A", "value": "true"}]


def test_pods_are_placed_and_pulled_as_told(render: Render) -> None:
    values = {
        "global": {"imagePullSecrets": [{"name": "registry"}]},
        "daemon": {"placement": {"nodeSelector": {"pool": "a"}, "priorityClassName": "high"}},
    }
    objects = render("dagster-tenant", ETL, values)
    pod = find(objects, "Deployment", "analytics-daemon")["spec"]["template"]["spec"]
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"pool": "a"}, "high")
    for body in objects:
        if body["kind"] in ("Deployment", "StatefulSet", "Job"):
            assert body["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_only_those_who_start_or_end_runs_get_a_token(render: Render) -> None:
    def with_token(*values: Object) -> set[str]:
        accounts = [
            body for body in render("dagster-tenant", ETL, *values) if body["kind"] == "ServiceAccount"
        ]
        return {body["metadata"]["name"] for body in accounts if body["automountServiceAccountToken"]}

    assert with_token() == {"analytics-daemon", "analytics-webserver"}
    assert with_token({"runs": {"stepJobs": True}}) == {
        "analytics-daemon",
        "analytics-run",
        "analytics-webserver",
    }


def test_the_web_server_may_end_runs_but_not_start_them(render: Render) -> None:
    objects = render("dagster-tenant")
    granted = {
        binding["subjects"][0]["name"]: {
            (resource, verb)
            for rule in find(objects, "Role", binding["roleRef"]["name"])["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for binding in objects
        if binding["kind"] == "RoleBinding"
    }
    assert granted["analytics-daemon"] - granted["analytics-webserver"] == {("jobs", "create")}
    assert ("jobs", "delete") in granted["analytics-webserver"]
    for grants in granted.values():
        assert not any("*" in grant or "secrets" in grant or "pods/exec" in grant for grant in grants)


def test_text_that_reads_like_a_number_or_a_boolean_stays_text(render: Render) -> None:
    values = {
        "global": {"database": {"name": "123", "user": "on", "existingSecret": "1e3", "passwordKey": "null"}}
    }
    objects = render("dagster-tenant", ETL, values, name="123", namespace="1e3")
    for body in objects:
        assert body["metadata"]["namespace"] == "1e3"
        assert all(isinstance(label, str) for label in body["metadata"]["labels"].values())
        for env in environment(body):
            assert isinstance(env.get("value", ""), str)
    claims = find(objects, "StatefulSet", "123-postgresql")["spec"]
    assert all(isinstance(label, str) for label in claims["template"]["metadata"]["labels"].values())
    database = yaml.safe_load(find(objects, "ConfigMap", "123-instance")["data"]["dagster.yaml"])["storage"]
    assert database["postgres"]["postgres_db"].items() >= {"db_name": "123", "username": "on"}.items()


def test_large_numbers_keep_their_digits(render: Render) -> None:
    large = 1_000_650_000
    values = {
        "runAsUser": large,
        "instance": {"runMaxRuntimeSeconds": large},
        "runs": {"ttlSecondsAfterFinished": large, "env": {"LIMIT": large}},
        "hooks": {"databaseCheck": {"timeoutSeconds": large}},
        "webserver": {"env": {"LIMIT": large}},
    }
    objects = render("dagster-tenant", values)
    webserver = find(objects, "Deployment", "analytics-webserver")
    assert webserver["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == large
    assert {"name": "LIMIT", "value": str(large)} in container(webserver)["env"]
    assert str(large) in container(find(objects, "Job", "analytics-database-check"))["command"]
    instance = yaml.safe_load(find(objects, "ConfigMap", "analytics-instance")["data"]["dagster.yaml"])
    assert instance["run_monitoring"]["max_runtime_seconds"] == large
    run = instance["run_launcher"]["config"]["run_k8s_config"]
    assert run["job_spec_config"]["ttlSecondsAfterFinished"] == large
    assert {"name": "LIMIT", "value": str(large)} in run["container_config"]["env"]


WRONG: dict[str, tuple[Object, str]] = {
    "misspelt": ({"webserver": {"replica": 2}}, "'replica' not allowed"),
    "misspelt at the top": ({"webservers": {}}, "'webservers' not allowed"),
    "misspelt in a subchart": ({"postgresql": {"storage": {"sise": "1Gi"}}}, "'sise' not allowed"),
    "misspelt global": ({"global": {"database": {"hostname": "x"}}}, "'hostname' not allowed"),
    "text for a number": ({"webserver": {"replicas": "two"}}, "/webserver/replicas"),
    "no quantity": (
        {"daemon": {"resources": {"limits": {"memory": "1 GB"}}}},
        "/daemon/resources/limits/memory",
    ),
    "no digest": ({"image": {"digest": "latest"}}, "/image/digest"),
    "no port": ({"global": {"database": {"port": 70000}}}, "/global/database/port"),
    "external without host": ({"postgresql": {"enabled": False}}, "/global/database/host"),
    "host beside own database": ({"global": {"database": {"host": "db"}}}, "/global/database/host"),
    "ingress without host": ({"webserver": {"ingress": {"enabled": True}}}, "/webserver/ingress/host"),
    "opening to nobody": (
        {"networkPolicy": {"openings": {"x": {"components": ["run"]}}}},
        "/networkPolicy/openings/x",
    ),
    "opening of nobody": (
        {"networkPolicy": {"openings": {"x": {"components": ["cron"], "to": [{"podSelector": {}}]}}}},
        "/networkPolicy/openings/x/components/0",
    ),
    "external secret from nowhere": (
        {"externalSecret": {"enabled": True, "key": "k"}},
        "/externalSecret/store/name",
    ),
    "code location without image": (
        {"dagster-user-code": {"codeLocations": {"etl": {"args": ["-m", "etl"]}}}},
        "missing property 'image'",
    ),
    "code location without tag": (
        {"dagster-user-code": {"codeLocations": {"etl": {"image": {"repository": "etl"}}}}},
        "missing property 'tag'",
    ),
    "code location of an illegal name": (
        {"dagster-user-code": {"codeLocations": {"Ete_L": ETL["dagster-user-code"]["codeLocations"]["etl"]}}},
        "'Ete_L' does not match",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_schema_refuses_a_mistake_and_names_its_place(charts: Path, mistake: str) -> None:
    values, complaint = WRONG[mistake]
    with (
        helm_python.Chart.load(charts / "dagster-tenant") as chart,
        pytest.raises(helm_python.HelmValuesError) as refused,
    ):
        chart.render(values)
    assert complaint in str(refused.value)

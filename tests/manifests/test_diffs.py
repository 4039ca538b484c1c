import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import FieldChange, Manifests, Object, diff, highlights, redacted
from deploy_orchestrator.manifests.yaml_lines import yaml_lines


def deployment(**container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "ml-dev", "labels": {"app.kubernetes.io/version": "1"}},
        "spec": {
            "replicas": 1,
            "template": {
                "spec": {
                    "containers": [
                        {"name": "web", "image": "web:1", **container},
                        {"name": "proxy", "image": "proxy:1"},
                    ]
                }
            },
        },
    }


def of(kind: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "ml-dev"},
        **fields,
    }


def manifests(*bodies: dict[str, Any]) -> Manifests:
    return Manifests(tuple(Object(body) for body in bodies))


def fields(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    changed = diff(manifests(before), manifests(after)).changed
    return {each.field: (each.before, each.after) for change in changed for each in change.fields}


def test_everything_is_added_where_nothing_was() -> None:
    change = diff(None, manifests(deployment()))
    assert [each.name for each in change.added] == ["web"]
    assert not change.removed
    assert not change.changed
    assert change


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (deployment(), deployment()),
        (of("Service", spec={"ports": []}), of("Service", spec={"ports": []})),
    ],
    ids=["containers", "ports"],
)
def test_people_see_another_order_where_it_counts(before: dict[str, Any], after: dict[str, Any]) -> None:
    if before["kind"] == "Deployment":
        after["spec"]["template"]["spec"]["containers"].reverse()
    else:
        before["spec"]["ports"] = [{"name": name, "port": port} for name, port in (("a", 1), ("b", 2))]
        after["spec"]["ports"] = before["spec"]["ports"][::-1]
    change = diff(manifests(before), manifests(after))
    assert change.changed
    assert change.unified()


def test_people_see_what_does_not_print() -> None:
    """Text that turns around or is nothing to see looks like other text: CVE-2021-42574."""
    before, after = of("ConfigMap", data={"a": "x"}), of("ConfigMap", data={"a": "x\u202e\u200b"})
    text = diff(manifests(before), manifests(after)).unified()
    assert "+  a: x\\u202e\\u200b\n" in text


def test_nothing_changes_between_equals() -> None:
    change = diff(manifests(deployment()), manifests(deployment()))
    assert not change
    assert change.unified() == ""


def test_a_changed_field_is_named_with_the_key_of_its_list_item() -> None:
    path = "spec.template.spec.containers[proxy].image"
    after = deployment()
    after["spec"]["template"]["spec"]["containers"][1]["image"] = "proxy:2"
    assert fields(deployment(), after) == {path: ("proxy:1", "proxy:2")}


def test_a_field_path_is_steps_too() -> None:
    (change,) = diff(manifests(deployment()), manifests(deployment(image="web:2"))).changed
    steps = ("spec", "template", "spec", "containers", "[web]", "image")
    assert change.fields == (FieldChange(steps, "web:1", "web:2"),)


def test_a_key_with_dots_is_quoted_in_a_field() -> None:
    after = deployment()
    after["metadata"]["labels"]["app.kubernetes.io/version"] = "2"
    assert list(fields(deployment(), after)) == ['metadata.labels["app.kubernetes.io/version"]']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"ports": [{"containerPort": 1}, {"containerPort": 2}]},
            {"ports": [{"containerPort": 2}, {"containerPort": 1}]},
        ),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B"}]},
            {"env": [{"name": "B"}, {"name": "A", "value": "1"}]},
        ),
        (
            {"volumeMounts": [{"mountPath": "/a", "name": "x"}, {"mountPath": "/b", "name": "x"}]},
            {"volumeMounts": [{"mountPath": "/b", "name": "x"}, {"mountPath": "/a", "name": "x"}]},
        ),
        (
            {"securityContext": {"capabilities": {"drop": ["A", "B"]}}},
            {"securityContext": {"capabilities": {"drop": ["B", "A"]}}},
        ),
        ({"tty": None}, {}),
    ],
)
def test_order_that_means_nothing_is_no_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    change = diff(manifests(deployment(**before)), manifests(deployment(**after)))
    assert not change
    assert [key.name for key in change.reordered] == ["web"]


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}, "args"),
        ({"command": ["a"]}, {"command": ["a", "b"]}, "command"),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]},
            {"env": [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]},
            "env",
        ),
    ],
)
def test_order_that_means_something_is_a_change(
    before: dict[str, Any], after: dict[str, Any], field: str
) -> None:
    assert list(fields(deployment(**before), deployment(**after))) == [
        f"spec.template.spec.containers[web].{field}"
    ]


def test_init_containers_in_another_order_are_a_change() -> None:
    steps = [{"name": "wait", "image": "a:1"}, {"name": "migrate", "image": "b:1"}]
    before, after = deployment(), deployment()
    before["spec"]["template"]["spec"]["initContainers"] = steps
    after["spec"]["template"]["spec"]["initContainers"] = steps[::-1]
    path = "spec.template.spec.initContainers"
    assert fields(before, after) == {path: (["wait", "migrate"], ["migrate", "wait"])}


def test_one_port_for_two_protocols_is_two_ports() -> None:
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]
    after = [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP", "name": "dns"}]
    path = "spec.template.spec.containers[web].ports[53/UDP].name"
    assert fields(deployment(ports=ports), deployment(ports=after)) == {path: (None, "dns")}


def test_rules_of_a_role_are_a_set_and_a_new_verb_is_seen() -> None:
    read_pods = {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get"]}
    jobs = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]}
    role = of("Role", "rbac.authorization.k8s.io/v1", rules=[read_pods, jobs])
    shuffled = {**role, "rules": [jobs, {**read_pods, "resources": ["services", "pods"]}]}
    widened = {**role, "rules": [jobs, {**read_pods, "verbs": ["get", "delete"]}]}
    assert not fields(role, shuffled)
    assert fields(role, widened) == {"rules[1].verbs": (["get"], ["get", "delete"])}


def test_lists_of_unknown_kinds_keep_their_order() -> None:
    before = of("PrometheusRule", "monitoring.coreos.com/v1", rules=["a", "b"])
    after = {**before, "rules": ["b", "a"]}
    assert fields(before, after) == {"rules": (["a", "b"], ["b", "a"])}


def test_a_number_that_became_a_text_is_a_change() -> None:
    assert fields(of("ConfigMap", data={"a": 1}), of("ConfigMap", data={"a": "1"})) == {"data.a": (1, "1")}
    assert fields(of("ConfigMap", data={"a": True}), of("ConfigMap", data={"a": 1})) == {"data.a": (True, 1)}


def test_secret_values_are_hidden_and_their_change_is_not() -> None:
    before = of("Secret", data={"password": "aHVudGVyMg==", "user": "YQ=="}, stringData={"token": "s3cr3t"})
    after = of("Secret", data={"password": "b3RoZXI=", "user": "YQ=="}, stringData={"more": "t0k3n"})
    change = diff(manifests(before), manifests(after))
    assert fields(before, after) == {
        "data.password": ("(hidden)", "(hidden, changed)"),
        "stringData.token": ("(hidden)", None),
        "stringData.more": (None, "(hidden)"),
    }
    shown = change.unified() + diff(None, manifests(before)).unified() + repr(fields(before, after))
    assert "-  password: (hidden)" in shown
    assert "+  password: (hidden, changed)" in shown
    assert not any(value in shown for value in ("aHVudGVyMg==", "YQ==", "s3cr3t", "b3RoZXI=", "t0k3n"))


def test_environment_variables_named_like_secrets_are_hidden_by_name_not_by_place() -> None:
    secret = {"name": "DB_PASSWORD", "value": "hunter2"}
    plain = {"name": "DB_HOST", "value": "db"}
    before, after = deployment(env=[secret, plain]), deployment(env=[plain, {**secret, "value": "hunter3"}])
    assert fields(before, after) == {
        "spec.template.spec.containers[web].env[DB_PASSWORD].value": ("(hidden)", "(hidden, changed)")
    }
    assert "hunter" not in diff(manifests(before), manifests(after)).unified()
    assert not fields(before, deployment(env=[plain, secret]))


def test_unified_text_shows_objects_as_yaml_with_three_lines_around() -> None:
    text = diff(manifests(deployment()), manifests(deployment(image="web:2"))).unified()
    assert text.startswith("--- a/apps.Deployment.ml-dev.web.yaml\n+++ b/apps.Deployment.ml-dev.web.yaml\n@@")
    assert "-      - image: web:1\n" in text
    assert "+      - image: web:2\n" in text
    assert "apiVersion" not in text


def test_unified_text_of_an_added_and_a_removed_object_names_dev_null() -> None:
    text = diff(manifests(deployment()), manifests(of("ConfigMap", data={"a": "b"}))).unified()
    assert "--- /dev/null\n+++ b/ConfigMap.ml-dev.x.yaml\n" in text
    assert "--- a/apps.Deployment.ml-dev.web.yaml\n+++ /dev/null\n" in text


def test_unified_text_leaves_meaningless_order_out() -> None:
    before = deployment()
    pod = before["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "old"}}]
    after = copy.deepcopy(before)
    after["spec"]["template"]["spec"]["volumes"] = [
        {"name": "b", "configMap": {"name": "new"}},
        {"name": "a", "emptyDir": {}},
    ]
    lines = diff(manifests(before), manifests(after)).unified().splitlines()
    assert [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-          name: old",
        "+          name: new",
    ]


def test_the_order_in_which_containers_start_is_a_change() -> None:
    before = deployment()
    after = copy.deepcopy(before)
    after["spec"]["template"]["spec"]["containers"].reverse()
    assert fields(before, after) == {"spec.template.spec.containers": (["web", "proxy"], ["proxy", "web"])}


def test_rules_on_failed_pods_are_read_in_their_order() -> None:
    def job(*actions: str) -> dict[str, Any]:
        rules = [{"action": action, "onPodConditions": []} for action in actions]
        return of("Job", "batch/v1", spec={"podFailurePolicy": {"rules": rules}})

    assert fields(job("Ignore", "FailJob"), job("FailJob", "Ignore"))


@pytest.mark.parametrize(("kind", "counts"), [("Prefix", False), ("ImplementationSpecific", True)])
def test_the_order_of_paths_counts_where_the_controller_says_what_they_mean(
    kind: str, *, counts: bool
) -> None:
    def ingress(*paths: str) -> dict[str, Any]:
        rule = {"host": "a", "http": {"paths": [{"path": path, "pathType": kind} for path in paths]}}
        return of("Ingress", "networking.k8s.io/v1", spec={"rules": [rule]})

    assert bool(fields(ingress("/a", "/b"), ingress("/b", "/a"))) is counts


def test_any_order_counts_in_a_kind_that_nobody_knows() -> None:
    def thing(*names: str) -> dict[str, Any]:
        return of("Thing", "acme.example/v1", spec={"volumes": [{"name": name} for name in names]})

    assert fields(thing("a", "b"), thing("b", "a"))


def test_a_custom_kind_that_names_the_namespace_it_goes_to_is_the_same_object() -> None:
    def thing(**metadata: str) -> dict[str, Any]:
        return {"apiVersion": "acme.example/v1", "kind": "Thing", "metadata": {"name": "x", **metadata}}

    here = Destination("main", None, "ml-dev")
    for before, after in ((thing(), thing(namespace="ml-dev")), (thing(namespace="ml-dev"), thing())):
        found = diff(manifests(before), manifests(after)).between(here, here)
        assert (found.added, found.removed) == ((), ())
        assert [field.field for each in found.changed for field in each.fields] == ["metadata.namespace"]
    elsewhere = diff(manifests(thing()), manifests(thing(namespace="other"))).between(here, here)
    assert elsewhere.added
    assert elsewhere.removed


def test_unified_text_shows_what_a_list_without_order_loses() -> None:
    def policy(*ports: int) -> dict[str, Any]:
        egress = [{"ports": [{"port": port}]} for port in ports]
        return of("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "egress": egress})

    text = diff(manifests(policy(53, 443)), manifests(policy(53))).unified()
    assert [line for line in text.splitlines() if line.startswith("-  ")] == [
        "-  - ports:",
        "-    - port: 443",
    ]


def test_an_enormous_object_is_told_not_compared() -> None:
    text = diff(None, manifests(of("ConfigMap", data={f"k{n}": "v" for n in range(6000)}))).unified()
    assert "too many to compare here" in text
    assert len(text) < 500


scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b", "$(A)"])
bodies = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "env", "ports", "rules", "values", "port", "x"]), inner, max_size=4
        )
    ),
    max_leaves=15,
)


@given(bodies, bodies)
def test_a_diff_is_empty_exactly_when_both_ways_agree(before: Any, after: Any) -> None:
    one, two = manifests(of("Thing", spec=before)), manifests(of("Thing", spec=after))
    assert bool(diff(one, two)) == bool(diff(two, one))
    assert not diff(one, one)
    assert (diff(one, two).unified() == "") == (not diff(one, two))


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=2), st.randoms(use_true_random=False))
def test_shuffling_keyed_lists_never_changes_anything(names: list[str], chance: random.Random) -> None:
    ports = [{"name": name, "containerPort": ord(name)} for name in names]
    shuffled = chance.sample(ports, len(ports))
    assert not diff(manifests(deployment(ports=ports)), manifests(deployment(ports=shuffled)))


def test_what_others_say_of_an_object_is_shown_without_its_secrets():
    metadata = {"name": "login"}
    data = {"word": "c2Vuc2l0aXZl", "empty": ""}
    secret = Object({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    said = 'Secret "login": data[word]: "c2Vuc2l0aXZl" is sensitive'
    assert redacted(said, secret) == 'Secret "login": data[word]: "(hidden)" is (hidden)'
    plain = Object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    assert redacted(said, plain) == said


def config(name: str, data: dict[str, str], **metadata: Any) -> dict[str, Any]:
    body = of("ConfigMap", data=data)
    body["metadata"] |= {"name": name, **metadata}
    return body


MANY = {f"key-{number}": f"value {number}" for number in range(20)}


def test_an_object_with_another_name_is_compared_with_the_one_that_it_takes_the_place_of() -> None:
    change = diff(manifests(config("old", MANY)), manifests(config("new", {**MANY, "key-3": "other"})))
    text = change.unified()
    assert text.startswith("# ConfigMap ml-dev/old goes and ConfigMap ml-dev/new comes, 92% of the lines")
    assert "-  key-3: value 3\n+  key-3: other\n" in text
    assert "key-12" not in text
    assert [each.name for each in change.removed] == ["old"], "it is judged as one that goes"


def test_objects_that_have_little_in_common_are_no_renames() -> None:
    other = {f"other-{number}": "x" for number in range(20)}
    text = diff(manifests(config("old", MANY)), manifests(config("new", other))).unified()
    assert not [line for line in text.splitlines() if line.startswith("#")]
    assert text.count("/dev/null") == 2


def test_secrets_are_not_paired_by_what_they_hold() -> None:
    old, new = ({**config(name, MANY), "kind": "Secret"} for name in ("old", "new"))
    text = diff(manifests(old), manifests(new)).unified()
    assert text.count("/dev/null") == 2


def test_labels_with_a_version_are_told_once_for_all_objects() -> None:
    def at(version: str, **data: str) -> Manifests:
        labels = {"helm.sh/chart": f"app-{version}"}
        return manifests(
            *(config(f"c{number}", MANY, labels=labels) for number in range(15)),
            config("other", dict(data), labels=labels),
        )

    text = diff(at("1.0.0", a="1"), at("1.1.0", a="2")).unified()
    folded = [line for line in text.splitlines() if line.startswith("#")]
    assert len(folded) == 1
    assert folded[0].startswith(
        "# helm.sh/chart: app-1.0.0 → app-1.1.0, and nothing else, on ConfigMap ml-dev/c0,"
    )
    assert folded[0].endswith(" and 3 more")
    assert text.count("--- a/") == 1
    assert "-  a: '1'\n+  a: '2'\n" in text


def test_a_label_without_a_version_is_shown_in_full() -> None:
    before, after = (config("c", {}, labels={"queue": queue}) for queue in ("one", "two"))
    assert "-    queue: one" in diff(manifests(before), manifests(after)).unified()


def test_as_many_lines_around_a_change_are_shown_as_are_asked_for() -> None:
    change = diff(manifests(config("c", MANY)), manifests(config("c", {**MANY, "key-10": "other"})))
    lines = [len(change.unified(context).splitlines()) for context in (0, 1, 3)]
    assert lines == [5, 7, 11]


@pytest.mark.parametrize("odd", ["a\tb", "trailing ", "two  \t"])
def test_a_text_of_several_lines_is_compared_line_by_line_whatever_stands_in_it(odd: str) -> None:
    lines = [odd, *(f"line {number}" for number in range(30))]
    before = config("c", {"file": "\n".join([*lines, "end"])})
    after = config("c", {"file": "\n".join([*lines, "END"])})
    text = diff(manifests(before), manifests(after)).unified()
    assert "-    end\n+    END\n" in text
    assert "line 10" not in text


texts = st.text(st.sampled_from("ab \t\n\\\"'|-:#\ue000\x07\u2028n0"), max_size=12)
bodies = st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=3)


@given(bodies, bodies)
def test_other_bodies_have_other_lines(one: dict[str, Any], other: dict[str, Any]) -> None:
    ours, theirs = yaml_lines(one), yaml_lines(other)
    assert (ours == theirs) is (one == other)
    assert not [line for line in ours if "\n" in line]


def images(text: str) -> dict[str, Any]:
    return deployment(image=text)


def test_images_and_definitions_stand_out() -> None:
    definition = of("CustomResourceDefinition", "apiextensions.k8s.io/v1")
    definition["metadata"] = {"name": "things.example.com"}
    second = images("web:1")
    second["metadata"] = {**second["metadata"], "name": "again"}
    later = copy.deepcopy(second)
    later["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    found = highlights(
        diff(manifests(images("web:1"), second), manifests(images("web:2"), later, definition))
    )
    (image,) = found.images
    assert (image.before, image.after) == ("web:1", "web:2")
    assert list(map(str, image.objects)) == ["Deployment ml-dev/again", "Deployment ml-dev/web"]
    assert (found.added, found.changed, found.removed) == (("things.example.com",), (), ())

"""What no rule was ever told is never safe: names, values, images and labels that these tests invent."""

import copy
import re
from pathlib import Path

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.risk import Verdict

BASE = list(yaml.load_all((Path(__file__).parent / "base.yaml").read_text(), yaml.CSafeLoader))

syllables = st.text("bcdfghklmnprtvwz", min_size=1, max_size=2).flatmap(
    lambda head: st.sampled_from("aeiou").map(lambda vowel: head + vowel)
)
words = st.lists(syllables, min_size=2, max_size=4).map("".join)
styles = st.sampled_from(
    ["_".join, ".".join, "-".join, lambda parts: parts[0] + "".join(map(str.title, parts[1:]))]
)
names = st.builds(
    lambda parts, style, loud: style(parts).upper() if loud else style(parts),
    st.lists(words, min_size=1, max_size=3),
    styles,
    st.booleans(),
)
hosts = st.builds(lambda parts: ".".join(parts), st.lists(words, min_size=2, max_size=3))
values = st.one_of(
    words,
    st.booleans().map(lambda value: str(value).lower()),
    st.integers(0, 10_000).map(str),
    st.builds(lambda scheme, host, path: f"{scheme}://{host}/{path}", words, hosts, words),
    st.builds(lambda host, port: f"{host}:{port}", hosts, st.integers(1, 65535)),
    st.builds(lambda parts: "/" + "/".join(parts), st.lists(words, min_size=1, max_size=3)),
)
harmless_names = st.builds(
    lambda prefix, end: f"{prefix}_{end}".upper(),
    words,
    st.sampled_from(["log_level", "log_format", "max_procs", "title"]),
)
prefixed = st.builds(lambda host, name: f"{host}/{name}", hosts, words)
slow = settings(max_examples=40, deadline=None)


def object_of(objects, kind, name):
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


def web(objects):
    return object_of(objects, "Deployment", "web")["spec"]["template"]


def changed(edit):
    after = copy.deepcopy(BASE)
    edit(after)
    return after


@slow
@given(name=names, before=st.none() | values, after=st.none() | values)
def test_an_invented_variable_is_never_safe(plan_of, name, before, after):
    assume(before != after)

    def with_value(value):
        def edit(objects):
            if value is not None:
                web(objects)["spec"]["containers"][0]["env"].append({"name": name, "value": value})

        return changed(edit)

    assert plan_of(with_value(before), with_value(after), {}).verdict is not Verdict.SAFE


@slow
@given(
    name=harmless_names,
    value=st.builds(lambda scheme, host: f"{scheme}://{host}", words, hosts)
    | st.builds(lambda parts: "/" + "/".join(parts), st.lists(words, min_size=1, max_size=3))
    | st.builds(lambda word: f"$({word})", words)
    | st.integers(1_000, 10_000).map(str),
)
def test_a_harmless_name_makes_no_value_safe(plan_of, name, value):
    def edit(objects):
        web(objects)["spec"]["containers"][0]["env"].append({"name": name, "value": value})

    assert plan_of(BASE, changed(edit), {}).verdict is not Verdict.SAFE


@slow
@given(
    name=names,
    before=values,
    after=values,
    file=st.sampled_from(["", "a.yaml", "a.properties", "a.toml", "a.xml"]),
)
def test_an_invented_setting_in_a_file_that_rolls_is_never_safe(plan_of, name, before, after, file):
    assume(before != after)
    line = {"a.properties": "{}={}", "a.toml": '"{}" = "{}"', "a.xml": "<{0}>{1}</{0}>"}.get(file, "{}: '{}'")

    def with_value(value, check_sum):
        def edit(objects):
            data = object_of(objects, "ConfigMap", "web-config")["data"]
            data.update({file: line.format(name, value)} if file else {name.strip("."): value})
            web(objects)["metadata"]["annotations"]["checksum/config"] = check_sum

        return changed(edit)

    assert plan_of(with_value(before, "1"), with_value(after, "2"), {}).verdict is not Verdict.SAFE


@slow
@given(flag=names, before=values, after=values, apart=st.booleans())
def test_an_invented_argument_is_never_safe(plan_of, flag, before, after, apart):
    assume(before != after)

    def with_value(value):
        def edit(objects):
            said = [f"--{flag}", value] if apart else [f"--{flag}={value}"]
            web(objects)["spec"]["containers"][0]["args"] = ["serve", *said]

        return changed(edit)

    assert plan_of(with_value(before), with_value(after), {}).verdict is not Verdict.SAFE


@slow
@given(
    label=words | prefixed,
    value=words,
    place=st.sampled_from(["pods", *sorted({(each["kind"], each["metadata"]["name"]) for each in BASE})]),
    gone=st.booleans(),
)
def test_an_invented_label_is_never_safe_wherever_it_stands(plan_of, label, value, place, gone):
    def edit(objects):
        metadata = web(objects)["metadata"] if place == "pods" else object_of(objects, *place)["metadata"]
        metadata.setdefault("labels", {})[label] = value

    labelled = changed(edit)
    old, new = (labelled, BASE) if gone else (BASE, labelled)
    assert plan_of(old, new, {}).verdict is not Verdict.SAFE


@slow
@given(
    annotation=prefixed,
    value=words,
    place=st.sampled_from(["pods", *sorted({(each["kind"], each["metadata"]["name"]) for each in BASE})]),
)
def test_an_invented_annotation_is_never_safe_wherever_it_stands(plan_of, annotation, value, place):
    assume(not re.search(r"(hash|sum|sha)$", annotation))

    def edit(objects):
        metadata = web(objects)["metadata"] if place == "pods" else object_of(objects, *place)["metadata"]
        metadata.setdefault("annotations", {})[annotation] = value

    assert plan_of(BASE, changed(edit), {}).verdict is not Verdict.SAFE


@slow
@given(
    image=st.builds(
        lambda host, path: f"{host}/{'/'.join(path)}", hosts, st.lists(words, min_size=1, max_size=2)
    ),
    numbers=st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)),
    part=st.sampled_from([0, 1]),
)
def test_an_image_that_no_table_knows_and_that_writes_to_a_claim_keeps_its_minor(
    plan_of, image, numbers, part
):
    raised = tuple(number + (index == part) for index, number in enumerate(numbers))

    def with_image(version):
        def edit(objects):
            (container,) = object_of(objects, "StatefulSet", "postgresql")["spec"]["template"]["spec"][
                "containers"
            ]
            container["image"] = f"{image}:{'.'.join(map(str, version))}"
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]

        return changed(edit)

    assert plan_of(with_image(numbers), with_image(raised), {}).verdict is not Verdict.SAFE


@slow
@given(
    flavour=words, old=st.integers(1, 30), new=st.integers(1, 30), glue=st.sampled_from(["", "-", ".", "3."])
)
def test_an_invented_flavour_of_another_version_is_never_safe(plan_of, flavour, old, new, glue):
    assume(old != new)

    def with_flavour(number):
        def edit(objects):
            web(objects)["spec"]["containers"][0]["image"] = f"ghcr.io/acme/web:1.4.2-{flavour}{glue}{number}"

        return changed(edit)

    assert plan_of(with_flavour(old), with_flavour(new), {}).verdict is not Verdict.SAFE


@slow
@given(
    place=st.sampled_from([("Job", "preflight"), ("Pod", "test-connection")]),
    field=st.sampled_from(["image", "command", "args", "env", "workingDir"]),
    said=words,
)
def test_whatever_changes_in_what_a_hook_or_a_test_runs_is_never_safe(plan_of, place, field, said):
    def edit(objects):
        body = object_of(objects, *place)["spec"]
        (container,) = body.get("template", {"spec": body})["spec"]["containers"]
        name, _, tag = container["image"].rpartition(":")
        container[field] = {
            "image": f"{name}:{tag[:-1]}9",
            "command": [said],
            "args": ["--log-level=debug"],
            "env": [{"name": "LOG_LEVEL", "value": "debug"}],
            "workingDir": f"/{said}",
        }[field]

    assert plan_of(BASE, changed(edit), {}).verdict is not Verdict.SAFE


@slow
@given(key=words | prefixed, value=words, more=st.dictionaries(words, words, max_size=2))
def test_new_pods_with_the_labels_that_something_there_selects_are_never_safe(plan_of, key, value, more):
    def with_service(objects):
        ports = [{"port": 80}]
        metadata = {"name": "front", "namespace": "analytics-production"}
        spec = {"selector": {key: value}, "ports": ports}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    def with_pods(objects):
        with_service(objects)
        labels = {**more, key: value}
        pod = {"containers": [{"name": "a", "image": "acme/a:1.0.0"}]}
        spec = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        metadata = {"name": "newcomer", "namespace": "analytics-production"}
        objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})

    assert plan_of(changed(with_service), changed(with_pods), {}).verdict is not Verdict.SAFE


@slow
@given(
    kind=words.map(str.title),
    group=hosts,
    labels=st.dictionaries(words | prefixed, words, max_size=2),
    spec=st.dictionaries(words, words, max_size=2),
)
def test_a_new_object_of_an_invented_kind_is_never_safe(plan_of, kind, group, labels, spec):
    metadata = {"name": "more", "namespace": "analytics-production", "labels": labels}
    new = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec}
    assert plan_of(BASE, [*BASE, new], {}).verdict is not Verdict.SAFE


@slow
@given(resource=prefixed | words, before=st.none() | st.integers(1, 9), after=st.none() | st.integers(1, 9))
def test_an_amount_of_an_invented_resource_is_never_safe(plan_of, resource, before, after):
    assume(before != after)

    def with_amount(amount):
        def edit(objects):
            if amount is not None:
                limits = web(objects)["spec"]["containers"][0]["resources"]["limits"]
                limits[resource] = str(amount)

        return changed(edit)

    assert plan_of(with_amount(before), with_amount(after), {}).verdict is not Verdict.SAFE


@slow
@given(before=st.integers(2, 4096), after=st.integers(1, 4095), kind=st.sampled_from(["requests", "limits"]))
def test_less_memory_is_never_safe(plan_of, before, after, kind):
    assume(after < before)

    def with_memory(amount):
        def edit(objects):
            web(objects)["spec"]["containers"][0]["resources"][kind]["memory"] = f"{amount}Mi"

        return changed(edit)

    assert plan_of(with_memory(before), with_memory(after), {}).verdict is not Verdict.SAFE


@slow
@given(image=words, before=st.integers(1, 5), more=st.integers(1, 5), claimed=st.booleans())
def test_more_of_what_mounts_a_claim_or_makes_its_own_is_never_safe(plan_of, image, before, more, claimed):
    def with_replicas(count):
        def edit(objects):
            kind, name = ("Deployment", "web") if claimed else ("StatefulSet", "postgresql")
            spec = object_of(objects, kind, name)["spec"]
            pod = spec["template"]["spec"]
            pod["containers"][0]["image"] = f"acme/{image}:1.0.0"
            if claimed:
                pod["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": image}})
            spec["replicas"] = count

        return changed(edit)

    assert plan_of(with_replicas(before), with_replicas(before + more), {}).verdict is not Verdict.SAFE


@slow
@given(
    field=words, value=words | st.booleans() | st.integers(0, 9), place=st.sampled_from(["pod", "container"])
)
def test_an_invented_field_of_a_pod_is_never_safe(plan_of, field, value, place):
    def edit(objects):
        pod = web(objects)["spec"]
        (pod if place == "pod" else pod["containers"][0])[field] = value

    assert plan_of(BASE, changed(edit), {}).verdict is not Verdict.SAFE


@slow
@given(kind=words, host=hosts, items=st.lists(words, min_size=2, max_size=4, unique=True), field=words)
def test_another_order_in_a_kind_that_nobody_knows_is_never_safe(plan_of, kind, host, items, field):
    def thing(names):
        metadata = {"name": "x", "namespace": "analytics-production"}
        spec = {field: names, "volumes": [{"name": name} for name in names]}
        return {"apiVersion": f"{host}/v1", "kind": kind.title(), "metadata": metadata, "spec": spec}

    old, new = thing(items), thing(items[::-1])
    assert plan_of([*BASE, old], [*BASE, new], {}).verdict is not Verdict.SAFE


@slow
@given(
    prefix=words,
    what=st.sampled_from(["concurrency", "connections", "parallelism", "pool_size", "threads", "workers"]),
    before=st.integers(1, 50),
    after=st.integers(1, 50),
)
def test_a_number_of_what_takes_memory_or_a_place_at_a_database_is_never_safe(
    plan_of, prefix, what, before, after
):
    assume(before != after)

    def with_number(number):
        def edit(objects):
            variable = {"name": f"{prefix}_{what}".upper(), "value": str(number)}
            web(objects)["spec"]["containers"][0]["env"].append(variable)

        return changed(edit)

    assert plan_of(with_number(before), with_number(after), {}).verdict is not Verdict.SAFE


def custom(kind, host, spec, **more):
    metadata = {"name": "x", "namespace": "analytics-production", **more}
    return {"apiVersion": f"{host}/v1", "kind": kind.title(), "metadata": metadata, "spec": spec}


@slow
@given(
    kind=words,
    host=hosts,
    field=words | st.sampled_from(["affinity", "args", "env", "resources", "securityContext", "tolerations"]),
    empty=st.sampled_from([{}, []]),
    gone=st.booleans(),
)
def test_nothing_in_a_kind_that_nobody_knows_is_never_taken_for_absent(
    plan_of, kind, host, field, empty, gone
):
    sides = [custom(kind, host, {"size": 1}), custom(kind, host, {"size": 1, field: empty})]
    old, new = reversed(sides) if gone else sides
    assert plan_of([*BASE, old], [*BASE, new], {}).verdict is not Verdict.SAFE


@slow
@given(kind=words, host=hosts, field=words | st.sampled_from(["limits", "max", "requests"]))
def test_an_amount_in_a_kind_that_nobody_knows_is_a_text(plan_of, kind, host, field):
    old, new = (custom(kind, host, {field: {field: amount}}) for amount in ("1k", "1000"))
    assert plan_of([*BASE, old], [*BASE, new], {}).verdict is not Verdict.SAFE


@slow
@given(kind=words, host=hosts, name=words, raised=st.sampled_from(["1.0.1", "1.1.0"]))
def test_pods_of_a_kind_that_nobody_knows_are_never_taken_for_renewed(plan_of, kind, host, name, raised):
    def with_image(version):
        pod = {"containers": [{"name": name, "image": f"acme/{name}:{version}"}]}
        return custom(kind, host, {"template": {"metadata": {"labels": {"app": name}}, "spec": pod}})

    old, new = with_image("1.0.0"), with_image(raised)
    assert plan_of([*BASE, old], [*BASE, new], {}).verdict is not Verdict.SAFE


def newcomer(labels, **spec):
    pod = {"containers": [{"name": "a", "image": "acme/a:1.0.0"}], "automountServiceAccountToken": False}
    metadata = {"name": "newcomer", "namespace": "analytics-production"}
    template = {"metadata": {"labels": labels}, "spec": {**pod, **spec}}
    workload = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": workload}


@slow
@given(
    kind=words,
    host=hosts,
    prefix=words,
    key=words | prefixed,
    value=words,
    labelled=st.booleans(),
    below=st.lists(words, max_size=2),
)
def test_new_pods_that_a_custom_kind_selects_are_never_safe(
    plan_of, kind, host, prefix, key, value, labelled, below
):
    chosen = {"matchLabels": {key: value}} if labelled else {key: value}
    spec = {f"{prefix}Selector": chosen}
    for field in below:
        spec = {field: [spec]}
    there = [*BASE, custom(kind, host, spec)]
    assert plan_of(there, [*there, newcomer({key: value})], {}).verdict is not Verdict.SAFE


@slow
@given(key=words, value=words, new_ones=st.booleans())
def test_new_pods_of_which_some_stay_away_from_others_are_never_safe(plan_of, key, value, new_ones):
    ours = {key: value} if not new_ones else {"app.kubernetes.io/name": "web"}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": ours}}
    away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

    def edit(objects):
        if not new_ones:
            web(objects)["spec"]["affinity"] = away

    there = changed(edit)
    new = newcomer({key: value}, **({"affinity": away} if new_ones else {}))
    assert plan_of(there, [*there, new], {}).verdict is not Verdict.SAFE


references = st.sampled_from(
    [
        ("Service", lambda name: {"backendRefs": [{"name": name, "port": 80}]}),
        ("Service", lambda name: {"webhooks": [{"clientConfig": {"service": {"name": name}}}]}),
        ("Service", lambda name: {"serviceName": name}),
        ("ConfigMap", lambda name: {"valuesFrom": [{"configMapKeyRef": {"name": name, "key": "a"}}]}),
        ("ConfigMap", lambda name: {"configMaps": [{"name": name}]}),
        ("Secret", lambda name: {"tls": [{"secretName": name}]}),
        ("Secret", lambda name: {"auth": {"adminSecretRef": {"name": name}}}),
        ("PersistentVolumeClaim", lambda name: {"storage": {"claimName": name}}),
    ]
)


@slow
@given(kind=words, host=hosts, name=words, reference=references)
def test_what_something_there_names_already_is_never_safe_when_it_comes(plan_of, kind, host, name, reference):
    asked, spec = reference
    there = [*BASE, custom(kind, host, spec(name))]
    new = {"apiVersion": "v1", "kind": asked}
    new["metadata"] = {"name": name, "namespace": "analytics-production"}
    new["spec"] = {"selector": {"app": name}, "ports": [{"port": 80}]} if asked == "Service" else {}
    if asked == "PersistentVolumeClaim":
        new["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    assert plan_of(BASE, [*BASE, new], {}).verdict is Verdict.SAFE
    assert plan_of(there, [*there, new], {}).verdict is not Verdict.SAFE


@slow
@given(image=words, before=st.sampled_from([None, 0, 1]), after=st.integers(2, 9))
def test_more_of_what_ran_alone_is_never_safe(plan_of, image, before, after):
    def with_replicas(count):
        def edit(objects):
            objects[:] = [
                each
                for each in objects
                if each["kind"] not in {"HorizontalPodAutoscaler", "PodDisruptionBudget"}
            ]
            spec = object_of(objects, "Deployment", "web")["spec"]
            spec["template"]["spec"]["containers"][0]["image"] = f"acme/{image}:1.0.0"
            spec["replicas"] = count

        return changed(edit)

    assert plan_of(with_replicas(before), with_replicas(after), {}).verdict is not Verdict.SAFE


@slow
@given(
    year=st.integers(2000, 2099),
    old=st.integers(1, 12),
    new=st.integers(1, 12),
    patch=st.integers(0, 9),
    image=words,
)
def test_another_month_of_a_version_that_is_a_date_is_never_safe(plan_of, year, old, new, patch, image):
    assume(old != new)

    def with_month(month):
        def edit(objects):
            web(objects)["spec"]["containers"][0]["image"] = f"acme/{image}:{year}.{month}.{patch}"

        return changed(edit)

    assert plan_of(with_month(old), with_month(new), {}).verdict is not Verdict.SAFE


outliving = st.one_of(
    words.map(lambda name: {"persistentVolumeClaim": {"claimName": name}}),
    words.map(lambda name: {"hostPath": {"path": f"/var/lib/{name}"}}),
    words.map(lambda name: {"hostPath": {"path": f"/{name}", "type": "DirectoryOrCreate"}}),
    st.builds(lambda host, path: {"nfs": {"server": host, "path": f"/{path}"}}, hosts, words),
    words.map(lambda kind: {f"{kind}Disk": {"name": kind}}),
)


@slow
@given(image=words, volume=outliving, kept=st.booleans())
def test_the_minor_of_what_writes_to_a_volume_that_outlives_it_is_never_safe(plan_of, image, volume, kept):
    mounted = volume if kept else {"emptyDir": {}}

    def with_image(version):
        def edit(objects):
            pod = web(objects)["spec"]
            pod["volumes"].append({"name": "kept", **mounted})
            pod["containers"][0]["volumeMounts"].append({"name": "kept", "mountPath": "/kept"})
            pod["containers"][0]["image"] = f"acme/{image}:{version}"

        return changed(edit)

    safe = plan_of(with_image("1.0.0"), with_image("1.1.0"), {}).verdict is Verdict.SAFE
    assert safe is not kept


@slow
@given(template=words, ordinal=st.integers(0, 20))
def test_a_claim_of_the_name_that_a_stateful_set_gives_its_own_is_never_safe(plan_of, template, ordinal):
    def with_template(objects):
        spec = object_of(objects, "StatefulSet", "postgresql")["spec"]
        spec["volumeClaimTemplates"][0]["metadata"]["name"] = template

    there = changed(with_template)
    metadata = {"name": f"{template}-postgresql-{ordinal}", "namespace": "analytics-production"}
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": size}
    assert plan_of(there, [*there, claim], {}).verdict is not Verdict.SAFE


@slow
@given(
    label=st.sampled_from(["app.kubernetes.io/name", "app.kubernetes.io/version", "helm.sh/chart"]),
    value=words,
    kind=words,
    host=hosts,
    place=st.sampled_from(
        sorted({(each["kind"], each["metadata"]["name"]) for each in BASE if each["kind"] != "Namespace"})
    ),
)
def test_no_label_by_which_a_custom_kind_looks_for_something_is_safe(
    plan_of, label, value, kind, host, place
):
    looks = custom(kind, host, {"labelSelector": {"matchLabels": {label: value}}})

    def edit(objects):
        object_of(objects, *place)["metadata"].setdefault("labels", {})[label] = value

    assert plan_of([*BASE, looks], [*changed(edit), looks], {}).verdict is not Verdict.SAFE


@slow
@given(pods=st.integers(1, 20), least=st.integers(0, 21) | st.integers(0, 100).map("{}%".format))
def test_a_new_budget_is_safe_exactly_where_one_pod_may_go(plan_of, pods, least):
    def edit(objects):
        objects[:] = [
            each for each in objects if each["kind"] not in {"HorizontalPodAutoscaler", "PodDisruptionBudget"}
        ]
        object_of(objects, "Deployment", "web")["spec"]["replicas"] = pods

    there = changed(edit)
    metadata = {"name": "new", "namespace": "analytics-production"}
    selector = {"matchLabels": {"app.kubernetes.io/name": "web"}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata}
    new = {**budget, "spec": {"minAvailable": least, "selector": selector}}
    wanted = -(-pods * int(least[:-1]) // 100) if isinstance(least, str) else least
    safe = plan_of(there, [*there, new], {}).verdict is Verdict.SAFE
    assert safe == (wanted < pods)


json = st.recursive(
    st.booleans() | st.integers(-9, 9) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=3,
)


@slow
@given(
    word=st.sampled_from(
        ["enum", "format", "maximum", "minLength", "minimum", "pattern", "required", "x-kubernetes-list-type"]
    )
    | words.map("x-kubernetes-{}".format),
    before=st.none() | json,
    after=st.none() | json,
)
def test_whatever_a_definition_says_is_judged_and_a_word_that_nobody_knows_is_never_safe(
    plan_of, word, before, after
):
    def with_word(value):
        def edit(objects):
            definition = object_of(objects, "CustomResourceDefinition", "widgets.acme.example")
            schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            schema["properties"]["spec"]["properties"]["size"] = {"type": "integer", word: value}

        return changed(edit)

    verdict = plan_of(with_word(before), with_word(after), {}).verdict
    if word.startswith("x-kubernetes-") and word != "x-kubernetes-list-type" and before != after:
        assert verdict is not Verdict.SAFE


@slow
@given(names=st.lists(words, min_size=2, max_size=4, unique=True), seed=st.randoms())
def test_another_first_port_of_a_service_is_never_safe(plan_of, names, seed):
    ports = [{"name": name, "port": 80 + index} for index, name in enumerate(names)]
    other = seed.sample(ports, len(ports))
    assume(other[0] != ports[0])

    def with_ports(those):
        def edit(objects):
            object_of(objects, "Service", "web")["spec"]["ports"] = those

        return changed(edit)

    assert plan_of(with_ports(ports), with_ports(other), {}).verdict is not Verdict.SAFE

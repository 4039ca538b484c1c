import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.documents import DocumentError
from deploy_orchestrator.manifests import (
    NOTHING,
    DuplicateObject,
    InvalidObject,
    Manifests,
    Object,
    ObjectKey,
    read_manifests,
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-1e15, 1e15).filter(lambda number: not number.is_integer())
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def an_object(
    kind: str = "ConfigMap", name: str = "settings", namespace: str | None = "ml-dev", **fields: object
) -> Object:
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return Object({"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields})


def test_an_object_that_argo_cd_takes_for_a_list_of_others_is_refused() -> None:
    """`IsList` in Kubernetes' `unstructured.go`, by which Argo CD goes, asks for no kind."""
    with pytest.raises(InvalidObject, match="Argo CD applies what stands in that"):
        an_object("ServiceMonitor", items=[])


def test_a_key_names_group_kind_namespace_and_name() -> None:
    stateful_set = Object(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "postgresql", "namespace": "ml-dev"},
        }
    )
    assert stateful_set.key == ObjectKey("apps", "StatefulSet", "ml-dev", "postgresql")
    assert stateful_set.key.file == "apps.StatefulSet.ml-dev.postgresql.yaml"
    assert str(stateful_set.key) == "StatefulSet ml-dev/postgresql"


def test_core_and_cluster_wide_objects_have_plain_file_names() -> None:
    assert an_object("Service").key.file == "Service.ml-dev.settings.yaml"
    assert an_object("Namespace", "ml-dev", None).key.file == "Namespace.ml-dev.yaml"


@given(st.lists(st.tuples(texts.filter(bool), texts.filter(bool), texts), unique=True, max_size=8))
def test_file_names_are_safe_and_unique_whatever_the_objects_are_called(
    names: list[tuple[str, str, str]],
) -> None:
    keys = [ObjectKey("", kind, namespace or None, name) for kind, name, namespace in names]
    for key in keys:
        assert key.file.isascii()
        assert key.file.endswith(".yaml")
        assert len(key.file) <= 255
        assert not set(key.file) & set("/\\\0:*? ~")
        assert not key.file.startswith((".", "-"))
    assert len({key.file for key in keys}) == len(set(keys))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "..", ".git", "CON ", "x" * 300, "system:node", "Ä"]
)
def test_a_hostile_name_stays_in_its_folder(name: str) -> None:
    file = an_object(name=name).key.file
    assert "/" not in file
    assert len(file) < 120
    assert file != an_object(name=name + "x").key.file


@given(st.lists(st.tuples(texts.filter(bool), values), max_size=5, unique_by=lambda pair: pair[0]))
def test_reading_what_was_written_gives_back_equal_manifests(pairs: list[tuple[str, object]]) -> None:
    manifests = Manifests(tuple(an_object(name=name, data=value) for name, value in pairs))
    again = read_manifests(manifests.files())
    assert again == manifests
    assert again.content == manifests.content


def test_equal_objects_have_equal_content_in_any_order() -> None:
    one, two = an_object(name="a"), an_object(name="b", data={"x": "1", "y": "2"})
    other = Object(json.loads(json.dumps({**two.body, "data": {"y": "2", "x": "1"}})))
    assert Manifests((one, two)).content == Manifests((other, one)).content
    assert Manifests((one,)).content != Manifests((one, two)).content


def test_content_tells_a_number_from_its_text() -> None:
    assert Manifests((an_object(data={"x": 1}),)).content != Manifests((an_object(data={"x": "1"}),)).content


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "apiVersion"),
        ({"apiVersion": "v1"}, "kind"),
        ({"apiVersion": "v1", "kind": 3}, "kind"),
        ({"apiVersion": "v1", "kind": "Pod"}, "metadata"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "metadata.name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 3}}, "metadata.name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": 3}}, "namespace"),
    ],
)
def test_what_kubernetes_could_not_name_is_no_object(body: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidObject, match=message):
        Object(body)


def test_a_generated_name_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidObject, match="generateName gives another name"):
        Object({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}})


def test_one_object_twice_is_refused() -> None:
    with pytest.raises(DuplicateObject, match="ConfigMap ml-dev/settings stands twice"):
        Manifests((an_object(), an_object(data={})))


def test_objects_that_a_file_system_may_not_tell_apart_are_refused() -> None:
    with pytest.raises(DuplicateObject, match="share a file"):
        Manifests((an_object("Foo", "b.c", None), an_object("Foo", "c", "b")))


def test_a_file_that_holds_no_object_is_named() -> None:
    with pytest.raises(InvalidObject, match=r"a\.yaml: ConfigMap has no metadata"):
        read_manifests({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\n"})
    with pytest.raises(InvalidObject, match=r"b\.yaml: expected one Kubernetes object"):
        read_manifests({"b.yaml": b"- 1\n"})


@pytest.mark.parametrize("name", ["settings.txt", "sub/{}", "no-objects.yaml", "kustomization.yaml", ".{}"])
def test_an_object_in_a_file_of_another_name_is_refused_for_argo_cd_would_not_apply_it(name: str) -> None:
    ((file, data),) = Manifests((an_object(),)).files().items()
    with pytest.raises(InvalidObject, match="ConfigMap ml-dev/settings belongs into a file"):
        read_manifests({name.format(file): data})


def test_several_objects_in_one_file_are_refused() -> None:
    ((file, data),) = Manifests((an_object(),)).files().items()
    with pytest.raises(DocumentError):
        read_manifests({file: data + b"---\n" + data.replace(b"settings", b"more")})


def test_the_file_for_no_objects_hides_none() -> None:
    ((file, _),) = NOTHING.files().items()
    some = Manifests((an_object(),)).files()
    for files in ({**some, **NOTHING.files()}, {file: next(iter(some.values()))}):
        with pytest.raises(InvalidObject):
            read_manifests(files)


def test_labels_annotations_and_hooks_hold_texts_only() -> None:
    object_ = Object(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "migrate",
                "labels": {"app": "x", "count": 3},
                "annotations": {"helm.sh/hook": "pre-install, Pre-Upgrade", "empty": None},
            },
        }
    )
    assert object_.labels == {"app": "x"}
    assert object_.annotations == {"helm.sh/hook": "pre-install, Pre-Upgrade"}
    assert object_.hooks == ("pre-install", "pre-upgrade")
    assert an_object().hooks == ()


def test_no_objects_are_a_file_that_git_keeps_and_read_as_none() -> None:
    files = NOTHING.files()
    assert len(files) == 1
    assert read_manifests(files) == NOTHING == Manifests(())

from typing import Any

import pytest

from deploy_orchestrator.images import Image, images
from deploy_orchestrator.manifests import Manifests, NotAnImage, Object


def workload(kind: str, api_version: str, spec: dict[str, Any], name: str = "web") -> Object:
    return Object(
        {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": "ml-dev"},
            "spec": spec,
        }
    )


def pod(image: Any, name: str = "main", **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": name, "image": image}], **more}


def found(*objects: Object) -> list[Image]:
    return images(Manifests(objects))


def test_an_image_is_told_with_its_parts_and_everyone_who_uses_it() -> None:
    one = workload("Deployment", "apps/v1", {"template": {"spec": pod("ghcr.io/acme/web:1.2")}}, "a")
    two = workload("Pod", "v1", pod("ghcr.io/acme/web:1.2", "web"), "b")
    (image,) = found(one, two)
    assert (image.registry, image.repository, image.tag, image.digest) == ("ghcr.io", "acme/web", "1.2", None)
    assert image.pinned
    assert [str(use) for use in image.used_by] == ["Pod ml-dev/b (web)", "Deployment ml-dev/a (main)"]


@pytest.mark.parametrize(
    ("kind", "api_version", "spec"),
    [
        ("Pod", "v1", pod("a:1")),
        ("StatefulSet", "apps/v1", {"template": {"spec": pod("a:1")}}),
        ("Job", "batch/v1", {"template": {"spec": pod("a:1")}}),
        ("CronJob", "batch/v1", {"jobTemplate": {"spec": {"template": {"spec": pod("a:1")}}}}),
        ("Rollout", "argoproj.io/v1alpha1", {"template": {"spec": pod("a:1")}}),
        (
            "Workflow",
            "argoproj.io/v1alpha1",
            {"templates": [{"initContainers": [{"name": "x", "image": "a:1"}]}]},
        ),
        ("Pod", "v1", {"ephemeralContainers": [{"name": "debug", "image": "a:1"}]}),
        ("Pod", "v1", {"containers": [], "volumes": [{"name": "models", "image": {"reference": "a:1"}}]}),
    ],
)
def test_images_are_found_in_pods_of_any_kind(kind: str, api_version: str, spec: dict[str, Any]) -> None:
    (image,) = found(workload(kind, api_version, spec))
    assert (image.reference, image.registry, image.repository) == ("a:1", "docker.io", "library/a")


def test_what_only_looks_like_an_image_is_none() -> None:
    assert (
        found(workload("ConfigMap", "v1", {"image": "a:1", "containers": "a:1", "items": [{"image": "b"}]}))
        == []
    )
    assert found(workload("Pod", "v1", pod(None))) == []


def test_images_come_in_the_order_of_their_names() -> None:
    objects = [
        workload("Pod", "v1", pod(image), f"p{n}")
        for n, image in enumerate(["b:2", "quay.io/a:1", "a:2", "a:1"])
    ]
    assert [image.reference for image in found(*objects)] == ["a:1", "a:2", "b:2", "quay.io/a:1"]


def test_an_image_that_no_runtime_takes_is_an_error_naming_its_container() -> None:
    with pytest.raises(NotAnImage, match=r"Pod\.ml-dev\.web\.yaml: main: 'A B' is no image reference"):
        found(workload("Pod", "v1", pod("A B")))

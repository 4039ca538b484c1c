"""Images are read from the fleet's mirrors, and what is approved names them so."""

import pytest

from deploy_orchestrator.fleet import ImageMirror
from deploy_orchestrator.manifests import ImageReference, Workspace, mirrored, render
from tests.manifests.conftest import FleetOnDisk

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations: {image: nginx}
spec:
  initContainers: [{name: wait, image: "busybox@sha256:%s"}]
  containers: [{name: web, image: "ghcr.io/acme/web:1"}, {name: odd, image: "Not An Image"}]
  volumes: [{name: models, image: {reference: "quay.io/models:2", pullPolicy: Always}}]
""" % ("1" * 64)


@pytest.mark.parametrize(
    ("name", "of", "to", "found"),
    [
        ("nginx:1", "docker.io", "in.example.com/hub", "in.example.com/hub/library/nginx:1"),
        ("nginx:1", "docker.io/library", "in.example.com/hub", "in.example.com/hub/nginx:1"),
        ("nginx:1", "docker.io/library/nginx", "in.example.com/web", "in.example.com/web:1"),
        ("nginx:1", "docker.io/lib", "in.example.com/hub", None),
        ("ghcr.io/acme/web", "ghcr.io/acme", "in.example.com:5000", "in.example.com:5000/web"),
        ("ghcr.io/acme/web", "quay.io", "in.example.com", None),
    ],
)
def test_a_name_keeps_all_that_stands_below_what_is_mirrored(
    name: str, of: str, to: str, found: str | None
) -> None:
    there = mirrored(ImageReference.parse(name), [ImageMirror(of=of, to=to)])
    assert (str(there) if there else None) == found


def test_the_first_mirror_that_has_an_image_counts() -> None:
    mirrors = [ImageMirror(of="docker.io/library", to="one.io"), ImageMirror(of="docker.io", to="two.io")]
    names = ("nginx", "acme/web")
    assert [str(mirrored(ImageReference.parse(each), mirrors)) for each in names] == [
        "one.io/nginx",
        "two.io/acme/web",
    ]


def test_what_is_rendered_names_images_as_they_are_read_in_that_environment(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    on_disk.chart("ml", {"templates/pod.yaml": POD})
    on_disk.tenant("ml")
    before = on_disk.load()
    plain = render(before.deployment("dev", "ml"), before, workspace)
    mirrors = (
        "imageMirrors:\n"
        "  - {of: docker.io, to: in.example.com/hub}\n"
        "  - {of: quay.io, to: in.example.com/quay, environments: [dev]}\n"
        "  - {of: ghcr.io, to: in.example.com/ghcr, environments: [production]}\n"
    )
    on_disk.write({"fleet.yaml": (on_disk.path / "fleet.yaml").read_text() + mirrors})
    fleet = on_disk.load()
    assert before.inputs(before.deployment("dev", "ml")) != fleet.inputs(fleet.deployment("dev", "ml"))
    manifests = render(fleet.deployment("dev", "ml"), fleet, workspace)
    assert manifests.content != plain.content
    (pod,) = (each for each in manifests.objects if each.kind == "Pod")
    spec = pod.body["spec"]
    assert spec["initContainers"][0]["image"] == f"in.example.com/hub/library/busybox@sha256:{'1' * 64}"
    assert [each["image"] for each in spec["containers"]] == ["ghcr.io/acme/web:1", "Not An Image"]
    assert spec["volumes"][0]["image"] == {
        "reference": "in.example.com/quay/models:2",
        "pullPolicy": "Always",
    }
    assert pod.body["metadata"]["annotations"] == {"image": "nginx"}

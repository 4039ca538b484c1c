"""Every image of many deployments, read together."""

from collections.abc import Callable

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.images import (
    AuditedImage,
    ImageMissing,
    Published,
    RemoteImages,
    Running,
    audit,
    run_by,
    total,
    weights,
)
from deploy_orchestrator.manifests import Manifests, Object
from deploy_orchestrator.registries import NoAnswer
from tests.images.conftest import DOWN, Hub

Make = Callable[[], RemoteImages]


def running(key: str, *images: str, cluster: str = "one") -> Running:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "web"},
        "spec": {"containers": containers},
    }
    return Running(key, cluster, "candidate", Manifests([Object(pod)]))


def audited(remote: RemoteImages, *given: Running) -> list[AuditedImage]:
    return list(audit(run_by(given), remote))


def test_an_image_is_read_once_for_all_who_run_it(hub: Hub, remote: Make) -> None:
    hub.variant("web", "1")
    name = str(hub.name("web:1"))
    (found,) = audited(remote(), running("dev/a", name, name), running("dev/b", name))
    assert found.deployments == ("dev/a", "dev/b")
    assert [(each.key, each.use.name) for each in found.run_by] == [
        ("dev/a", "c0"),
        ("dev/a", "c1"),
        ("dev/b", "c0"),
    ]
    assert hub.registry.asked.count("HEAD /v2/web/manifests/1") == 1


def test_an_error_is_about_its_image_alone(hub: Hub, remote: Make) -> None:
    hub.variant("web", "1")
    names = [str(hub.name(each)) for each in ("lost:1", "web:1")]
    lost, web = audited(remote(), running("dev/a", *names))
    assert isinstance(lost.found, ImageMissing)
    assert isinstance(web.found, Published)


def test_a_registry_that_is_down_is_told_of_each_of_its_images_and_stops_no_other(
    hub: Hub, remote: Make
) -> None:
    hub.variant("web", "1")
    down = [f"{DOWN}/app{number}:1" for number in range(60)]
    found = audited(remote(), running("dev/a", *down, str(hub.name("web:1"))))
    errors = [each.found for each in found if isinstance(each.found, OrchestratorError)]
    assert (len(found), len(errors)) == (61, 60)
    assert all(isinstance(each, NoAnswer) and DOWN in each.what for each in errors)
    assert any("is not asked again" in each.what for each in errors)


def test_layers_that_images_share_in_a_cluster_count_once_there(hub: Hub, remote: Make) -> None:
    base, one, two = (bytes([number]) * 4096 for number in range(3))
    hub.variant("one", "1", layers=[base, one])
    hub.variant("two", "1", layers=[base, two])
    names = [str(hub.name(each)) for each in ("one:1", "two:1")]
    found = audited(remote(), running("dev/a", *names), running("edge/a", names[0], cluster="two"))
    first = found[0].found
    assert isinstance(first, Published)
    shared, alone = (each.size for each in first.variants[0].layers)
    told = weights(found)
    here, there = (told[first.digest, cluster] for cluster in ("one", "two"))
    assert (here.shared, here.alone) == (shared, alone)
    assert (there.shared, there.alone) == (0, shared + alone)
    assert total(found) == shared + 2 * alone

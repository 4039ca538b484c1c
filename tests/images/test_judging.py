"""What a policy asks of images, and what is found where it is not kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import (
    ChartReference,
    CheckException,
    Deployment,
    Environment,
    ImagePolicy,
    Policy,
    Quota,
    Tenant,
)
from deploy_orchestrator.images import (
    Attached,
    ImageInvalid,
    ImageMissing,
    Layer,
    Platform,
    Published,
    Variant,
    judged,
    size,
)
from deploy_orchestrator.manifests import Finding, ImageReference, Manifests, Object
from deploy_orchestrator.registries import NoAnswer

NOW = datetime(2026, 11, 30, tzinfo=UTC)
WEB = "ghcr.io/acme/web:1"
AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
DIGEST = f"sha256:{'1' * 64}"


def deployment(*exceptions: CheckException, **policy: Any) -> Deployment:
    return Deployment(
        Environment(
            name="edge", cluster="here", kubernetes="1.34", policy=Policy(images=ImagePolicy(**policy))
        ),
        Tenant(
            name="ml",
            chart=ChartReference(name="ml", version="1.0.0"),
            environments=("edge",),
            quota=Quota(cpu="2", memory="4Gi", storage="10Gi", pods=4),
            owners=("ml@example.com",),
            exceptions=exceptions,
        ),
        "ml-edge",
        "https://main",
    )


def pod(*images: str, context: dict[str, Any] | None = None, **own: Any) -> Manifests:
    containers = [
        {"name": f"c{number}", "image": image, **({"securityContext": own} if own else {})}
        for number, image in enumerate(images)
    ]
    spec = {"containers": containers, **({"securityContext": context} if context else {})}
    metadata = {"name": "web", "namespace": "ml-edge"}
    return Manifests([Object({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})])


def layer(number: int, download: int = 1000, unpacked: int | None = 3000, is_exact: bool = False) -> Layer:
    return Layer(f"sha256:{number:064}", download, unpacked, is_exact)


def variant(platform: Platform = AMD, *layers: Layer, **more: Any) -> Variant:
    return Variant(
        **{
            "platform": platform,
            "built_for": platform,
            "digest": f"sha256:{hash(str(platform)) % 10**9:064}",
            "layers": layers or (layer(1),),
            "overhead": 0,
            "created": NOW - timedelta(days=10),
            "user": "1000",
            "entrypoint": (),
            "command": (),
            "ports": (),
            **more,
        }
    )


def found(
    published: Published | OrchestratorError, wanted: Deployment, manifests: Manifests | None = None
) -> list[Finding]:
    manifests = manifests or pod(WEB)
    return judged(manifests, wanted, {ImageReference.parse(WEB): published}, NOW)


def broken(
    published: Published | OrchestratorError, manifests: Manifests | None = None, **policy: Any
) -> list[str]:
    return [each.rule for each in found(published, deployment(**policy), manifests)]


def of(*variants: Variant, attached: Attached = Attached()) -> Published:  # noqa: B008
    return Published(DIGEST, variants or (variant(),), attached)


def test_an_environment_that_asks_nothing_finds_nothing() -> None:
    wanted = deployment()
    silent = replace(wanted, environment=wanted.environment.model_copy(update={"policy": Policy()}))
    assert judged(pod(WEB), silent, {}, NOW) == []
    assert broken(of()) == []


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (ImageMissing("it is gone"), "image-missing"),
        (ImageInvalid("it lies"), "image-invalid"),
    ],
)
def test_what_cannot_be_run_is_an_error_even_where_nothing_else_is_asked(
    error: OrchestratorError, rule: str
) -> None:
    (finding,) = found(error, deployment())
    assert (finding.rule, finding.severity, str(finding.object)) == (rule, "error", "Pod ml-edge/web")
    assert error.what in finding.message


def test_a_registry_that_did_not_answer_makes_nothing_safe() -> None:
    with pytest.raises(NoAnswer):
        found(NoAnswer("nobody there", url="oci://ghcr.io"), deployment())


def test_a_name_without_a_digest_is_told_with_the_digest_that_it_leads_to() -> None:
    (finding,) = found(of(), deployment(by_digest=True))
    assert finding.rule == "image-by-tag"
    assert f"{WEB}@{DIGEST}" in finding.fix
    pinned = f"{WEB}@{DIGEST}"
    known = {ImageReference.parse(pinned): of()}
    assert judged(pod(pinned), deployment(by_digest=True), known, NOW) == []


@pytest.mark.parametrize(
    ("wanted", "there", "rules"),
    [
        (("linux/amd64",), (AMD, ARM), []),
        (("linux/arm64",), (AMD, ARM), []),
        (("linux/arm64/v8",), (ARM,), []),
        (("linux/arm64/v7",), (ARM,), ["image-platform"]),
        (("linux/amd64", "linux/arm64"), (AMD,), ["image-platform"]),
        (("windows/amd64",), (AMD,), ["image-platform"]),
    ],
)
def test_an_image_is_there_for_every_platform_of_the_environment(
    wanted: Sequence[str], there: Sequence[Platform], rules: list[str]
) -> None:
    assert broken(of(*map(variant, there)), platforms=tuple(wanted)) == rules


def test_an_image_for_another_platform_than_its_index_says_is_told() -> None:
    assert broken(of(variant(ARM, built_for=AMD))) == ["image-platform"]
    assert broken(of(variant(ARM, built_for=Platform("linux", "arm64")))) == []


def test_an_image_over_its_budget_is_told_by_platform_and_in_bytes_that_people_read() -> None:
    big = variant(ARM, layer(1, 2_500_000_000))
    (finding,) = found(of(variant(AMD), big), deployment(download="2G"))
    assert finding.rule == "image-size"
    assert "linux/arm64/v8 takes 2.5 GB to download, of 2.0 GB that it may" in finding.message
    assert f"2.5 GB of it are {big.layers[-1].digest}" in finding.message
    assert broken(of(variant(AMD), big), download="2G", platforms=("linux/amd64",)) == []
    assert broken(of(variant(AMD, layer(1, 2_000_000_000))), download="2G") == []


@pytest.mark.parametrize(
    ("unpacked", "is_exact", "said"),
    [
        (3_000_000_000, True, "takes 3.0 GB on disk"),
        (3_000_000_000, False, "takes at least 3.0 GB on disk"),
        (None, False, "nobody can tell without pulling it"),
    ],
)
def test_a_size_on_disk_that_is_too_much_or_unknown_is_told(
    unpacked: int | None, is_exact: bool, said: str
) -> None:
    (finding,) = found(of(variant(AMD, layer(1, 5, unpacked, is_exact))), deployment(disk="2G"))
    assert finding.rule == "image-size"
    assert said in finding.message


def test_the_layer_that_takes_most_is_told_by_the_step_that_made_it() -> None:
    least, most = (
        layer(1, 900, 1_000),
        msgspec.structs.replace(layer(2, 700, 5_000), made_by="COPY /libraries"),
    )
    image = of(variant(AMD, least, most))
    (download,) = found(image, deployment(download="1k"))
    assert f"900 B of it are {least.digest}" in download.message
    (disk,) = found(image, deployment(disk="1k"))
    assert "5.0 kB of it are `COPY /libraries`" in disk.message


def test_a_tenants_budget_counts_layers_that_its_images_share_once() -> None:
    names = [WEB, "ghcr.io/acme/api:1"]
    shared, web, api = layer(1, 600), layer(2, 200), layer(3, 200)
    known = {
        ImageReference.parse(names[0]): of(variant(AMD, shared, web)),
        ImageReference.parse(names[1]): of(variant(AMD, shared, api)),
    }
    assert judged(pod(*names), deployment(tenant_download="1000"), known, NOW) == []
    (finding,) = judged(pod(*names), deployment(tenant_download="999"), known, NOW)
    assert (finding.object, finding.rule) == (None, "image-size")
    (on_disk,) = judged(pod(*names), deployment(tenant_disk="8999"), known, NOW)
    assert "at least 9.0 kB on disk" in on_disk.message


def test_an_image_that_is_too_old_or_does_not_tell_is_told() -> None:
    assert broken(of(), max_age=timedelta(days=10)) == []
    assert broken(of(variant(created=NOW - timedelta(days=11))), max_age=timedelta(days=10)) == ["image-age"]
    assert broken(of(variant(created=None)), max_age=timedelta(days=10)) == ["image-age"]
    assert broken(of(variant(created=NOW + timedelta(days=2))), max_age=timedelta(days=10)) == ["image-age"]


@pytest.mark.parametrize(
    ("user", "own", "of_pod", "rules"),
    [
        ("", {}, {}, ["image-root"]),
        ("root", {}, {}, ["image-root"]),
        ("0:0", {}, {}, ["image-root"]),
        ("1000", {}, {}, []),
        ("app", {}, {}, ["image-root"]),
        ("00", {}, {}, ["image-root"]),
        ("+0", {}, {}, ["image-root"]),
        ("app", {"runAsNonRoot": True}, {}, ["image-user"]),
        ("app", {}, {"runAsNonRoot": True}, ["image-user"]),
        ("app", {"runAsNonRoot": False}, {"runAsNonRoot": True}, ["image-root"]),
        ("app", {"runAsUser": 7}, {}, []),
        ("1000:1000", {"runAsNonRoot": True}, {}, []),
        ("root", {"runAsUser": 7}, {}, []),
        ("root", {}, {"runAsUser": 7}, []),
        ("1000", {"runAsUser": 0}, {"runAsUser": 7}, ["image-root"]),
        ("1000", {"runAsUser": None}, {"runAsUser": 0}, ["image-root"]),
        ("app", {"runAsNonRoot": None}, {"runAsNonRoot": True}, ["image-user"]),
        ("4294967296:1000", {"runAsNonRoot": True}, {}, ["image-root"]),
        ("2147483648", {}, {}, ["image-root"]),
        ("2147483647", {}, {}, []),
    ],
)
def test_nobody_runs_as_root_by_what_image_container_and_pod_say_together(
    user: str, own: dict[str, Any], of_pod: dict[str, Any], rules: list[str]
) -> None:
    manifests = pod(WEB, context=of_pod, **own)
    assert broken(of(variant(user=user)), manifests, non_root=True) == rules
    assert broken(of(variant(user=user)), manifests) == []


def test_an_sbom_and_a_signature_are_asked_for_where_the_policy_does() -> None:
    assert broken(of(), sbom=True, signature=True) == ["image-sbom", "image-signature"]
    assert broken(of(attached=Attached(("spdx",), ("sig",))), sbom=True, signature=True) == []


def test_a_tenant_can_be_excepted_for_a_while() -> None:
    exception = CheckException(rule="image-sbom", reason="soon", expires=NOW + timedelta(days=1))
    (finding,) = found(of(), deployment(exception, sbom=True))
    assert (finding.severity, finding.excepted) == ("warning", True)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_090_000_000, "2.1 GB"), (10**16, "10000.0 TB")],
)
def test_bytes_are_told_as_people_say_them(count: int, said: str) -> None:
    assert size(count) == said


def test_each_variant_of_a_platform_that_is_asked_for_is_judged() -> None:
    special = variant(Platform("linux", "amd64", "v3"), user="0")
    assert broken(of(variant(AMD), special), non_root=True, platforms=("linux/amd64",)) == ["image-root"]

"""What a fleet says of images."""

import pytest
from pydantic import ValidationError

from deploy_orchestrator.fleet import ImageMirror, ImagePolicy


@pytest.mark.parametrize(
    "place",
    [
        "docker.io",
        "ghcr.io/acme",
        "registry.example.com:5000/a/b-c",
        "localhost",
        "localhost:5000/hub",
        "[::1]:5000",
    ],
)
def test_a_registry_or_a_part_of_one_is_a_place_for_images(place: str) -> None:
    assert ImageMirror(of="docker.io", to=place).to == place


@pytest.mark.parametrize(
    "place",
    [
        "",
        "hub",
        "hub/acme",
        "*.example.com",
        "ghcr.io/",
        "ghcr.io/Acme",
        "ghcr.io//a",
        "https://ghcr.io",
        "ghcr.io/a:1",
    ],
)
def test_anything_else_is_none(place: str) -> None:
    with pytest.raises(ValidationError, match="expected a registry"):
        ImageMirror(of="docker.io", to=place)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64/v8", "windows/amd64"])
def test_a_platform_is_an_operating_system_and_a_processor(platform: str) -> None:
    assert ImagePolicy(platforms=(platform,)).platforms == (platform,)


@pytest.mark.parametrize(
    "platform", ["", "arm64", "linux/", "linux/arm64/", "Linux/amd64", "linux/arm64/v8/x"]
)
def test_half_a_platform_is_none(platform: str) -> None:
    with pytest.raises(ValidationError, match="expected a platform"):
        ImagePolicy(platforms=(platform,))


def test_what_is_asked_of_images_is_written_in_the_units_of_kubernetes() -> None:
    written = {"download": "500M", "tenantDisk": "6Gi", "maxAge": "90d", "byDigest": True}
    assert (
        ImagePolicy.model_validate(written).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        == written
    )
    with pytest.raises(ValidationError, match="quantity"):
        ImagePolicy(download="a lot")

"""The image of the edge: built for both processors, pushed, measured, audited, released, and served.

`make images` runs these; what it builds is kept for the next time.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conformance import assert_conforms
from rig import edge, images
from typer.testing import CliRunner

from deploy_orchestrator.cli import app
from deploy_orchestrator.cli.init import init
from tests.defs.conftest import Laptop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images are built by root")
VERSION = "0.1.0"
FLEET_YAML, VALUES = "fleet.yaml", "tenants/vision/values.yaml"
OTHERS = ("analytics", "catalog", "data", "ml", "scoring")
PLACE = "registry.example.com/edge"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host of a registry that has the image and a newer one, each for both processors."""
    with edge.ImageRegistry(tmp_path_factory.mktemp("registry")) as booted:
        with images.builder(tmp_path_factory.mktemp("builder")) as builder:
            for archive, tag in (("edge.tar", VERSION), ("newer.tar", "newer")):
                for each in edge.PROCESSORS:
                    builder.load(edge.built(each) / archive, f"localhost/{tag}/{each}")
                names = [f"localhost/{tag}/{each}" for each in edge.PROCESSORS]
                builder.publish(names, f"{booted.host}/{edge.NAME}:{tag}")
        yield booted.host


@pytest.fixture
def laptop(registry: str, tmp_path: Path) -> Iterator[Laptop]:
    """The example fleet with the edge alone, which asks of images what it says it may, of this registry."""
    init(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        laptop = Laptop(tmp_path, instance)
        for tenant in OTHERS:
            shutil.rmtree(tmp_path / "fleet/tenants" / tenant)
        laptop.commit(FLEET_YAML, asking(registry))
        laptop.commit(VALUES, lambda text: text.replace(PLACE, f"{registry}/edge"))
        yield laptop


def asking(registry: str) -> Callable[[str], str]:
    """Take in the policy of images that stands in the example as a comment."""

    def edit(text: str) -> str:
        before, marked, after = text.partition("      # images:\n")
        assert marked
        asked = re.sub(r"^      # ", "      ", marked + after, flags=re.MULTILINE)
        return f"{before.replace(PLACE, f'{registry}/edge')}{asked}\negress: [{registry}]\n"

    return edit


def seen(laptop: Laptop, exits: int) -> dict[str, Any]:
    """What `images` tells, and how it ends."""
    answer = CliRunner().invoke(app, ["images", "--format", "json"], env=laptop.environment)
    assert answer.exit_code == exits, answer.output
    return json.loads(answer.stdout)


def digest_named(text: str, digest: str) -> str:
    return re.sub(r"(  repository: .*\n)(  digest: .*\n)?", rf'\1  digest: "{digest}"\n', text)


def test_it_is_whole_for_both_processors_and_within_its_budget(laptop: Laptop) -> None:
    (image,) = seen(laptop, exits=1)["images"]
    laptop.commit(VALUES, lambda text: digest_named(text, image["digest"]))
    told = seen(laptop, exits=0)
    assert told["findings"] == []
    platforms = told["images"][0]["platforms"]
    assert [each["platform"].split("/")[1] for each in platforms] == [*edge.PROCESSORS]
    for each in platforms:
        print(
            f"\n{each['platform']}: {each['download']:,} B to download, at least {each['disk']:,} B on disk"
        )
        for layer in each["layers"]:
            print(f"  {layer['download']:>12,} {layer['disk']:>12,}  {layer['made_by']}")
        assert (each["user"], each["root"]) == ("10001:10001", False)
        assert each["entrypoint"] == ["python3", "-m", "edge_inference"]


def test_a_newer_model_or_application_is_pulled_alone(laptop: Laptop) -> None:
    (image,) = seen(laptop, exits=1)["images"]
    layers = {layer["digest"] for each in image["platforms"] for layer in each["layers"]}
    laptop.commit(
        VALUES, lambda text: text.replace("/edge-inference\n", "/edge-inference\n  tag: newer\n", 1)
    )
    (newer,) = seen(laptop, exits=1)["images"]
    for each in newer["platforms"]:
        more = [layer["download"] for layer in each["layers"] if layer["digest"] not in layers]
        assert len(more) == 1
        assert more[0] < 1_000_000


def test_a_build_over_its_budget_fails_and_names_the_layer(laptop: Laptop) -> None:
    laptop.commit(FLEET_YAML, lambda text: re.sub(r"( +download: ).*", r"\g<1>10M", text))
    findings = [each for each in seen(laptop, exits=1)["findings"] if each["rule"] == "image-size"]
    assert findings
    assert "/libraries`" in findings[0]["message"]


def test_it_is_released_by_digest_and_held_where_its_budget_is_not_kept(laptop: Laptop) -> None:
    laptop.settle()
    with laptop.orchestrator() as orchestrator:
        assert orchestrator.deployments.release("edge", "vision") is None
    (image,) = seen(laptop, exits=1)["images"]
    laptop.commit(VALUES, lambda text: digest_named(text, image["digest"]))
    laptop.settle()
    assert laptop.failures() == []
    assert laptop.live("edge", "vision")
    with laptop.orchestrator() as orchestrator:
        objects = orchestrator.deployments.released_manifests(laptop.released("edge", "vision")).objects
    assert any(image["digest"] in each.canonical.decode() for each in objects)


def test_a_mirror_of_it_is_what_crane_finds_whole(laptop: Laptop, registry: str) -> None:
    laptop.command("mirror", "images", "--to", f"oci://{registry}/mirror")
    copy = f"{registry}/mirror/{registry.replace(':', '-')}/{edge.NAME}:{VERSION}"
    crane = str(edge.programs() / "bin" / "crane")
    said = [
        subprocess.run([crane, *command], capture_output=True, text=True, check=True).stdout
        for command in (
            ["validate", "--insecure", "--remote", copy],
            ["digest", "--insecure", copy],
            ["digest", "--insecure", f"{registry}/{edge.NAME}:{VERSION}"],
        )
    ]
    assert "PASS" in said[0]
    assert said[1] == said[2]


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    kept = edge.built("amd64")
    edge.build("amd64", tmp_path / "again")
    assert manifest(tmp_path / "again" / "edge.tar") == manifest(kept / "edge.tar")


def manifest(archive: Path) -> str:
    """The digest of the one image in an OCI archive."""
    with tarfile.open(archive) as opened:
        index = opened.extractfile("index.json")
        assert index
        (described,) = json.load(index)["manifests"]
        return described["digest"]


def test_on_arm64_the_conformance_suite_finds_nothing(tmp_path: Path) -> None:
    with edge.EmulatedServer(tmp_path, edge.built("arm64") / "edge.tar") as server:
        said = assert_conforms(server.http, server.grpc, "--oip-patience=300")
    assert "skipped" not in said

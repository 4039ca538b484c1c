"""A registry with images in it that tests make, and a client that reads them."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina

from deploy_orchestrator.images import RemoteImages
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.registries import Egress, Internet
from deploy_orchestrator.storage import Cache
from tests.registries.conftest import Server, serving_answers
from tests.registry import INDEX, Registry, digest_of, serving

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOWN = "127.0.0.1:9"
"""Where no registry is."""

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass
class Hub:
    """Puts images into a registry, as a builder pushes them."""

    registry: Registry
    sizes: dict[str, int] = field(default_factory=dict)

    def name(self, text: str) -> ImageReference:
        return ImageReference.parse(f"{self.registry.host}/{text}")

    def blob(self, repository: str, body: bytes) -> dict[str, Any]:
        self.registry.blobs[repository, digest_of(body)] = body
        return {"digest": digest_of(body), "size": len(body)}

    def variant(
        self,
        repository: str,
        *tags: str,
        layers: Sequence[bytes] = (b"base", b"app"),
        layer_type: str = GZIP,
        platform: str = "linux/amd64",
        created: str | None = "2026-01-01T00:00:00Z",
        history: Sequence[Mapping[str, Any]] | None = None,
        **run: Any,
    ) -> dict[str, Any]:
        """An image for one platform; the descriptor of its manifest."""
        os, architecture, *variant = platform.split("/")
        told = {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        config = json.dumps({**told, "created": created, "config": run, "history": history}).encode()
        packed = [gzip.compress(each, mtime=0) if "gzip" in layer_type else each for each in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.blob(repository, config)},
            "layers": [{"mediaType": layer_type, **self.blob(repository, each)} for each in packed],
        }
        return {**self.put(repository, manifest, *tags), "platform": told}

    def index(self, repository: str, tag: str, *members: Mapping[str, Any]) -> str:
        """An index of images; its digest."""
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": members}
        return str(self.put(repository, index, tag)["digest"])

    def refer(self, repository: str, subject: str, kind: str, **more: Any) -> str:
        """An artifact that refers to a digest; its own digest."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **self.blob(repository, b"{}")},
            "layers": [{"mediaType": kind, **self.blob(repository, kind.encode())}],
            "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1},
            **more,
        }
        return str(self.put(repository, manifest)["digest"])

    def put(self, repository: str, manifest: Mapping[str, Any], *tags: str) -> dict[str, Any]:
        body = json.dumps(manifest).encode()
        digest = self.registry.put(repository, body, *tags)
        return {"mediaType": manifest["mediaType"], "digest": digest, "size": len(body)}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture(autouse=True)
def no_logins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HELM_REGISTRY_CONFIG", "HELM_CONFIG_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as registry:
        yield Hub(registry)


@pytest.fixture
def elsewhere() -> Iterator[Hub]:
    """Another registry than `hub`."""
    with serving() as registry:
        yield Hub(registry)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that is no registry."""
    with serving_answers() as served:
        yield served


@pytest.fixture
def remote(hub: Hub, elsewhere: Hub, server: Server, tmp_path: Path) -> Callable[[], RemoteImages]:
    """Makes clients that share a cache."""
    hosts = (f"http://{each.registry.host}" for each in (hub, elsewhere))
    egress = Egress().naming(*hosts, server.url, f"http://{DOWN}")

    def make() -> RemoteImages:
        return RemoteImages(Internet(egress), Cache(tmp_path / "cache"))

    return make

"""What it costs to look images up: a registry on loopback, and the audit as a process of its own.

    python benchmarks/images.py [--images 500] [--runs 3]

A registry in a process of its own holds that many images for two platforms, each of three layers of its own
over a base of three that twenty share, with an SBOM and a signature that refer to it. They are read as
`deploy-orchestrator images` reads them, 16 at a time: with nothing kept, and again with what the first run
has kept, a new process each time, without what its imports take.
"""

import argparse
import asyncio
import gzip
import hashlib
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from results import Results
from rich.console import Console
from rich.table import Table

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    results = Results("images")
    table = Table("what", f"{arguments.images} images", "requests")
    with serving(arguments.images) as (port, asked):
        taken: dict[str, list[tuple[float, int]]] = {"cold": [], "again": []}
        for _ in range(arguments.runs):
            with tempfile.TemporaryDirectory() as folder:
                for what, runs in taken.items():
                    before = asked.value
                    runs.append((read(port, arguments.images, Path(folder)), asked.value - before))
                    Console().print(what, f"{runs[-1][0]:.2f} s", style="dim")
    for what, runs in taken.items():
        seconds = [each for each, _ in runs]
        results.add(f"{arguments.images} images, {what}", "s", *seconds)
        table.add_row(what, f"{statistics.median(seconds):.2f} s", f"{runs[-1][1]:,}")
    Console().print(table)
    results.write()


def read(port: int, count: int, folder: Path) -> float:
    """How many seconds it takes a new process to read them all."""
    spawned = multiprocessing.get_context("spawn")
    told = spawned.SimpleQueue()
    process = spawned.Process(target=_read, args=(port, count, folder, told))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the audit failed")
    return told.get()


def _read(port: int, count: int, folder: Path, told: "multiprocessing.SimpleQueue[float]") -> None:
    import httpx  # noqa: F401
    import stamina  # noqa: F401

    from deploy_orchestrator.images import AuditedImage, Published, RemoteImages, audit
    from deploy_orchestrator.manifests import ImageReference
    from deploy_orchestrator.registries import Egress, Internet
    from deploy_orchestrator.storage import Cache

    names = [ImageReference.parse(f"127.0.0.1:{port}/team{n % 25}/app{n}:1") for n in range(count)]
    remote = RemoteImages(Internet(Egress().naming(f"http://127.0.0.1:{port}")), Cache(folder))
    began = time.perf_counter()
    found: list[AuditedImage] = list(audit(dict.fromkeys(names, ()), remote))
    told.put(time.perf_counter() - began)
    for each in found:
        if not isinstance(each.found, Published):
            raise each.found
        if (
            len(each.found.variants) != 2
            or not each.found.attached.sboms
            or not each.found.attached.signatures
        ):
            raise SystemExit(f"{each.name} was not read whole: {each.found}")


@contextmanager
def serving(count: int) -> Iterator[tuple[int, "Synchronized[int]"]]:
    """The port of a registry with so many images, and how much was asked of it."""
    spawned = multiprocessing.get_context("spawn")
    port, asked = spawned.SimpleQueue(), spawned.Value("q", 0)
    process = spawned.Process(target=_serve, args=(count, port, asked), daemon=True)
    process.start()
    try:
        yield port.get(), asked
    finally:
        process.terminate()
        process.join()


class Content:
    """Answers by path: status line and headers, and the body."""

    def __init__(self, count: int) -> None:
        self.answers: dict[str, tuple[bytes, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        bases = [[_layer(f"base {group} {n}") for n in range(3)] for group in range(count // 20 + 1)]
        for number in range(count):
            self._image(f"team{number % 25}/app{number}", number, bases[number // 20])

    def _image(self, name: str, number: int, base: list[bytes]) -> None:
        members = []
        for architecture in ("amd64", "arm64"):
            own = [_layer(f"{number} {architecture} {n}") for n in range(3)]
            config = json.dumps(
                {"os": "linux", "architecture": architecture, "created": "2026-01-01T00:00:00Z", "config": {}}
            ).encode()
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, **self._blob(name, config)},
                "layers": [{"mediaType": LAYER, **self._blob(name, each)} for each in (*base, *own)],
            }
            platform = {"os": "linux", "architecture": architecture}
            members.append({**self._manifest(name, manifest), "platform": platform})
        described = self._manifest(name, {"schemaVersion": 2, "mediaType": INDEX, "manifests": members}, "1")
        kinds = ("application/spdx+json", "application/vnd.dev.sigstore.bundle.v0.3+json")
        listed = [{**described, "mediaType": MANIFEST, "artifactType": each} for each in kinds]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
        self._answer(f"/v2/{name}/referrers/{described['digest']}", body, INDEX)

    def _manifest(self, name: str, manifest: dict[str, object], *tags: str) -> dict[str, object]:
        body = json.dumps(manifest).encode()
        for each in (_digest(body), *tags):
            self._answer(f"/v2/{name}/manifests/{each}", body, str(manifest["mediaType"]))
        return {"mediaType": manifest["mediaType"], "digest": _digest(body), "size": len(body)}

    def _blob(self, name: str, body: bytes) -> dict[str, object]:
        path = f"/v2/{name}/blobs/{_digest(body)}"
        self._answer(path, body, "application/octet-stream")
        self.blobs[path] = body
        return {"digest": _digest(body), "size": len(body)}

    def _answer(self, path: str, body: bytes, kind: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {_digest(body)}\r\n"
        self.answers[path] = f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body

    def to(self, method: str, path: str, wants_end: bool) -> bytes:
        if wants_end and path in self.blobs:
            body = self.blobs[path]
            span = f"bytes {len(body) - 4}-{len(body) - 1}/{len(body)}"
            head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: {span}\r\nContent-Length: 4\r\n\r\n"
            return head.encode() + body[-4:]
        if path not in self.answers:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        head, body = self.answers[path]
        return head if method == "HEAD" else head + body


def _layer(seed: str) -> bytes:
    return gzip.compress(random.Random(seed).randbytes(2000) + bytes(4000), mtime=0)


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _serve(
    count: int,
    port: "multiprocessing.SimpleQueue[int]",
    asked: "Synchronized[int]",
) -> None:
    content = Content(count)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b" ", 2)
                asked.value += 1
                writer.write(content.to(method.decode(), path.decode(), b"range: bytes=-4" in head.lower()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()

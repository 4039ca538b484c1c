"""The image of the edge for each processor, the registry that has it, and an emulator that serves it.

Apart from `binaries`, whose text is part of the key of all that it builds.
"""

import json
from contextlib import ExitStack
from pathlib import Path

from rig import images
from rig.binaries import HERE, _cached, _go, _install, _kept
from rig.processes import Booted, Process, answers, free_port, program

NAME = "edge/edge-inference"
"""What it is called in the registry."""
PROCESSORS = ("amd64", "arm64")


def built(architecture: str) -> Path:
    """The folder with `edge.tar`, an OCI archive of the image as its sources are, and `newer.tar`, which has
    one more version of the model.
    """

    def write(into: Path) -> None:
        build(architecture, into)

    return _kept(f"edge-{architecture}", images.edge_sources().encode(), write)


def build(architecture: str, into: Path) -> None:
    """Write that folder."""
    debian = _kept("debian", " ".join(images.DEBIAN).encode(), images.debian)

    def python(into: Path) -> None:
        images.python(architecture, into)

    base = _kept(f"python-{architecture}", " ".join(images.PYTHON).encode(), python)
    images.edge(architecture, base / "base.tar", debian / "base.tar", into)


def programs() -> Path:
    """The folder with `bin/registry`, of the distribution project, and `bin/crane`."""
    return _cached("registry", HERE / "registry", _build)


def _build(module: Path, into: Path) -> None:
    _go(module, *_install(), "tool", CGO_ENABLED="0", GOFLAGS="-mod=mod", GOBIN=str(into / "bin"))


class ImageRegistry(Booted):
    """A registry of the distribution project on loopback; a context manager that ends it."""

    def __init__(self, folder: Path) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._folder = folder

    def _boot(self, stack: ExitStack) -> None:
        config = self._folder / "registry.json"
        said = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "registry")}},
            "http": {"addr": self.host},
            "log": {"level": "error"},
        }
        config.write_text(json.dumps(said))
        command = [str(programs() / "bin" / "registry"), "serve", str(config)]
        log = self._folder / "registry.log"
        process = Process(
            "registry", command, log, {"OTEL_TRACES_EXPORTER": "none"}, answers(f"http://{self.host}/v2/")
        )
        stack.callback(process.stop)
        process.start()


class EmulatedServer(Booted):
    """The image for ARM64, on a processor that qemu plays: `http` is its URL, `grpc` its address."""

    def __init__(self, folder: Path, archive: Path) -> None:
        ports = free_port(), free_port()
        self.http, self.grpc = f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"
        self._settings = {
            "EDGE_INFERENCE_HOST": "127.0.0.1",
            "EDGE_INFERENCE_HTTP_PORT": str(ports[0]),
            "EDGE_INFERENCE_GRPC_PORT": str(ports[1]),
        }
        self._folder, self._archive = folder, archive

    def _boot(self, stack: ExitStack) -> None:
        emulator = program("qemu-aarch64-static", install="`apt-get install qemu-user-static`")
        builder = stack.enter_context(images.builder(self._folder))
        builder.load(self._archive, images.EDGE)
        serve = ("/usr/bin/python3", "-m", "edge_inference")
        command, environment = builder.emulated(images.EDGE, emulator, serve)
        ready = answers(f"{self.http}/v2/health/ready")
        log = self._folder / "edge.log"
        process = Process("edge", command, log, environment | self._settings, ready)
        stack.callback(process.stop)
        process.start()

"""Images built here, on Debians made here: no registry is asked."""

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rig.processes import program

REPOSITORY = Path(__file__).parents[3]
ORCHESTRATOR = "localhost/deploy-orchestrator"
EDGE = "localhost/edge-inference"
DEBIAN = (
    "--variant=minbase",
    "--include=ca-certificates,git,libglib2.0-0,libxext6,libxrender1,openssh-client,python3,python3-venv",
    "bookworm",
)
"""What debootstrap makes: what the Containerfile asks of its base."""
PYTHON = ("--variant=extract", "--include=libstdc++6,python3", "--skip=check/qemu", "bookworm")
"""What mmdebstrap makes: Python with what it and wheels need, unpacked. Nothing of it is run, so it may
be for another processor than this one.
"""
_MIRROR = "http://deb.debian.org/debian"
_CERTIFICATES = Path("/etc/ssl/certs")
_ORCHESTRATOR_SOURCES = (
    "charts",
    "dagster.yaml",
    "deploy_orchestrator",
    "examples/fleet",
    "images/orchestrator",
    "pyproject.toml",
    "uv.lock",
)
_EDGE = "images/edge-inference"
_EDGE_SOURCES = tuple(
    f"{_EDGE}/{each}"
    for each in (
        ".containerignore",
        "Containerfile",
        "detector/models",
        "edge_inference",
        "pyproject.toml",
        "uv.lock",
    )
)


class Builder:
    """buildah, with what it keeps in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        kept = (f"--root={folder / 'kept'}", f"--runroot={folder / 'run'}", "--storage-driver=overlay")
        # What it mounts ends with each command.
        mounts = (program("unshare", install="it is part of util-linux"), "--mount")
        self._command = (*mounts, program("buildah", install="`apt-get install buildah`"), *kept)

    def pack(
        self,
        name: str,
        content: Path,
        target: str = "/",
        command: tuple[str, ...] = (),
        base: str = "scratch",
        architecture: str = "amd64",
    ) -> None:
        """Make an image of one layer, on top of those of a base."""
        container = self._run("from", f"--arch={architecture}", "--pull-never", base)
        self._run("add", "--quiet", container, str(content), target)
        if command:
            self._run("config", f"--entrypoint={list(command)!r}".replace("'", '"'), container)
        self._run("commit", "--quiet", "--timestamp=0", container, name)
        self._run("rm", container)

    def load(self, archive: Path, name: str) -> None:
        """Name an image that was saved; the name that it was saved by moves to it as well."""
        self._run("tag", self._run("pull", "--quiet", f"oci-archive:{archive}"), name)

    def save(self, name: str, archive: Path) -> None:
        self._run("push", "--quiet", name, f"oci-archive:{archive}:{name}")

    def publish(self, names: Sequence[str], reference: str) -> None:
        """Push one index of these images, under a reference in a registry without TLS."""
        index = f"localhost/index/{hashlib.sha256(reference.encode()).hexdigest()}"
        self._run("manifest", "create", index)
        for name in names:
            self._run("manifest", "add", index, f"containers-storage:{name}")
        self._run(
            "manifest", "push", "--quiet", "--all", "--tls-verify=false", index, f"docker://{reference}"
        )

    def build(
        self,
        name: str,
        containerfile: Path,
        arguments: Mapping[str, str],
        *,
        context: Path = REPOSITORY,
        architecture: str = "amd64",
        options: tuple[str, ...] = (),
    ) -> None:
        """As the Containerfile says, with the certificates that this machine trusts."""
        self._run(
            *(
                "build",
                "--isolation=chroot",
                f"--platform=linux/{architecture}",
                f"--tag={name}",
                "--timestamp=0",
            ),
            *options,
            *(
                f"--build-arg={key}={value}"
                for key, value in {"BUILDPLATFORM": "linux/amd64", **arguments}.items()
            ),
            f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro",
            *(f"--env={key}={os.environ[key]}" for key in ("SSL_CERT_FILE", "PIP_CERT") if key in os.environ),
            *(
                f"--file={containerfile}",
                f"--ignorefile={containerfile.with_name('.containerignore')}",
                str(context),
            ),
        )

    def emulated(
        self, name: str, emulator: str, command: tuple[str, ...]
    ) -> tuple[list[str], dict[str, str]]:
        """What runs an image for a processor that `emulator` plays, and the environment that it gives.

        It sees its own files alone: what /proc and /sys tell is of another processor, and ONNX Runtime
        crashes on it.
        """
        container = self._run("from", "--arch=arm64", "--pull-never", name)
        told = self._run("inspect", "--format", "{{range .OCIv1.Config.Env}}{{println .}}{{end}}", name)
        unshare, mount, *buildah = self._command
        inside = (
            f'root=$({shlex.join(buildah)} mount {container}) && cp {emulator} "$root/emulator" '
            '&& exec chroot --userspec=10001:10001 "$root" /emulator "$@"'
        )
        environment = dict(each.split("=", 1) for each in told.splitlines())
        return [unshare, mount, "sh", "-c", inside, "sh", *command], environment

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"buildah {arguments[0]}: {ran.stderr.strip()[-4000:]}")
        return ran.stdout.strip()


@contextmanager
def builder(scratch: Path) -> Iterator[Builder]:
    with TemporaryDirectory(dir=scratch, prefix="images-") as folder:
        yield Builder(Path(folder))


def debian(into: Path) -> None:
    """Write `base.tar`: a Debian with what the Containerfile asks of its base."""
    with TemporaryDirectory(dir=into.parent, prefix="debian-") as folder:
        root = Path(folder, "root")
        bootstrap = program("debootstrap", install="`apt-get install debootstrap`")
        subprocess.run([bootstrap, *DEBIAN, root, _MIRROR], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["rm", "-rf", *(root / each for each in ("var/cache/apt", "var/lib/apt/lists", "var/log"))],
            check=True,
        )
        with builder(into.parent) as images:
            images.pack("localhost/base", root)
            into.mkdir()
            images.save("localhost/base", into / "base.tar")


def python(architecture: str, into: Path) -> None:
    """Write `base.tar`: a Python of Debian's, with nothing beside it, for any processor."""
    with TemporaryDirectory(dir=into.parent, prefix="python-") as folder:
        root = Path(folder, "root")
        bootstrap = program("mmdebstrap", install="`apt-get install mmdebstrap`")
        subprocess.run(
            [bootstrap, "--quiet", "--mode=root", f"--architectures={architecture}", *PYTHON, root, _MIRROR],
            check=True,
        )
        with builder(into.parent) as images:
            images.pack("localhost/base", root, architecture=architecture)
            into.mkdir()
            images.save("localhost/base", into / "base.tar")


def orchestrator(base: Path, helm: Path, into: Path) -> None:
    """Write `orchestrator.tar`, built of this repository."""
    with builder(into.parent) as images:
        images.load(base, "localhost/base")
        images.pack("localhost/helm", helm, "/usr/bin/helm")
        containerfile = REPOSITORY / "images/orchestrator/Containerfile"
        images.build(ORCHESTRATOR, containerfile, {"BASE": "localhost/base", "HELM": "localhost/helm"})
        into.mkdir()
        images.save(ORCHESTRATOR, into / "orchestrator.tar")


def edge(architecture: str, base: Path, collector: Path, into: Path) -> None:
    """Write `edge.tar`, built of this repository for a processor."""
    with builder(into.parent) as images:
        images.load(base, "localhost/python")
        images.load(collector, "localhost/debian")
        images.build(
            EDGE,
            REPOSITORY / _EDGE / "Containerfile",
            {"BASE": "localhost/python", "COLLECTOR": "localhost/debian"},
            context=REPOSITORY / _EDGE,
            architecture=architecture,
            options=("--layers",),
        )
        into.mkdir()
        images.save(EDGE, into / "edge.tar")
        newer = REPOSITORY / _EDGE / "detector/models/shapes/1"
        images.pack(f"{EDGE}:newer", newer, "/models/shapes/2", base=EDGE, architecture=architecture)
        images.save(f"{EDGE}:newer", into / "newer.tar")


def sources() -> str:
    """A digest of all that the image of the orchestrator is built of."""
    return _digest(_ORCHESTRATOR_SOURCES)


def edge_sources() -> str:
    """A digest of all that the image of the edge is built of, and of how."""
    return _digest((*_EDGE_SOURCES, str(Path(__file__).relative_to(REPOSITORY))))


def _digest(sources: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        top = REPOSITORY / source
        files = (
            (each for each in sorted(top.rglob("*")) if each.is_file() and each.suffix != ".pyc")
            if top.is_dir()
            else (top,)
        )
        for file in files:
            digest.update(str(file.relative_to(REPOSITORY)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()

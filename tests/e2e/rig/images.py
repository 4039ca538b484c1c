"""Images built here, on a Debian made here: no registry is asked."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rig.processes import program

REPOSITORY = Path(__file__).parents[3]
ORCHESTRATOR = "localhost/deploy-orchestrator"
DEBIAN = (
    "--variant=minbase",
    "--include=ca-certificates,git,libglib2.0-0,libxext6,libxrender1,openssh-client,python3,python3-venv",
    "bookworm",
)
"""What debootstrap makes: what the Containerfile asks of its base."""
_MIRROR = "http://deb.debian.org/debian"
_CERTIFICATES = Path("/etc/ssl/certs")
_SOURCES = (
    "charts",
    "dagster.yaml",
    "deploy_orchestrator",
    "examples/fleet",
    "images/orchestrator",
    "pyproject.toml",
    "uv.lock",
)


class Builder:
    """buildah, with what it keeps in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        kept = (f"--root={folder / 'kept'}", f"--runroot={folder / 'run'}", "--storage-driver=overlay")
        # What it mounts ends with each command.
        mounts = (program("unshare", install="it is part of util-linux"), "--mount")
        self._command = (*mounts, program("buildah", install="`apt-get install buildah`"), *kept)

    def pack(self, name: str, content: Path, target: str = "/", command: tuple[str, ...] = ()) -> None:
        """Make an image of one layer."""
        container = self._run("from", "scratch")
        self._run("add", "--quiet", container, str(content), target)
        if command:
            self._run("config", f"--entrypoint={list(command)!r}".replace("'", '"'), container)
        self._run("commit", "--quiet", container, name)
        self._run("rm", container)

    def load(self, archive: Path, name: str) -> None:
        self._run("tag", self._run("pull", "--quiet", f"oci-archive:{archive}"), name)

    def save(self, name: str, archive: Path) -> None:
        self._run("push", "--quiet", name, f"oci-archive:{archive}:{name}")

    def build(self, name: str, containerfile: Path, arguments: Mapping[str, str]) -> None:
        """As the Containerfile says, with the certificates that this machine trusts."""
        self._run(
            *("build", "--isolation=chroot", "--platform=linux/amd64", f"--tag={name}", "--timestamp=0"),
            *(
                f"--build-arg={key}={value}"
                for key, value in {"BUILDPLATFORM": "linux/amd64", **arguments}.items()
            ),
            f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro",
            *(f"--env={key}={os.environ[key]}" for key in ("SSL_CERT_FILE", "PIP_CERT") if key in os.environ),
            *(
                f"--file={containerfile}",
                f"--ignorefile={containerfile.with_name('.containerignore')}",
                str(REPOSITORY),
            ),
        )

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


def orchestrator(base: Path, helm: Path, into: Path) -> None:
    """Write `orchestrator.tar`, built of this repository."""
    with builder(into.parent) as images:
        images.load(base, "localhost/base")
        images.pack("localhost/helm", helm, "/usr/bin/helm")
        containerfile = REPOSITORY / "images/orchestrator/Containerfile"
        images.build(ORCHESTRATOR, containerfile, {"BASE": "localhost/base", "HELM": "localhost/helm"})
        into.mkdir()
        images.save(ORCHESTRATOR, into / "orchestrator.tar")


def sources() -> str:
    """A digest of all that the image is built of."""
    digest = hashlib.sha256()
    for source in _SOURCES:
        top = REPOSITORY / source
        files = (
            (each for each in sorted(top.rglob("*")) if each.is_file() and each.suffix != ".pyc")
            if top.is_dir()
            else (top,)
        )
        for file in files:
            digest.update(str(file.relative_to(REPOSITORY)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()

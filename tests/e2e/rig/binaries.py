"""Build the rig's programs from the Go modules beside this file, once for each state of these."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from rig import images
from rig.processes import program

HERE = Path(__file__).parent

HELM = "helm.sh/helm/v4/cmd/helm"
ARGOCD = "github.com/argoproj/argo-cd/v3"
ARGOCD_ROLES = ("application-controller", "repo-server", "applicationset-controller", "server")
KWOK = "sigs.k8s.io/kwok"
CLUSTER = (
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-scheduler",
    f"{KWOK}/cmd/kwok",
    f"{ARGOCD}/cmd",
)
KWOK_STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast", "pod/chaos", "volume/fast")
GITEA = "code.gitea.io/gitea"
KUBERNETES = "k8s.io/kubernetes"


def helm() -> Path:
    """The folder with `bin/helm`."""
    return _cached("helm", HERE, _build_helm)


def cluster() -> Path:
    """The folder with `bin/` (etcd, Kubernetes, kwok, Argo CD in each role), `crds/` and `stages/`."""
    return _cached("cluster", HERE, _build_cluster)


def gitea() -> Path:
    """The folder with `bin/gitea` and the `static/` files that it serves."""
    return _cached("gitea", HERE / "gitea", _build_gitea)


def node() -> Path:
    """The folder with `bin/` (kubelet, kube-proxy, containerd, network and its policies) and two images."""
    return _cached("node", HERE / "node", _build_node)


def orchestrator() -> Path:
    """An OCI archive of the image `images/orchestrator`, built of this repository as it is."""
    base = _kept("debian", " ".join(images.DEBIAN).encode(), images.debian) / "base.tar"
    program_ = helm() / "bin" / "helm"

    def build(into: Path) -> None:
        images.orchestrator(base, program_, into)

    return _kept("orchestrator", images.sources().encode(), build) / "orchestrator.tar"


def _build_helm(module: Path, into: Path) -> None:
    _go(module, *_install(), HELM, CGO_ENABLED="0", GOBIN=str(into / "bin"))


def _build_cluster(module: Path, into: Path) -> None:
    binaries = into / "bin"
    _go(module, *_install(module), *CLUSTER, CGO_ENABLED="0", GOBIN=str(binaries))
    (binaries / "server").rename(binaries / "etcd")
    (binaries / "cmd").rename(binaries / "argocd")
    for role in ARGOCD_ROLES:
        (binaries / f"argocd-{role}").symlink_to("argocd")
    crds = _source(module, ARGOCD) / "manifests" / "crds"
    _copy(crds.glob("*-crd.yaml"), into / "crds")
    stages = _source(module, KWOK) / "kustomize" / "stage"
    for stage in KWOK_STAGES:
        _copy((stages / stage).glob("*-*.yaml"), into / "stages" / stage.replace("/", "-"))


def _build_gitea(module: Path, into: Path) -> None:
    _go(
        module,
        *_install(),
        *("-tags=sqlite sqlite_unlock_notify", GITEA),
        CGO_ENABLED="1",
        GOBIN=str(into / "bin"),
        GOFLAGS="-mod=mod",
    )
    source = _source(module, GITEA)
    for folder in ("templates", "options", "public"):
        _copy([source / folder], into / "static")


def _build_node(module: Path, into: Path) -> None:
    binaries = into / "bin"
    _copy([HERE / "node" / "coredns"], module)
    tags = "-tags=no_btrfs no_zfs no_devmapper"
    _go(
        module,
        *_install(module),
        tags,
        "tool",
        "./coredns",
        CGO_ENABLED="0",
        GOBIN=str(binaries),
        GOFLAGS="-mod=mod",
    )
    source = _source(module, KUBERNETES) / "build" / "pause" / "linux" / "pause.c"
    compiler = program("gcc", install="`apt-get install gcc libc6-dev`, or your system's compiler")
    pause = into / "pause"
    subprocess.run([compiler, "-Os", "-static", "-DVERSION=rig", "-o", pause, source], check=True)
    (binaries / "cmd").rename(binaries / "kube-network-policies")
    with images.builder(into.parent) as builder:
        for name, content in (("pause", pause), ("coredns", binaries / "coredns")):
            builder.pack(f"localhost/{name}", content, f"/{name}", (f"/{name}",))
            builder.save(f"localhost/{name}", into / f"{name}.tar")


def _cached(name: str, module: Path, build: Callable[[Path, Path], None]) -> Path:
    """What `build` makes of a copy of the module, once for each state of it."""
    module_files = [module / "go.mod", module / "go.sum"]
    sources = [*module_files, *sorted(module.rglob("*.go")), Path(__file__)]

    def copied(into: Path) -> None:
        sandbox = into.with_name("module")
        _copy(module_files, sandbox)
        build(sandbox, into)

    return _kept(name, b"".join(source.read_bytes() for source in sources), copied)


def _kept(name: str, state: bytes, build: Callable[[Path], None]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deploy-orchestrator" / "rig"
    cache.mkdir(parents=True, exist_ok=True)
    built = cache / f"{name}-{hashlib.sha256(state).hexdigest()[:16]}"
    with FileLock(f"{built}.lock"):
        if not built.exists():
            print(f"building the rig's {name} into {built}; cold this takes minutes", file=sys.stderr)
            with TemporaryDirectory(dir=cache) as scratch:
                result = Path(scratch, "result")
                build(result)
                result.rename(built)
    return built


def _install(kubernetes: Path | None = None) -> tuple[str, ...]:
    """Kubernetes' programs say which version they are, where they are built by a module that asks for one."""
    flags = "-s -w"
    if kubernetes:
        version = _go(kubernetes, "list", "-m", "-f", "{{.Version}}", KUBERNETES).strip()
        flags += f" -X k8s.io/component-base/version.gitVersion={version}"
    return "install", "-trimpath", f"-ldflags={flags}"


def _go(module: Path, *arguments: str, **environment: str) -> str:
    go = program("go", Path(sys.executable).parent, install="run `uv sync --group e2e`")
    return subprocess.run(
        [go, *arguments],
        cwd=module,
        env={**os.environ, "GOTOOLCHAIN": "local", **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _source(module: Path, name: str) -> Path:
    return Path(_go(module, "list", "-m", "-f", "{{.Dir}}", name).strip())


def _copy(sources: Iterable[Path], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, into / source.name, copy_function=shutil.copyfile)
            # the module cache is read-only, its copy must not be
        else:
            shutil.copyfile(source, into / source.name)

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
BUILD = ("install", "-trimpath", "-ldflags=-s -w")


def helm() -> Path:
    """The folder with `bin/helm`."""
    return _cached("helm", HERE, _build_helm)


def cluster() -> Path:
    """The folder with `bin/` (etcd, Kubernetes, kwok, Argo CD in each role), `crds/` and `stages/`."""
    return _cached("cluster", HERE, _build_cluster)


def gitea() -> Path:
    """The folder with `bin/gitea` and the `static/` files that it serves."""
    return _cached("gitea", HERE / "gitea", _build_gitea)


def _build_helm(module: Path, into: Path) -> None:
    _go(module, *BUILD, HELM, CGO_ENABLED="0", GOBIN=str(into / "bin"))


def _build_cluster(module: Path, into: Path) -> None:
    binaries = into / "bin"
    _go(module, *BUILD, *CLUSTER, CGO_ENABLED="0", GOBIN=str(binaries))
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
        *BUILD,
        *("-tags=sqlite sqlite_unlock_notify", GITEA),
        CGO_ENABLED="1",
        GOBIN=str(into / "bin"),
        GOFLAGS="-mod=mod",
    )
    source = _source(module, GITEA)
    for folder in ("templates", "options", "public"):
        _copy([source / folder], into / "static")


def _cached(name: str, module: Path, build: Callable[[Path, Path], None]) -> Path:
    sources = [module / "go.mod", module / "go.sum", Path(__file__)]
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deploy-orchestrator" / "rig"
    cache.mkdir(parents=True, exist_ok=True)
    built = cache / f"{name}-{state}"
    with FileLock(f"{built}.lock"):
        if not built.exists():
            print(f"building the rig's {name} into {built}; cold this takes minutes", file=sys.stderr)
            with TemporaryDirectory(dir=cache) as scratch:
                sandbox = Path(scratch, "module")
                _copy(sources[:2], sandbox)
                result = Path(scratch, "result")
                build(sandbox, result)
                result.rename(built)
    return built


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

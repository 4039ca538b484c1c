"""Small fleets for Argo CD."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy_orchestrator.fleet import Fleet, load
from deploy_orchestrator.git import Changes, Repository

KEY = "alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID0q2DJt8VBQtg2CP6NFpm7iOO9kPXfkdlujAL9Lg1dG"


def laid_out(
    folder: Path, fleet: dict[str, Any], tenants: Mapping[str, Sequence[str]], **more: dict[str, Any]
) -> Fleet:
    """The fleet of `fleet.yaml` and of `tenants` with their environments, all of one chart, with `more` of
    what they say of themselves.
    """
    files: dict[str, Any] = {
        "fleet.yaml": fleet,
        "charts/app/Chart.yaml": {"apiVersion": "v2", "name": "app", "version": "1.0.0"},
        **{
            f"tenants/{name}/tenant.yaml": {**_tenant(environments), **more.get(name, {})}
            for name, environments in tenants.items()
        },
    }
    writes = {path: yaml.safe_dump(content).encode() for path, content in files.items()}
    subprocess.run(["git", "init", "--bare", "-q", folder / "fleet.git"], check=True)
    repository = Repository.clone(str(folder / "fleet.git"), folder / "clone")
    repository.write("main", lambda _: Changes("x", {**writes, "allowed_signers": KEY.encode()}))
    return load(repository.at("main"))


def _tenant(environments: Sequence[str]) -> dict[str, Any]:
    return {
        "chart": {"name": "app", "version": "1.0.0"},
        "environments": list(environments),
        "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
        "owners": ["owners@example.com"],
    }

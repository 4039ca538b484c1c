import base64
from collections.abc import Callable, Mapping
from pathlib import Path

import pygit2
import pytest

from deploy_orchestrator.git import Repository, Tree

Commit = Callable[[Mapping[str, str | bytes]], Tree]

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()

FLEET = """\
clusters:
  - name: workshop
    server: https://kubernetes.default.svc
environments:
  - name: dev
    cluster: workshop
    kubernetes: "1.34"
  - name: staging
    cluster: workshop
    kubernetes: "1.34"
    policy:
      soak: 10m
  - name: production
    cluster: workshop
    kubernetes: "1.33"
    policy:
      approval:
        approvers: [alice@example.com, bob@example.com]
        required: 2
      freezes:
        - start: 2026-12-20T00:00:00+01:00
          end: 2027-01-02T00:00:00+01:00
          reason: Christmas
      rules:
        image-major: {severity: blocked, reason: by the platform team only}
repositories:
  - name: bitnami
    url: https://charts.example.com/bitnami
    mirror: https://mirror.example.com/bitnami
platform:
  name: tenant-platform
  version: 0.1.0
"""
TENANT = """\
chart:
  name: web
  version: ~1.2.0
environments: [dev, staging, production]
quota:
  cpu: 4
  memory: 8Gi
  storage: 20Gi
  pods: 30
owners: [shop-team@example.com]
"""
FILES: Mapping[str, str | bytes] = {
    "README.md": "# Fleet\n",
    "allowed_signers": f"# who may approve\nalice@example.com {KEY}\nbob@example.com {KEY} at work\n",
    "fleet.yaml": FLEET,
    "charts/tenant-platform/Chart.yaml": "name: tenant-platform\nversion: 0.1.0\n",
    "charts/common/Chart.yaml": "name: common\nversion: 3.0.0\ntype: library\n",
    "charts/common/templates/_names.tpl": '{{ define "name" }}x{{ end }}\n',
    "charts/web/Chart.yaml": """\
apiVersion: v2
name: web
version: 1.2.3
dependencies:
  - name: common
    version: 3.x.x
    repository: file://../common
  - name: redis
    version: 17.0.0
    repository: https://charts.example.com/bitnami/
""",
    "charts/web/values.yaml": "replicas: 1\n",
    "tenants/README.md": "# Tenants\n",
    "tenants/_template/tenant.yaml": TENANT.replace("shop", "__tenant__"),
    "tenants/_template/values-tenant-__tenant__.yaml": "name: __tenant__\n",
    "tenants/shop/tenant.yaml": TENANT,
    "tenants/shop/values.yaml": "replicas: 2\n",
    "tenants/shop/values-production.yaml": "replicas: 3\n",
    "tenants/blog/tenant.yaml": TENANT.replace("shop", "blog").replace("dev, staging", "dev"),
}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("fleet")
    pygit2.init_repository(folder / "remote.git", bare=True)
    return Repository.clone(str(folder / "remote.git"), folder / "clone.git")


@pytest.fixture(scope="session")
def commit(repository: Repository) -> Commit:
    """A commit of exactly these files."""
    objects = pygit2.Repository(str(repository.path))
    author = pygit2.Signature("Ann", "ann@example.com", 1_700_000_000)

    def committed(files: Mapping[str, str | bytes]) -> Tree:
        index = pygit2.Index()
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            index.add(pygit2.IndexEntry(path, objects.create_blob(data), pygit2.enums.FileMode.BLOB))
        made = objects.create_commit(None, author, author, "change", index.write_tree(objects), [])
        return repository.at(str(made))

    return committed


@pytest.fixture
def files() -> dict[str, str | bytes]:
    """A fleet: tenants blog and shop of the chart web, in dev, staging (shop only) and production."""
    return dict(FILES)


@pytest.fixture
def examples() -> dict[str, str | bytes]:
    """The example fleet as it ships, with keys for those who may approve there."""
    root = Path(__file__).parents[2]
    found = {
        str(path.relative_to(folder.parent if folder.name == "charts" else folder)): path.read_bytes()
        for folder in (root / "charts", root / "examples" / "fleet")
        for path in folder.rglob("*")
        if path.is_file()
    }
    found["allowed_signers"] += f"alice@example.com {KEY}\nbob@example.com {KEY}\n".encode()
    return dict(found)

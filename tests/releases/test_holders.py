"""Whose releases are in a namespace: what is remembered of a release file holds for its bytes alone."""

from pathlib import Path
from typing import Any

from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.releases import Deployments
from deploy_orchestrator.releases.holders import _known

MANY = 25
"""More than are read again rather than kept."""


def prepare(build: Any, pipeline: Any) -> None:
    for number in range(MANY):
        pipeline.release(build.manifests(build.config_map(a="1")), tenant=f"tenant-{number}")


def place(tenant: str) -> Destination:
    return Destination("main", "https://main.example.com", f"{tenant}-dev")


def who(deployments: Deployments, tenant: str) -> list[str]:
    return [each.key for each in deployments.holders(place(tenant))]


def anew(deployments: Deployments) -> Deployments:
    """As another process sees the same clone."""
    _known.cache_clear()
    return Deployments(
        type(deployments.repository).clone(deployments.repository.url, deployments.repository.path)
    )


def kept(deployments: Deployments) -> list[Path]:
    folder = deployments.repository.path.with_name(f"{deployments.repository.path.name}.kept") / "holders"
    return [each for each in folder.rglob("*") if each.is_file() and len(each.name) == 64]


def test_each_namespace_has_its_holder_whoever_asks(deployments):
    assert who(deployments, "tenant-7") == ["dev/tenant-7"]
    assert kept(deployments)
    assert who(anew(deployments), "tenant-7") == ["dev/tenant-7"]
    assert who(deployments, "nobody") == []


def test_a_file_that_somebody_alters_is_read_again(build, deployments, repository):
    assert who(deployments, "tenant-7") == ["dev/tenant-7"]
    path = "releases/dev/tenant-7.yaml"
    moved = repository.branch().read(path).replace(b"namespace: tenant-7-dev", b"namespace: tenant-8-dev")
    build.push(repository, "main", {path: moved})
    for each in (deployments, anew(deployments)):
        assert who(each, "tenant-7") == []
    build.push(repository, "main", {path: b"no release"}, ("releases/dev/tenant-8.yaml",))
    for each in (deployments, anew(deployments)):
        assert who(each, "tenant-8") == []
        assert who(each, "tenant-9") == ["dev/tenant-9"]


def test_what_is_kept_and_torn_is_read_again(deployments):
    who(deployments, "tenant-7")
    for each in kept(deployments):
        each.write_bytes(each.read_bytes()[:-1] + b"?")
    assert who(anew(deployments), "tenant-7") == ["dev/tenant-7"]

import gc
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property

import pytest
from hypothesis import settings

from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.manifests.workers import Limits, Workers

pytest_plugins = ["tests.desk"]

GIT = """\
[init]
    defaultBranch = main
    templateDir =
[core]
    fsync = none
[maintenance]
    auto = false
[receive]
    autogc = false
"""
"""Nothing is tidied up behind the back of a test, which takes a process for each fetch and push, and nothing
has to outlast a loss of power.
"""

settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


def pytest_collection_finish() -> None:
    """What was imported stays until the end, and need not be looked through for garbage."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("helm") and not shutil.which("helm"):
        pytest.skip("there is no helm on PATH")


@pytest.fixture(autouse=True, scope="session")
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's own keys, settings and repositories reach a test."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        (home / ".gitconfig").write_text(GIT)
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        for name in ("FLEET", "DEPLOYMENTS", "HOME"):
            patch.delenv(f"DEPLOY_ORCHESTRATOR_{name}", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _helm_starts_once() -> Iterator[None]:
    """Installations that are opened again and again in one process render in the same processes of Helm; who
    says how many, or with which limits, has their own.
    """
    own = Workspace.__dict__["workers"]
    assert isinstance(own, cached_property)
    with closing(Workers(2, Limits())) as kept, pytest.MonkeyPatch.context() as patch:

        def workers(workspace: Workspace) -> Workers:
            settled = workspace._processes is None and workspace._limits is None
            return kept if settled else own.__get__(workspace, Workspace)

        patch.setattr(Workspace, "workers", property(workers))
        yield

import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.desk"]

settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("helm") and not shutil.which("helm"):
        pytest.skip("there is no helm on PATH")


@pytest.fixture(autouse=True, scope="session")
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's own keys, settings and repositories reach a test."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        for name in ("FLEET", "DEPLOYMENTS", "HOME"):
            patch.delenv(f"DEPLOY_ORCHESTRATOR_{name}", raising=False)
        yield

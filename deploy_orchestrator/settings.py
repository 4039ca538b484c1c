"""Where things are: the two repositories, the state of this installation, and what stands in for chart
repositories.
"""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from `DEPLOY_ORCHESTRATOR_FLEET`, `…_DEPLOYMENTS` and `…_HOME`; without them, what `init` lays
    out.

    `fleet` and `deployments` are Git URLs or folders. `home` holds clones, caches and the sandbox, all of
    which can be rebuilt from the two repositories.
    """

    model_config = SettingsConfigDict(env_prefix="DEPLOY_ORCHESTRATOR_", frozen=True)

    fleet: str = ".local/fleet"
    deployments: str = ".local/deployments.git"
    home: Path = Path(".local/state")

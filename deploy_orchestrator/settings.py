"""Where things are: the two repositories, the state of this installation, and what makes releases live."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy_orchestrator.delivery import Contexts


class Settings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_`, such as
    `DEPLOY_ORCHESTRATOR_FLEET`. Without them, what `init` lays out.

    `fleet` and `deployments` are Git URLs or folders. `home` holds clones, caches and the sandbox; all but
    what is live in the sandbox can be made again from the two repositories. `engine` makes releases live:
    `sandbox`, a folder in place of a cluster, or `argocd`, in the cluster of `kubeconfig` and `context`
    (without them the user's own, or the one that this runs in). Where the fleet names several Argo CDs,
    `contexts` has the kubeconfig context of each by its name, as JSON: `{"europe": "admin@eu-1"}`.
    """

    model_config = SettingsConfigDict(env_prefix="DEPLOY_ORCHESTRATOR_", frozen=True)

    fleet: str = ".local/fleet"
    deployments: str = ".local/deployments.git"
    home: Path = Path(".local/state")
    engine: Literal["sandbox", "argocd"] = "sandbox"
    kubeconfig: Path | None = None
    context: str | None = None
    contexts: dict[str, str] = Field(default_factory=dict[str, str])

    @property
    def contexts_of_argocd(self) -> Contexts:
        """How each Argo CD of the fleet is reached."""
        return Contexts(self.kubeconfig, self.context, self.contexts)


class WebhookSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_WEBHOOK_`.

    `secret` is what the Git forge signs its webhooks with; `secret_file` names a file that holds it, with or
    without an end of line.
    """

    model_config = SettingsConfigDict(env_prefix="DEPLOY_ORCHESTRATOR_WEBHOOK_", frozen=True)

    secret: SecretStr | None = None
    secret_file: Path | None = None

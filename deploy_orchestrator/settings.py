"""Where things are: the two repositories, the state of this installation, and what makes releases live."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.notifications import Kind

if TYPE_CHECKING:
    from deploy_orchestrator.delivery import Contexts
    from deploy_orchestrator.git import Seal


MAX_SECRET = 64 * 1024
"""As many bytes may a file with a secret have."""


class SecretUnreadable(OrchestratorError):
    """A file that should hold a secret cannot be read, or holds none."""


def secret_in(file: Path) -> bytes:
    """What stands in a file.

    Raises:
        SecretUnreadable: it cannot be read, or has more than `MAX_SECRET` bytes.
    """
    try:
        with file.open("rb") as opened:
            found = opened.read(MAX_SECRET + 1)
    except OSError as error:
        raise SecretUnreadable(
            f"it cannot be read: {error.strerror or error}",
            place=Place(str(file)),
            fix="give this user the right to read it, or name another file",
        ) from error
    if len(found) > MAX_SECRET:
        raise SecretUnreadable(f"it has more than {MAX_SECRET:,} bytes", place=Place(str(file)))
    return found


def secret_of(given: SecretStr | None, file: Path | None) -> str | None:
    """The secret that is `given`, or else stands in the file, without the end of its last line; None where
    there is neither.

    Raises:
        SecretUnreadable: as `secret_in`; also where it is not UTF-8.
    """
    if given or file is None:
        return given.get_secret_value() if given else None
    try:
        return secret_in(file).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnreadable("it is not UTF-8", place=Place(str(file))) from None


class Settings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_`, such as
    `DEPLOY_ORCHESTRATOR_FLEET`. Without them, what `init` lays out.

    `fleet` and `deployments` are Git URLs or folders. `home` holds clones, caches and the sandbox; all but
    what is live in the sandbox can be made again from the two repositories. `engine` makes releases live:
    `sandbox`, a folder in place of a cluster, or `argocd`, in the cluster of `kubeconfig` and `context`
    (without them the user's own, or the one that this runs in). Where the fleet names several Argo CDs,
    `contexts` has the kubeconfig context of each by its name, as JSON: `{"europe": "admin@eu-1"}`.
    `kubeconfig_commands` lets a kubeconfig name a program to run, as those of cloud providers do.

    What is committed to the deployments repository is signed with `signing_key`, a private SSH key, or the
    one in `signing_key_file`. `signing_public_keys_file` holds the public keys of others that count too, one
    a line: those that signed before. Without any nothing is signed, and whoever may push there is trusted.
    """

    model_config = SettingsConfigDict(env_prefix="DEPLOY_ORCHESTRATOR_", frozen=True, defer_build=True)

    fleet: str = Field(default=".local/fleet", repr=False)
    deployments: str = Field(default=".local/deployments.git", repr=False)
    home: Path = Path(".local/state")
    engine: Literal["sandbox", "argocd"] = "sandbox"
    kubeconfig: Path | None = None
    context: str | None = None
    contexts: dict[str, str] = Field(default_factory=dict[str, str])
    kubeconfig_commands: bool = False
    signing_key: SecretStr | None = None
    signing_key_file: Path | None = None
    signing_public_keys_file: Path | None = None

    @property
    def contexts_of_argocd(self) -> "Contexts":
        """How each Argo CD of the fleet is reached."""
        from deploy_orchestrator.delivery import Contexts

        return Contexts(self.kubeconfig, self.context, self.contexts, self.kubeconfig_commands)

    def seal(self, branch: str) -> "Seal | None":
        """How commits to a `branch` are signed, and known again; None where they are not.

        Raises:
            SecretUnreadable: a file cannot be read, or it or the variable holds no key.
            SigningFailed: a key is none.
        """
        from deploy_orchestrator.git import Seal

        key = secret_of(self.signing_key, self.signing_key_file)
        known = secret_of(None, self.signing_public_keys_file)
        if key and key.strip():
            return Seal.of(branch, key=key, public_keys=known or "")
        if named := self._key_named or (not known and self.signing_public_keys_file):
            raise SecretUnreadable(
                "it holds no key, so that whoever may push to the deployments repository would be trusted",
                place=Place(str(named)),
                fix="put the key there, or name none",
            )
        return Seal.of(branch, key=None, public_keys=known) if known else None

    @property
    def _key_named(self) -> str:
        """Where the key should be; empty where nothing says that there is one."""
        if self.signing_key_file:
            return str(self.signing_key_file)
        return "" if self.signing_key is None else "DEPLOY_ORCHESTRATOR_SIGNING_KEY"


class WebhookSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_WEBHOOK_`.

    `secret` is what the Git forge signs its webhooks with; `secret_file` names a file that holds it, with or
    without an end of line.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_WEBHOOK_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    secret: SecretStr | None = None
    secret_file: Path | None = None


class SignInSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_SIGN_IN_`.

    `file` says which OpenID providers are believed, and who may do what; without it nobody signs in.
    `secrets` are those of this client at each provider, as JSON by its name in the file: `{"acme": "…"}`;
    `secrets_folder` has a file for each, by the same name. `key_file` holds what cookies are signed with, 32
    bytes or more: the same for all servers behind one name. Without it one is made in the `home`.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_SIGN_IN_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    file: Path | None = None
    secrets: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    secrets_folder: Path | None = None
    key_file: Path | None = None


class MetricsSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_METRICS_`.

    `token` is what Prometheus shows to read the metrics; `token_file` names a file that holds it, with or
    without an end of line.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_METRICS_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    token: SecretStr | None = None
    token_file: Path | None = None


class LogSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_LOG_`.

    `format` is that of what servers and runs log: `text` for people, or `json`, a line each.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_LOG_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    format: Literal["text", "json"] = "text"


class ForgeSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_FORGE_`.

    `kind` is that of the forge that has the fleet repository; of github.com, gitlab.com and codeberg.org it
    is known. `api` is the URL of its API where that is not at the usual place, `project` what it is called
    there, as `acme/fleet`, where Git's own URL does not lead to it. `token`, or the file `token_file` that
    holds it, may open pull requests there.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_FORGE_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    kind: Literal["github", "gitlab", "gitea"] | None = None
    api: str | None = None
    project: str | None = None
    token: SecretStr | None = None
    token_file: Path | None = None

    def secret(self) -> str | None:
        """The token. Raises SecretUnreadable."""
        return secret_of(self.token, self.token_file)


class ReviewSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_REVIEWS_`.

    `token`, or the file `token_file` that holds it, may open pull requests and read reviews on the forge of
    the deployments repository that fleet.yaml names. `account` is whose it is, where the forge does not tell.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_REVIEWS_", env_ignore_empty=True, frozen=True
    )

    token: SecretStr | None = None
    token_file: Path | None = None
    account: str | None = None

    def secret(self) -> str | None:
        """The token. Raises SecretUnreadable."""
        return secret_of(self.token, self.token_file)


class NotificationSettings(BaseSettings):
    """Read from environment variables that begin with `DEPLOY_ORCHESTRATOR_NOTIFY_`.

    `urls` are those of [apprise](https://github.com/caronc/apprise), one a line; `urls_file` names a file
    that holds them. `events` are the kinds that are told: all, where nothing else is said.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_ORCHESTRATOR_NOTIFY_", env_ignore_empty=True, frozen=True, defer_build=True
    )

    urls: SecretStr = SecretStr("")
    urls_file: Path | None = None
    events: Annotated[tuple[Kind, ...], NoDecode] = tuple(Kind)

    @field_validator("events", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(re.split(r"[,\s]+", value.strip())) if isinstance(value, str) else value

    def listed(self) -> str:
        """Every URL, one a line: a secret. Raises SecretUnreadable."""
        return f"{self.urls.get_secret_value()}\n{secret_of(None, self.urls_file) or ''}"

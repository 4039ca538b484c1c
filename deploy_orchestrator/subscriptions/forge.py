"""The forge that has the fleet repository, as the settings say."""

import pydantic

from deploy_orchestrator.forges import Forge, NoForge, forge_of
from deploy_orchestrator.git import Repository
from deploy_orchestrator.settings import ForgeSettings


def forge_at(repository: Repository) -> Forge:
    """The forge that `repository` is on.

    Raises:
        NoForge: as `forge_of`; also where the settings are wrong.
        SecretUnreadable: the file with the token cannot be read.
    """
    return _forge(repository, _settings())


def forge_if_any(repository: Repository) -> Forge | None:
    """As `forge_at`; None where no setting speaks of a forge."""
    settings = _settings()
    return _forge(repository, settings) if settings != ForgeSettings.model_construct() else None


def _forge(repository: Repository, settings: ForgeSettings) -> Forge:
    return forge_of(
        repository.url,
        kind=settings.kind,
        api=settings.api,
        token=settings.secret(),
        project=settings.project,
    )


def _settings() -> ForgeSettings:
    try:
        return ForgeSettings()
    except pydantic.ValidationError as error:
        why = error.errors()[0]["msg"]
        raise NoForge(f"DEPLOY_ORCHESTRATOR_FORGE_… cannot be read: {why}") from error

"""The installation that a command works on, and the names that people use in it."""

from contextlib import closing
from pathlib import Path

import pydantic
import typer

from deploy_orchestrator.cli.output import progress
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.fleet import Fleet, FleetError, load
from deploy_orchestrator.git import History, Repository
from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings


class NotSetUp(OrchestratorError):
    """There is no installation here, or its description is wrong."""


def opened(context: typer.Context) -> Orchestrator:
    """The installation that the environment variables describe, closed when the command ends.

    Raises:
        NotSetUp: nothing is described and `init` was not run here, or a variable has no such value.
        GitError: a repository cannot be reached.
    """
    settings = described()
    for name in ("fleet", "deployments"):
        if is_missing(settings, name):
            raise NotSetUp(
                f"there is no {name} repository at {Path(getattr(settings, name)).absolute()}",
                fix="run `deploy-orchestrator init` here, go to where it was run, "
                f"or set DEPLOY_ORCHESTRATOR_{name.upper()}",
            )
    with progress("fetching"):
        return context.with_resource(Orchestrator.open(settings))


def workspace(context: typer.Context) -> Workspace:
    """Where this installation renders and keeps what it rendered, closed when the command ends."""
    return context.with_resource(closing(Workspace(described().home / "cache")))


def fleet_history() -> History:
    """The fleet repository alone: that of the installation, or the checkout around the current folder.

    Raises:
        NotSetUp: there is neither.
        GitError: it cannot be reached, or read.
    """
    settings = described()
    if not is_missing(settings, "fleet"):
        with progress("fetching"):
            return Repository.clone(settings.fleet, settings.home / "clones" / "fleet")
    checkout = History.around(Path.cwd())
    if checkout is None:
        raise NotSetUp(
            f"there is no fleet repository at {Path(settings.fleet).absolute()}, nor around this folder",
            fix="go to a checkout of it, or set DEPLOY_ORCHESTRATOR_FLEET",
        )
    return checkout


def fleet_alone() -> Fleet | None:
    """The newest fleet where the rest of the installation is out of reach; None where it is too."""
    try:
        return load(fleet_history().at("main"))
    except OrchestratorError:
        return None


def described() -> Settings:
    """What the environment variables say of the installation. Raises NotSetUp for a value that cannot be."""
    try:
        return Settings()
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise NotSetUp(
            first["msg"], place=Place(f"DEPLOY_ORCHESTRATOR_{str(first['loc'][0]).upper()}")
        ) from error


def is_missing(settings: Settings, repository: str) -> bool:
    """Whether nobody named the `fleet` or the `deployments`, and they are not where `init` makes them."""
    where = getattr(settings, repository)
    return where == Settings.model_fields[repository].default and not Path(where).exists()


def require_known(fleet: Fleet, environment: str | None, tenant: str | None) -> None:
    """Raises FleetError for an environment, a tenant, or a pair of them that the fleet does not have."""
    if environment is not None and tenant is not None:
        fleet.deployment(environment, tenant)
    elif environment is not None:
        fleet.environment(environment)
    elif tenant is not None and tenant not in (known := {*fleet.tenants, *fleet.broken}):
        raise FleetError(
            f"there is no tenant {tenant!r}", place=Place("tenants"), fix=instead_of(tenant, known)
        )

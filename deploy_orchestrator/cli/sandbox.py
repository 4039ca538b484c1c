"""`sandbox`: make what is live unhealthy or a hook fail, and all well again, where there is no cluster."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Tenant
from deploy_orchestrator.cli.output import coloured, say, show_json
from deploy_orchestrator.delivery import DeliveryError, Sandbox, Status
from deploy_orchestrator.pipeline import Orchestrator

sandbox = typer.Typer(help="Act on the sandbox, which stands in for a cluster.", no_args_is_help=True)


@sandbox.command()
def degrade(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Annotated[
        str, typer.Option("--reason", "-m", help="The message that its status shows.")
    ] = "told to be unhealthy",
    output: Output = Format.TEXT,
) -> None:
    """Make what is live unhealthy, as a bad release would be."""
    engine = _engine(opened(context), environment, tenant)
    engine.degrade(environment, tenant, reason)
    _show(engine.status(environment, tenant), output)


@sandbox.command()
def fail(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    hook: Annotated[str, typer.Argument(metavar="HOOK", help="The name of the hook's Pod or Job.")],
    message: Annotated[
        str, typer.Option("--message", "-m", help="What it prints before it fails.")
    ] = "told to fail",
    output: Output = Format.TEXT,
) -> None:
    """Make a hook, as a test, fail from the next release on, as it would in a bad one.

    It passes in what is live now, so that a release that fails can be rolled back. `recover` ends it.
    """
    engine = _engine(opened(context), environment, tenant)
    engine.fail(environment, tenant, hook, message)
    _show(engine.status(environment, tenant), output)


@sandbox.command()
def recover(
    context: typer.Context, environment: Environment, tenant: Tenant, output: Output = Format.TEXT
) -> None:
    """Make it healthy again, and let all hooks pass."""
    engine = _engine(opened(context), environment, tenant)
    engine.recover(environment, tenant)
    _show(engine.status(environment, tenant), output)


def _engine(orchestrator: Orchestrator, environment: str, tenant: str) -> Sandbox:
    engine = orchestrator.engine
    if not isinstance(engine, Sandbox):
        raise DeliveryError(f"what is live is in {engine.name}, not in a sandbox")
    if orchestrator.deployments.release(environment, tenant) is None:
        require_known(orchestrator.fleet(), environment, tenant)
    return engine


def _show(status: Status, output: Format) -> None:
    if output is Format.JSON:
        show_json(status)
    else:
        message = f", {status.message}" if status.message else ""
        say(f"{status.environment}/{status.tenant}: ", coloured(status.health), message)

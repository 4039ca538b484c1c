"""`tenant remove`: take away what a tenant has where the fleet no longer asks for it."""

import sys
from typing import Annotated

import typer

from deploy_orchestrator.cli.approvals import Undecidable, Yes
from deploy_orchestrator.cli.installation import opened
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, Output
from deploy_orchestrator.cli.output import plain, say, say_below, show_change, show_json
from deploy_orchestrator.cli.pending import standing
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.pipeline import Orchestrator, Preview
from deploy_orchestrator.releases import Plan, Release


class NotRemovable(OrchestratorError):
    """The fleet asks for the tenant, nobody knows it, or no policy says who approves its removal."""


def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tenant.", show_default=False)],
    environment: OnlyEnvironment = None,
    yes: Yes = False,
    output: Output = Format.TEXT,
) -> None:
    """Remove a tenant from the environments that the fleet has taken it out of.

    Shows every object that would be deleted, asks, and proposes it as a plan of no objects. That waits for
    approval as the environment's policy says (`approve`), and the orchestrator then deletes the objects and
    clears the files of the deployments repository. May be repeated at any time.
    """
    if not yes and (output is Format.JSON or not sys.stdin.isatty()):
        raise Undecidable("nobody can be asked whether to remove it", fix="add --yes")
    orchestrator = opened(context)
    plans: list[Plan] = []
    environments = _unasked(orchestrator, name, environment)
    for each in environments:
        released = orchestrator.deployments.release(each, name)
        if released is None:
            orchestrator.deployments.clear(each, name)
        elif not released.removal and (plan := _propose(orchestrator, each, name, yes, output)):
            plans.append(plan)
    gates = {plan.key: orchestrator.gates(plan) for plan in plans}
    if output is Format.JSON:
        show_json([{"plan": plan, "gates": gates[plan.key]} for plan in plans])
        return
    for plan in plans:
        say(f"{plan.key}: proposed, digest {plan.digest}")
        say_below(standing(gates[plan.key]))
    for each in environments:
        _tell_what_is_left(orchestrator, each, name)


def _unasked(orchestrator: Orchestrator, tenant: str, environment: str | None) -> list[str]:
    """The environments that have or had something of the tenant, where the fleet no longer asks for it."""
    fleet, releases = orchestrator.fleet(), orchestrator.deployments.releases()
    _check_policies(fleet, releases, tenant, environment)
    if environment is not None:
        fleet.environment(environment)
    names = [each.name for each in fleet.environments if environment in (None, each.name)]
    asked = [each for each in names if fleet.asks_for(each, tenant)]
    known = [each for each in names if each not in asked and orchestrator.deployments.history(each, tenant)]
    planned = [each for each in names if each not in asked and orchestrator.deployments.plan(each, tenant)]
    if asked and not known and not planned:
        raise NotRemovable(
            f"the fleet asks for {tenant} in {', '.join(asked)}",
            place=Place(f"tenants/{tenant}"),
            fix="remove that folder, or environments from its tenant.yaml, with a commit first",
        )
    if not known and not planned:
        tenants = {each.tenant for each in releases}
        raise NotRemovable(f"nothing was ever planned for {tenant!r}", fix=instead_of(tenant, tenants))
    return [each for each in names if each in known or each in planned]


def _check_policies(fleet: Fleet, releases: list[Release], tenant: str, environment: str | None) -> None:
    known = {each.name for each in fleet.environments}
    for release in releases:
        where = release.environment
        if release.tenant == tenant and where not in known and environment in (None, where):
            raise NotRemovable(
                f"{release.key} is released, and no policy says who approves its removal: the fleet has no "
                f"environment {where}",
                place=Place("fleet.yaml", field="environments"),
                fix=f"put {where} back with a commit, remove its tenants, and take it out after that",
            )


def _propose(
    orchestrator: Orchestrator, environment: str, tenant: str, yes: bool, output: Format
) -> Plan | None:
    preview = orchestrator.preview_removal(environment, tenant)
    if output is Format.TEXT:
        _show(preview)
    if not yes:
        typer.confirm(f"propose to delete all this of {preview.plan.key}?", abort=True, err=True)
    return orchestrator.plan_removal(environment, tenant)


def _show(preview: Preview) -> None:
    plan = preview.plan
    show_change(plan.key, plan, preview.difference, plan.source.authors)
    data = [reason.object for reason in plan.reasons if reason.object]
    if data:
        say(plain(f"DATA IS LOST in {len(data)} objects of {plan.key}:", "bold red"))
        say_below((plain("lost", "bold red"), each) for each in data)


def _tell_what_is_left(orchestrator: Orchestrator, environment: str, tenant: str) -> None:
    released = orchestrator.deployments.release(environment, tenant)
    if released is None:
        say(f"{environment}/{tenant}: nothing of it is left")
    elif released.removal:
        say(f"{environment}/{tenant}: its removal is under way")
    if command := orchestrator.engine.leftover(environment, tenant):
        say(f"  when nothing is left, the administrator of {orchestrator.engine.name} may type: {command}")

"""`values`: which file each value of a tenant comes from."""

import json
from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import fleet_history, require_known, workspace
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, Output, Tenant
from deploy_orchestrator.cli.output import plain, say, show_json, table
from deploy_orchestrator.fleet import load
from deploy_orchestrator.manifests import Origin, origins
from deploy_orchestrator.terms import names_a_secret

HIDDEN = "(hidden)"


def values(
    context: typer.Context,
    tenant: Tenant,
    environment: OnlyEnvironment = None,
    revision: Annotated[str, typer.Option(help="The commit, branch or tag of the fleet.")] = "main",
    output: Output = Format.TEXT,
) -> None:
    """Show every value that a tenant's charts get, with the file it comes from.

    A chart's own values.yaml comes first, and what a later file says wins. What goes by the name of a
    secret is hidden.
    """
    history = fleet_history()
    fleet = load(history.at(revision))
    require_known(fleet, environment, tenant)
    if tenant in fleet.broken:
        raise fleet.broken[tenant]
    space = workspace(context)
    found = {
        name: origins(fleet.deployment(name, tenant), fleet, space)
        for name in ([environment] if environment else fleet.tenants[tenant].environments)
    }
    if output is Format.JSON:
        show_json(
            [
                {
                    "environment": name,
                    "release": release,
                    "key": list(each.key),
                    "value": HIDDEN if _is_secret(each) else each.value,
                    "file": each.file,
                    "over": list(each.over),
                }
                for name, releases in found.items()
                for release, all_of_it in releases.items()
                for each in all_of_it
            ]
        )
        return
    several = fleet.tenants[tenant].releases is not None
    for name, release, all_of_it in (
        (name, *each) for name, all_of in found.items() for each in all_of.items()
    ):
        say(plain(f"{name}/{tenant}" + (f", release {release}" if several else ""), "bold"))
        table(
            "value",
            "from",
            last="in place of",
            rows=(
                (f"  {'.'.join(each.key)}: {_shown(each)}", each.file, ", ".join(each.over))
                for each in all_of_it
            ),
        )


def _is_secret(origin: Origin) -> bool:
    return any(map(names_a_secret, origin.key))


def _shown(origin: Origin) -> str:
    if _is_secret(origin):
        return HIDDEN
    text = json.dumps(origin.value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"

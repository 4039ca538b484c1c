"""`tenant new`: another tenant for the fleet, ready to be committed."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.cli.options import Fleet, Format, Output
from deploy_orchestrator.cli.output import say, show_json
from deploy_orchestrator.cli.removal import remove
from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.fleet import new_tenant
from deploy_orchestrator.git import Repository, RevisionNotFound, checked_out

tenant = typer.Typer(help="Add tenants to the fleet, and remove what is left of them.", no_args_is_help=True)


class TenantExists(OrchestratorError):
    """There is something under that name already."""


class NotAWorkingCopy(OrchestratorError):
    """The folder is no Git working copy with a commit."""


@tenant.command()
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the new tenant.", show_default=False)
    ],
    fleet: Fleet = Path(".local/fleet"),
    output: Output = Format.TEXT,
) -> None:
    """Write the files of a new tenant.

    They are made from tenants/_template/ as it was last committed. Nothing is committed, and nothing that is
    there is overwritten.
    """
    head = _head(fleet)
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        clone = Repository.clone(str(fleet.absolute()), Path(folder, "clone"))
        files = new_tenant(name, clone.at(head))
    _write(fleet, name, files)
    written = sorted(str(fleet / path) for path in files)
    if output is Format.JSON:
        show_json({"tenant": name, "files": written})
        return
    for path in written:
        say(f"wrote {path}")
    say("\nMake them fit, and let the fleet know:")
    say(f"git -C {fleet} add tenants/{name}")
    say(f'git -C {fleet} commit -m "Add the tenant {name}"')


def _head(fleet: Path) -> str:
    try:
        return checked_out(fleet)
    except RevisionNotFound as error:
        raise NotAWorkingCopy(
            error.what, fix="name yours with --fleet, or make one: deploy-orchestrator init"
        ) from error


def _write(fleet: Path, name: str, files: dict[str, bytes]) -> None:
    target = fleet / "tenants" / name
    if target.exists():
        raise TenantExists("it is there already", place=Place(str(target)), fix="choose another name")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as folder:
        made = Path(folder, name)
        for path, data in files.items():
            file = made / Path(path).relative_to("tenants", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        made.rename(target)


tenant.command()(remove)

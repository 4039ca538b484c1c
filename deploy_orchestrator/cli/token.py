"""`token`: the tokens by which machines ask the board."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from deploy_orchestrator.cli.chart_options import BadOption
from deploy_orchestrator.cli.installation import opened
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import note, plain, say, show_json, table
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import MachineToken
from deploy_orchestrator.identity import new_token, token_hash
from deploy_orchestrator.terms import is_label

token = typer.Typer(help="Make tokens by which machines ask the board, and list them.", no_args_is_help=True)


class May(StrEnum):
    """What a machine may do."""

    SEE = "see"
    OPERATE = "operate"


@token.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call the machine.")],
    may: Annotated[May, typer.Option(help="What it may do. Nothing lets it decide.")] = May.SEE,
    days: Annotated[int, typer.Option(min=1, max=366, help="After how many days it is over.")] = 90,
    output: Output = Format.TEXT,
) -> None:
    """Make a token for a machine, and print it, this once.

    Nothing keeps it: fleet.yaml lists its hash, in the lines that are printed on standard error. It counts
    when that was approved as a change of the rules, and no more as soon as the lines are taken out.
    """
    if not is_label(name):
        raise BadOption(
            f"{name!r} is no name", place=Place("NAME"), fix="use lower-case letters, digits and dashes"
        )
    made = new_token()
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    listed = MachineToken(name=name, hash=token_hash(made), may=may.value, expires=expires)
    if output is Format.JSON:
        show_json({"token": made, **listed.model_dump(mode="json")})
        return
    say(made)
    note(
        "it is shown this once. List it in fleet.yaml, and have that approved:\n\n"
        f"tokens:\n  - name: {listed.name}\n    hash: {listed.hash}\n    may: {listed.may}\n"
        f"    expires: {listed.expires.isoformat()}\n"
    )


@token.command("list")
def list_(context: typer.Context, output: Output = Format.TEXT) -> None:
    """List the machines of fleet.yaml, what they may do, until when, and whether that counts.

    The exit code is 1 when one does not count, because nobody has approved it yet, or because it is over.
    """
    orchestrator = opened(context)
    counting, now = orchestrator.machines(), datetime.now(UTC)
    told = [(each, _standing(each, counting, now)) for each in orchestrator.fleet().tokens]
    if output is Format.JSON:
        show_json([{**each.model_dump(mode="json"), "standing": standing} for each, standing in told])
    elif not told:
        say("fleet.yaml lists none.")
    else:
        rows = [(plain(each.name), each.may, f"{each.expires:%Y-%m-%d %H:%M}", how) for each, how in told]
        table("machine", "may", "until (UTC)", last="now", rows=rows)
    if any(standing != "counts" for _, standing in told):
        raise typer.Exit(1)


def _standing(each: MachineToken, counting: tuple[MachineToken, ...], now: datetime) -> str:
    if each.expires <= now:
        return "is over: take it out of fleet.yaml"
    return "counts" if each in counting else "waits for approval: see `deploy-orchestrator pending`"

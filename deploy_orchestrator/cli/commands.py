"""Every command by its name; what it needs is imported when it is called."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class CommandEntry(NamedTuple):
    """A command in a `module` of this room, and the `summary` that `--help` lists it with."""

    module: str
    summary: str


COMMANDS: Mapping[str, CommandEntry] = MappingProxyType(
    {
        "init": CommandEntry("init", "Lay out an example fleet to try everything on."),
        "analyze": CommandEntry(
            "analyze",
            "Show what charts are built on, where versions clash, what harm that does, and the way out.",
        ),
        "outdated": CommandEntry("outdated", "List what each dependency has now, and how far it can go up."),
        "upgrade": CommandEntry(
            "upgrade",
            "Take another version of a dependency in every chart that needs it, where that does no harm.",
        ),
        "subscriptions": CommandEntry(
            "subscriptions",
            "Look for newer versions of the charts and images that the fleet follows, and propose them.",
        ),
        "impact": CommandEntry(
            "impact",
            "Show what an upgrade changes: charts, conflicts, defaults, "
            "and each deployment with its verdict.",
        ),
        "mirror": CommandEntry(
            "mirror", "Copy charts, or the images that the fleet runs, to a registry of your own."
        ),
        "plan": CommandEntry("plan", "Show what a fleet commit would change, with verdict and reasons."),
        "values": CommandEntry(
            "values", "Show every value that a tenant's charts get, with the file it comes from."
        ),
        "adopt": CommandEntry(
            "adopt",
            "Write a fleet that gives what somebody else delivers now, and prove it release by release.",
        ),
        "hand-over": CommandEntry(
            "hand_over",
            "Let go of an Application whose objects a pending plan would take over, without touching them.",
        ),
        "pending": CommandEntry("pending", "List what waits to be released, and what each waits for."),
        "approve": CommandEntry(
            "approvals", "Approve exactly the bytes that are pending, or with --rules exactly the rules."
        ),
        "reject": CommandEntry("approvals", "Reject the bytes that are pending, or with --rules the rules."),
        "break-glass": CommandEntry(
            "approvals", "In an emergency, let exactly the bytes that are pending past what they wait for."
        ),
        "pause": CommandEntry(
            "pausing", "Stop the line: release nothing more in an environment, or for a tenant there."
        ),
        "resume": CommandEntry("pausing", "Start the line again, whoever has stopped it."),
        "images": CommandEntry(
            "images", "Show every image of the fleet as its registry has it, and what is wrong with it."
        ),
        "status": CommandEntry(
            "status", "Show what is live where, what broke, what waits for a person, and what is paused."
        ),
        "audit": CommandEntry(
            "audit", "Hold every commit of the deployments repository against what it had to be."
        ),
        "isolation": CommandEntry(
            "isolation",
            "Show of each release what keeps it apart from other tenants, and what it is let off.",
        ),
        "history": CommandEntry("live", "List every release and revert of a tenant, newest first."),
        "dora": CommandEntry(
            "dora", "Tell how often and how fast changes go out, and how many of them fail."
        ),
        "rollback": CommandEntry("rollback", "Go back to the release before, and wait until it is live."),
        "sync": CommandEntry("live", "Make what is released live, and wait until it is."),
        "serve": CommandEntry(
            "serve", "Serve the board: what needs somebody, how everything stands, and why."
        ),
        "webhooks": CommandEntry("webhooks", "Receive push webhooks and start runs at once."),
        "lock": CommandEntry("lock", "Check and update the locks of charts."),
        "tenant": CommandEntry("tenant", "Add tenants to the fleet, and remove what is left of them."),
        "token": CommandEntry("token", "Make tokens by which machines ask the board, and list them."),
        "argocd": CommandEntry("argocd", "Set up Argo CD for the fleet."),
        "sandbox": CommandEntry("sandbox", "Act on the sandbox, which stands in for a cluster."),
    }
)


class Commands(TyperGroup):
    """The group of all `COMMANDS`; listing them imports none."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Imported()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        listed = {name: TyperCommand(name, help=each.summary) for name, each in COMMANDS.items()}
        TyperGroup(name=self.name, commands=dict(listed)).format_commands(ctx, formatter)


class _Imported(MutableMapping[str, Any]):
    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, COMMANDS[name].module)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _made(name: str, module: str) -> Any:
    found = getattr(import_module(f"deploy_orchestrator.cli.{module}"), name.replace("-", "_"))
    if isinstance(found, typer.Typer):
        group = typer.Typer(rich_markup_mode=None, add_completion=False)
        group.add_typer(found, name=name)
        return typer.main.get_group(group).commands[name]
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)

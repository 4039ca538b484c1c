"""`subscriptions`: newer versions of what the fleet follows, and proposing them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import opened
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import plain, progress, say, say_below, show_json, show_page, tell
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.fleet import FLEET_FILE, FleetError, Subscription
from deploy_orchestrator.outcomes import attempt, failures, values
from deploy_orchestrator.subscriptions import Offer, Offered, forge_if_any

_SAID = {
    Offered.CURRENT: "nothing newer is published",
    Offered.NONE_SAFE: "no newer version is safe for all tenants",
    Offered.FOUND: "{version} is the highest that is safe for all tenants",
    Offered.PROPOSED: "{version} is proposed now",
    Offered.WAITS: "{version} was proposed, and waits",
    Offered.DECLINED: "{version} was proposed, and closed by people",
}
_COLOURS = {Offered.FOUND: "yellow", Offered.PROPOSED: "green", Offered.NONE_SAFE: "red"}


def subscriptions(
    context: typer.Context,
    name: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Subscriptions; by default all.")
    ] = None,
    propose: Annotated[
        bool,
        typer.Option("--propose", help="Propose it: a branch, and a pull request where there is a forge."),
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Show what is told of it: what it does to every tenant.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Look for newer versions of the charts and images that the fleet follows, and propose them.

    Of the newest versions that a subscription in fleet.yaml allows, the highest is told with which charts do
    no harm to each other, every tenant renders, and none is blocked. With --propose it becomes a commit on a
    branch, and a pull request where the settings name a forge; what was proposed before is proposed no second
    time, and what is superseded is closed.

    The exit code is 1 when there is something that is not proposed yet, or no newer version is safe, and 2
    when something cannot be looked up; the others are told all the same.
    """
    orchestrator = opened(context)
    asked = list(_asked(orchestrator.fleet().subscriptions, name))
    found = list[tuple[str, Offer | OrchestratorError]]()
    offer = orchestrator.offering(forge_if_any(orchestrator.fleet_repository), propose=propose)
    for each in asked:
        with progress(f"looking for {each.name}"):
            found.append((each.name, attempt(offer, each)))
    offers, failed = values(outcome for _, outcome in found), failures(found)
    if output is Format.JSON:
        show_json(list(map(asdict, offers)))
    else:
        for each in offers:
            _show(each, with_text=text)
    for key, error in failed:
        tell(error, about=key)
    if failed:
        raise typer.Exit(2)
    if any(each.state in (Offered.FOUND, Offered.NONE_SAFE) for each in offers):
        raise typer.Exit(1)


def _asked(known: tuple[Subscription, ...], names: list[str] | None) -> Iterator[Subscription]:
    place, by_name = Place(FLEET_FILE, field="subscriptions"), {each.name: each for each in known}
    if not known:
        raise FleetError("the fleet follows nothing", place=place, fix="name a chart or an image there")
    for name in names or by_name:
        if name not in by_name:
            raise FleetError(f"there is no subscription {name!r}", place=place, fix=instead_of(name, by_name))
        yield by_name[name]


def _show(each: Offer, *, with_text: bool) -> None:
    said = _SAID[each.state].format(version=each.version)
    say(plain(f"{each.subscription} ", "bold"), plain(said, _COLOURS.get(each.state, "")))
    told = [("branch", each.branch), ("title", each.title), ("pull request", each.url)]
    say_below((what, how) for what, how in told if how)
    say_below((version, f"is not safe: {why}") for version, why in each.unsafe)
    say_below(("superseded", version) for version in each.superseded)
    if with_text and each.text:
        show_page(each.text)

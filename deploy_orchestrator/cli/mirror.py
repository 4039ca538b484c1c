"""`mirror charts`, `mirror images`: copies in a registry of your own."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.charts import (
    Chart,
    Closure,
    Copy,
    CopyState,
    MirrorTarget,
    Node,
    locate,
    packaged,
    resolve,
)
from deploy_orchestrator.charts import mirror as mirror_charts
from deploy_orchestrator.cli.chart_options import AsOf, Charts, Repository, around, repositories_at
from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import note, plain, progress, say, show_json, table, tell
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.images import MirroredImage, size

COLOURS: dict[str, str] = {
    CopyState.COPIED: "green",
    CopyState.CARRIED: "yellow",
    CopyState.FAILED: "bold red",
}


mirror = typer.Typer(
    help="Copy charts, or the images that the fleet runs, to a registry of your own.", no_args_is_help=True
)


@mirror.command("charts")
def mirror_all_charts(
    charts: Charts,
    to: Annotated[
        str, typer.Option(metavar="oci://HOST/PATH", help="Where to; {repository} is where each is from.")
    ],
    repository: Repository = None,
    as_of: AsOf = None,
    output: Output = Format.TEXT,
) -> None:
    """Copy charts with everything that they need to an OCI registry, to the byte.

    A chart in a folder is packaged with its dependencies. What is there already is skipped, so a copy that
    was broken off can be run again. Your own logins of Helm or Docker are used. The exit code is 2 when
    something could not be found or copied; the rest is copied all the same.
    """
    repositories, destination = repositories_at(repository, charts), MirrorTarget(to)
    packages: dict[Node, Callable[[], bytes]] = {}
    closures: list[Closure] = []
    with progress("looking up dependencies"):
        for chart in charts:
            root = locate(chart, repositories)
            closures.append(resolve(root, repositories, as_of=as_of, within=around(root), assembled=True))
            if isinstance(root, Chart):
                packages[closures[-1].roots[0]] = partial(
                    packaged, Path(chart).expanduser(), repositories, within=around(root)
                )
    closure = Closure.united(closures)
    copies: list[Copy] = []
    with progress("copying", len(closure.graph)) as advance:
        for copy in mirror_charts(closure, repositories, destination, packages):
            copies.append(copy)
            advance()
    if output is Format.JSON:
        show_json(
            {
                "copies": [
                    {
                        "name": copy.chart.name,
                        "version": copy.chart.version,
                        "repository": copy.chart.repository,
                        "to": copy.to,
                        "state": copy.state,
                        "why": copy.failure.what if copy.failure else None,
                    }
                    for copy in copies
                ],
                "unresolved": closure.as_json()["unresolved"],
            }
        )
    else:
        rows = ((str(each.chart), plain(each.state, COLOURS.get(each.state, "")), each.to) for each in copies)
        table("chart", "state", last="to", rows=rows)
        for missing in closure.unresolved:
            say(plain("not found ", "yellow"), f"{missing.dependency.name}: {missing.why}")
    failed = [(str(copy.chart), copy.failure) for copy in copies if copy.failure]
    _tell_all(failed)
    if failed or closure.lost:
        raise typer.Exit(2)


@mirror.command("images")
def mirror_all_images(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="oci://HOST/PATH",
            help="Where to, each below its own registry; by default where imageMirrors of fleet.yaml says.",
        ),
    ] = None,
    platform: Annotated[
        list[str] | None, typer.Option(metavar="OS/ARCHITECTURE", help="Copy only these platforms.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let tags that lead to other images there lead to the copies.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Copy the images that the fleet asks for to where it reads them from, to the byte.

    All platforms are copied, with signatures, SBOMs and all else that refers to an image, and tags last. What
    is there already is skipped, and layers are taken over from other images there, so a copy that was broken
    off can be run again. Your own logins of Helm or Docker are used.

    The exit code is 2 when an image could not be copied or a deployment does not render; the rest is copied
    all the same.
    """
    orchestrator = opened(context)
    if environment or tenant:
        require_known(orchestrator.fleet(), environment, tenant)

    place = to.removeprefix("oci://").rstrip("/") if to else None

    def wanted(where: str, who: str) -> bool:
        return environment in (None, where) and tenant in (None, who)

    with progress("rendering"):
        found = orchestrator.to_mirror(wanted, place)
    copies: list[MirroredImage] = []
    with progress("copying", len(found.pairs)) as advance:
        for copy in orchestrator.mirror(found.pairs, place, tuple(platform or ()), replaces=replace):
            copies.append(copy)
            advance()
    if output is Format.JSON:
        show_json(
            {
                "copies": [
                    {
                        "image": str(each.source),
                        "to": str(each.to),
                        "state": each.state,
                        "digest": each.digest,
                        "sent": each.sent,
                        "why": each.failure.what if each.failure else None,
                    }
                    for each in copies
                ],
                "left": [str(each) for each in found.left],
            }
        )
    else:
        rows = (
            (
                plain(each.state, COLOURS.get(each.state, "")),
                size(each.sent.bytes),
                str(each.source),
                str(each.to),
            )
            for each in copies
        )
        table("state", "sent", "image", last="to", rows=rows)
        for left in found.left:
            note(f"{left} stays where it is: no imageMirrors of fleet.yaml is about it")
    failed = [*found.failures, *((str(each.source), each.failure) for each in copies if each.failure)]
    _tell_all(failed)
    if failed:
        raise typer.Exit(2)


def _tell_all(failed: Iterable[tuple[str, OrchestratorError]]) -> None:
    for about, error in failed:
        tell(error, about=about)

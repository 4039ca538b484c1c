"""`isolation`: which checks keep tenants apart, and who keeps them."""

from collections.abc import Sequence

import typer

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import coloured, plain, progress, say, show_json, table, tell
from deploy_orchestrator.manifests import ISOLATION_CHECKS
from deploy_orchestrator.outcomes import failures, values
from deploy_orchestrator.pipeline import Certificate, IsolationAudit


def isolation(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    output: Output = Format.TEXT,
) -> None:
    """Show of each release what keeps it apart from other tenants, and what it is let off.

    What is released is held against the checks of now that keep tenants apart: namespaces, Pod Security,
    rights, Argo CD's own objects, and network policies. An exception that ran out since, or a check that came
    later, shows here before the next change meets it. Nothing is asked of a cluster.

    The exit code is 1 when a release breaks a check and nobody lets it, and 2 when a release cannot be read
    or is of a tenant that is not in the fleet any more; the others are shown all the same.
    """
    orchestrator = opened(context)
    if environment or tenant:
        require_known(orchestrator.fleet(), environment, tenant)
    with progress("checking"):
        found = [*IsolationAudit(orchestrator).certificates(environment, tenant)]
    certificates = values(each for _, each in found)
    if output is Format.JSON:
        show_json({"checks": [each.id for each in ISOLATION_CHECKS], "releases": certificates})
    else:
        _show(certificates)
    unread = [(str(key), each) for key, each in failures(found)]
    wrong = orchestrator.deployments.unreadable()
    for key, error in unread:
        tell(error, about=key)
    for error in wrong:
        tell(error)
    if unread or wrong:
        raise typer.Exit(2)
    if any(each.is_broken for each in certificates):
        raise typer.Exit(1)


def _show(certificates: Sequence[Certificate]) -> None:
    if not certificates:
        say("Nothing is released.")
        return
    table(
        "deployment",
        "checks kept",
        "release",
        last="since (UTC)",
        rows=(
            (
                each.key,
                f"{each.kept} of {len(ISOLATION_CHECKS)}",
                each.release[:8],
                f"{each.since:%Y-%m-%d %H:%M:%S}",
            )
            for each in certificates
        ),
    )
    for each in certificates:
        for lapse in each.lapses:
            said = "broken" if lapse.let_by == "nobody" else f"let by {lapse.let_by}"
            about = f"{lapse.object}: " if lapse.object else ""
            say(coloured(said), plain(f"  {each.key}: {lapse.check}: {about}{lapse.message}"))
    broken = sum(each.is_broken for each in certificates)
    say(f"{len(certificates) - broken} of {len(certificates)} releases are kept apart.")

"""The clusters that `plan` asks, each in a context of the caller's own kubeconfig."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from deploy_orchestrator.cli.output import plain, say, say_below, show_lines
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Deployment, Fleet

if TYPE_CHECKING:
    from deploy_orchestrator.delivery import ClusterClient, Inspection
    from deploy_orchestrator.manifests import Manifests, ObjectKey

LIMIT = timedelta(minutes=2)
"""How long one cluster is asked for everything."""

Asked = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="[CLUSTER=]CONTEXT",
        help="Ask the cluster in this context of your kubeconfig, too: what was changed there by hand, and "
        "what it would refuse. Again for each cluster.",
    ),
]


class WhichCluster(OrchestratorError):
    """A context is given, and not whose."""


class Clusters:
    """Those that were asked for; each is connected to when it is first needed."""

    def __init__(self, asked: Sequence[str], fleet: Fleet, wanted: Iterable[Deployment]) -> None:
        self._contexts = _contexts(asked, fleet, wanted)
        self._connected: dict[str, ClusterClient] = {}

    def inspect(
        self,
        deployment: Deployment,
        released: "Manifests | None",
        candidate: "Manifests",
        had: "Collection[ObjectKey]" = (),
    ) -> "Inspection | None":
        """What the cluster of a deployment says of a candidate; None where it was not asked for. `had` is
        what the deployment has of its own beside what is released.

        Raises:
            NoCluster: the kubeconfig does not have the context.
        """
        from deploy_orchestrator.delivery import ClusterClient, inspect, lacking

        name = deployment.environment.cluster
        if name not in self._contexts:
            return None
        if name not in self._connected:
            self._connected[name] = ClusterClient(
                None, self._contexts[name], LIMIT, "deploy-orchestrator-plan", commands=True
            )
        connected = self._connected[name]
        found = inspect(connected, deployment.namespace, released, candidate, had)
        existing = deployment.namespaces[0 if deployment.placing.existing else 1 :]
        lacks = [reason for each in existing for reason in lacking(connected, each)]
        return replace(found, lacking=tuple(lacks))


def show_inspection(cluster: str, found: "Inspection") -> None:
    """What a cluster says beside the reasons that it adds to the plan."""
    say(plain(f"cluster {cluster}", "bold"), f"  {found.tried} objects would be taken")
    say_below(("waits", each) for each in found.awaited)
    if found.drift:
        say("  what is live is not what was released (- released, + live):")
        show_lines(found.drift)
    if found.taken_over:
        say("  what is there already and was never released here (- live, + with the release):")
        show_lines(found.taken_over)


def _contexts(asked: Sequence[str], fleet: Fleet, wanted: Iterable[Deployment]) -> dict[str, str]:
    used = sorted({each.environment.cluster for each in wanted})
    known = {each.name for each in fleet.clusters}
    found: dict[str, str] = {}
    for each in asked:
        name, _, context = each.partition("=")
        if context and name in known:
            found[name] = context
        elif len(used) == 1:
            found[used[0]] = each
        else:
            raise WhichCluster(
                f"{each!r} does not tell which cluster it is the context of",
                fix=f"write --cluster CLUSTER={each}, with one of: {', '.join(used)}",
            )
    return found

"""Which Argo CD serves which environment, and how each is reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy_orchestrator.delivery.argocd.engine import ArgoCD
from deploy_orchestrator.delivery.errors import DeliveryError
from deploy_orchestrator.fleet import ArgoCDInstance, Fleet
from deploy_orchestrator.git import Repository


class SameArgoCD(DeliveryError):
    """Two instances of the fleet would be one and the same."""

    def __init__(self, one: ArgoCDInstance, other: ArgoCDInstance) -> None:
        super().__init__(
            f"Argo CD {one.name} and {other.name} would both be in namespace {one.namespace} of one cluster",
            fix="name the kubeconfig context of each in DEPLOY_ORCHESTRATOR_CONTEXTS",
        )


@dataclass(frozen=True, slots=True)
class Contexts:
    """The kubeconfig contexts of Argo CD's clusters.

    `kubeconfig`: None for the user's own file, or the cluster that this runs in. `named` has the context of
    each Argo CD by its name; `default` is that of the others (None: the current one). With `commands` the
    file may name programs to run.
    """

    kubeconfig: Path | None = None
    default: str | None = None
    named: Mapping[str, str] = field(default_factory=dict[str, str])
    commands: bool = False

    def of(self, instance: ArgoCDInstance, fleet: Fleet) -> str | None:
        """The context of one Argo CD of the fleet.

        Raises:
            SameArgoCD: another one would be the same.
        """
        context = self.named.get(instance.name, self.default)
        for other in fleet.argocd:
            same = (self.named.get(other.name, self.default), other.namespace) == (
                context,
                instance.namespace,
            )
            if same and other != instance:
                raise SameArgoCD(instance, other)
        return context


class Instances:
    """The Argo CD of each environment, as the fleet says; each is connected to when it is first asked for.

    Args:
        fleet: reads the fleet.
        deployments: the deployments repository.
    """

    def __init__(self, fleet: Callable[[], Fleet], deployments: Repository, contexts: Contexts) -> None:
        self._fleet = fleet
        self._deployments = deployments
        self._contexts = contexts
        self._connected: dict[ArgoCDInstance, ArgoCD] = {}

    def __call__(self, environment: str) -> ArgoCD:
        """The Argo CD that deploys to `environment`.

        Raises:
            FleetError: the fleet has no such environment, or is broken.
            SameArgoCD: as `Contexts.of`.
            NoCluster: the kubeconfig is missing or broken, or does not have its context.
        """
        fleet = self._fleet()
        instance = fleet.argocd_of(environment)
        if instance not in self._connected:
            context = self._contexts.of(instance, fleet)
            engine = ArgoCD.connect(
                instance,
                self._deployments,
                self._contexts.kubeconfig,
                context,
                commands=self._contexts.commands,
            )
            self._connected.setdefault(instance, engine)
        return self._connected[instance]

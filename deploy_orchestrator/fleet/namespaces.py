"""Who asks for which namespace: one tenant in one environment, or several that all say that they share it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy_orchestrator.fleet.model import Environment, TenantFile, TenantNamespace


@dataclass(frozen=True, slots=True)
class _Claim:
    """That a tenant asks for a namespace, `given` by the environment or chosen by itself.

    `here` says that it is in that environment: a name that would be given is kept for it in every one.
    `releases` are the names of those that it has there.
    """

    tenant: str
    environment: Environment
    given: bool
    here: bool
    placing: TenantNamespace
    releases: frozenset[str]

    @property
    def rank(self) -> tuple[bool, str, str]:
        """Who goes first: nobody takes a namespace that is given to another away by naming it."""
        return not self.given, self.tenant, self.environment.name

    def refusal(self, namespace: str) -> str | None:
        """Why it does not count, whoever else claims the same."""
        shared, name = self.placing.shared, self.environment.name
        if shared and namespace not in self.environment.policy.shared_namespaces:
            return f"is not among the sharedNamespaces of the policy of {name}"
        if not shared and namespace in self.environment.policy.shared_namespaces:
            return f"is shared by the policy of {name}, and the tenant does not say `shared: true`"
        return None

    def goes_with(self, other: "_Claim") -> bool:
        """Whether both may have the namespace."""
        return self.placing.shared and other.placing.shared and self.environment is other.environment


class Claims:
    """Which namespaces `tenants` ask for in `environments`; None for a tenant whose file cannot be read.

    `keepers` are who brings the platform chart to a shared namespace, by environment and namespace: the first
    of several, which would all make the same objects then.
    """

    def __init__(self, environments: Iterable[Environment], tenants: Mapping[str, TenantFile | None]) -> None:
        self.keepers: dict[tuple[str, str], str] = {}
        self._claims: dict[tuple[str, str], list[_Claim]] = {}
        for name, file in sorted(tenants.items()):
            for environment in environments:
                here = file is None or environment.name in file.environments
                for namespace, (placing, releases) in _asked(name, file, environment).items():
                    if here or not placing.name:
                        claim = _Claim(
                            name, environment, placing.name is None, here, placing, frozenset(releases)
                        )
                        self._claims.setdefault((environment.cluster, namespace), []).append(claim)
        for (_, namespace), claims in self._claims.items():
            for each in claims:
                if each.here and each.placing.keeper and not each.refusal(namespace):
                    self.keepers.setdefault((each.environment.name, namespace), each.tenant)

    def problem(self, tenant: str, environment: Environment, namespace: str) -> str | None:
        """Why a tenant cannot have a namespace in an environment; None where it can."""
        claims = self._claims[environment.cluster, namespace]
        own = next(each for each in claims if (each.tenant, each.environment) == (tenant, environment))
        if refused := own.refusal(namespace):
            return refused
        rivals = [each for each in claims if not each.refusal(namespace) and not each.goes_with(own)]
        first = min(rivals, key=lambda each: each.rank, default=own)
        if first is own or own.rank < first.rank:
            return _same_release(own, claims)
        if first.tenant == tenant:
            return f"is its own in {first.environment.name} already"
        return f"is that of the tenant {first.tenant}"


def _same_release(own: _Claim, claims: Iterable[_Claim]) -> str | None:
    for other in claims:
        if other.goes_with(own) and other.here and other.rank < own.rank and own.releases & other.releases:
            return (
                f"has a release {min(own.releases & other.releases)!r} of the tenant {other.tenant} already"
            )
    return None


def _asked(
    tenant: str, file: TenantFile | None, environment: Environment
) -> dict[str, tuple[TenantNamespace, set[str]]]:
    """The namespaces that a tenant asks for in an environment, and its releases in each."""
    placing = file.namespace_in(environment.name) if file else TenantNamespace()
    own = environment.namespace_of(tenant, placing.name)
    found: dict[str, tuple[TenantNamespace, set[str]]] = {own: (placing, set())}
    for each in file.releases_of(tenant, environment.name) if file else ():
        namespace = environment.namespace_of(tenant, each.namespace) if each.namespace else own
        elsewhere = TenantNamespace(name=each.namespace, existing=True)
        found.setdefault(namespace, (elsewhere, set()))[1].add(each.name)
    return found

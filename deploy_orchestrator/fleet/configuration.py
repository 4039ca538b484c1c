"""`fleet.yaml` with everything that it leans on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from deploy_orchestrator.documents import Document
from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.fleet.charts import LocalCharts
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layout import ALLOWED_SIGNERS, FLEET_FILE, TENANTS
from deploy_orchestrator.fleet.model import ChartReference, Cluster, Environment, FleetFile
from deploy_orchestrator.fleet.promotion import in_promotion_order
from deploy_orchestrator.fleet.reading import (
    read_document,
    require_known,
    require_unique,
    require_unique_keys,
)
from deploy_orchestrator.fleet.signers import principals
from deploy_orchestrator.git import Tree
from deploy_orchestrator.terms import FieldPath

_WITHIN: Final = frozenset({"kubernetes.default.svc", "kubernetes.default", "kubernetes"})
"""Names by which whatever runs in a cluster reaches its own API server."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `fleet.yaml` and `allowed_signers` say, with the platform chart found, the local charts, and the
    names of the folders that are tenants. `environments` are in promotion order.
    """

    file: FleetFile
    environments: tuple[Environment, ...]
    platform: ChartReference
    allowed_signers: bytes
    charts: LocalCharts
    tenants: list[str]


def configuration(tree: Tree) -> Configuration:
    """`fleet.yaml` of `tree`, checked.

    Raises:
        OrchestratorError: it, `allowed_signers` or the platform chart is broken.
    """
    document = read_document(tree, FLEET_FILE, "names clusters, environments and the platform chart")
    require_unique_keys(document)
    file = document.into(FleetFile)
    _check_clusters(document, file)
    require_unique(
        document, ((("repositories", i, "name"), each.name) for i, each in enumerate(file.repositories))
    )
    require_unique(
        document, ((("repositories", i, "url"), each.url) for i, each in enumerate(file.repositories))
    )
    _check_environments(document, file)
    _check_subscriptions(document, file)
    require_unique(document, ((("issuers", i, "name"), each.name) for i, each in enumerate(file.issuers)))
    logins = file.reviews.people if file.reviews else {}
    require_unique(document, ((("reviews", "people", who), each.casefold()) for who, each in logins.items()))
    require_unique(document, ((("issuers", i, "url"), each.url) for i, each in enumerate(file.issuers)))
    require_unique(document, ((("tokens", i, "name"), each.name) for i, each in enumerate(file.tokens)))
    require_unique(document, ((("tokens", i, "hash"), each.hash) for i, each in enumerate(file.tokens)))
    signers = tree.read(ALLOWED_SIGNERS) if tree.exists(ALLOWED_SIGNERS) else b""
    _check_people(document, file, principals(signers))
    tenants = [name for name in tree.names(TENANTS, files=False) if name[0] not in "_."]
    _check_waves(document, file, tenants)
    charts = LocalCharts(tree, file.repositories)
    platform = charts.resolve(file.platform, document, ("platform",))
    environments = in_promotion_order(document, file.environments)
    return Configuration(file, environments, platform, signers, charts, tenants)


def _check_clusters(document: Document, file: FleetFile) -> None:
    require_unique(document, ((("argocd", i, "name"), each.name) for i, each in enumerate(file.argocd)))
    require_unique(document, ((("clusters", i, "name"), each.name) for i, each in enumerate(file.clusters)))
    instances = [each.name for each in file.argocd]
    servers: dict[tuple[str, str], Cluster] = {}
    for index, cluster in enumerate(file.clusters):
        if cluster.argocd is not None:
            require_known(document, ("clusters", index, "argocd"), cluster.argocd, instances, "Argo CD")
        other = servers.setdefault(_reached(cluster, instances[0]), cluster)
        if other is not cluster:
            raise FleetError(
                f"{cluster.name} is {other.name} by another name, so that nobody knows whose a namespace is",
                place=document.place("clusters", index, "server"),
                fix=f"keep one of them, and have all environments name {other.name}",
            )


def _reached(cluster: Cluster, first: str) -> tuple[str, str]:
    """The API server of a cluster, whatever way its URL is written, and to whom that name means it."""
    parts = urlsplit(cluster.server)
    host = (parts.hostname or "").rstrip(".").removesuffix(".cluster.local")
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    if host in _WITHIN:
        return "", cluster.argocd or first
    return f"{host}:{port}{parts.path.rstrip('/')}", ""


def _check_environments(document: Document, file: FleetFile) -> None:
    clusters = [each.name for each in file.clusters]
    spaces: dict[tuple[str, str], Environment] = {}
    require_unique(
        document, ((("environments", i, "name"), each.name) for i, each in enumerate(file.environments))
    )
    for index, environment in enumerate(file.environments):
        require_known(document, ("environments", index, "cluster"), environment.cluster, clusters, "cluster")
        other = spaces.setdefault((environment.cluster, environment.namespace_of("t")), environment)
        if other is not environment:
            raise FleetError(
                f"a tenant would have one namespace in both {other.name} and {environment.name}",
                place=document.place("environments", index, "namespace"),
                fix="put {environment} into it",
            )


def _check_subscriptions(document: Document, file: FleetFile) -> None:
    named = [(("subscriptions", i, "name"), each.name) for i, each in enumerate(file.subscriptions)]
    require_unique(document, named)
    repositories = [each.name for each in file.repositories]
    for index, each in enumerate(file.subscriptions):
        if each.repository is not None:
            field = ("subscriptions", index, "repository")
            require_known(document, field, each.repository, repositories, "repository")


def _check_people(document: Document, file: FleetFile, signers: frozenset[str]) -> None:
    for field, people in _people(file):
        require_unique(document, (((*field, i), each) for i, each in enumerate(people)))
        for index, who in enumerate(people):
            decides = field[-1] == "approvers" and (
                any(each.speaks_for(who) for each in file.issuers)
                or (file.reviews is not None and who in file.reviews.people)
            )
            if who not in signers and not decides:
                raise FleetError(
                    f"{who} has no key in {ALLOWED_SIGNERS}",
                    place=document.place(*field, index),
                    fix=f"add a line with their SSH public key there; {instead_of(who, signers)}",
                )
    for index, environment in enumerate(file.environments):
        rule = environment.policy.approval
        if rule and rule.required > len(rule.approvers):
            raise FleetError(
                f"{rule.required} approvals are required, and {len(rule.approvers)} people may give them",
                place=document.place("environments", index, "policy", "approval", "required"),
                fix="name more approvers, or require fewer approvals",
            )


def _check_waves(document: Document, file: FleetFile, tenants: list[str]) -> None:
    for index, environment in enumerate(file.environments):
        named = [
            (("environments", index, "policy", "waves", i, "tenants", j), tenant)
            for i, wave in enumerate(environment.policy.waves)
            for j, tenant in enumerate(wave.tenants)
        ]
        require_unique(document, named)
        for field, tenant in named:
            require_known(document, field, tenant, tenants, "tenant")


def _people(file: FleetFile) -> Iterator[tuple[FieldPath, tuple[str, ...]]]:
    """Everybody whom a policy gives a right, where it stands."""
    for index, environment in enumerate(file.environments):
        policy, here = environment.policy, ("environments", index, "policy")
        if policy.approval:
            yield (*here, "approval", "approvers"), policy.approval.approvers
        if policy.pause:
            yield (*here, "pause", "pausers"), policy.pause.pausers
            yield (*here, "pause", "resumers"), policy.pause.resumers
        if policy.break_glass:
            yield (*here, "breakGlass", "people"), policy.break_glass.people

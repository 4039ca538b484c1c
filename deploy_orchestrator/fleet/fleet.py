"""The fleet at one commit, and what each of its deployments is made from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.fleet.charts import LocalChart
from deploy_orchestrator.fleet.destination import Destination
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layering import (
    InFleet,
    Inline,
    InPackage,
    layer_paths,
    layers_of,
    sources_of,
)
from deploy_orchestrator.fleet.layout import FLEET_FILE, TAKEOVER_PREFIX, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.model import (
    ArgoCDInstance,
    ChartReference,
    ChartRepository,
    Cluster,
    Environment,
    ImageMirror,
    Issuer,
    MachineToken,
    Reviews,
    Subscription,
    Tenant,
    TenantNamespace,
    TenantRelease,
)
from deploy_orchestrator.fleet.reading import pick, read_document, require_unique_keys
from deploy_orchestrator.fleet.takeover import TakeoverEvidence
from deploy_orchestrator.git import Tree
from deploy_orchestrator.registries import Egress


@dataclass(frozen=True, slots=True)
class Deployment:
    """One tenant in one environment, the namespace it has there, and the URL of that cluster's API server.

    `kept_by` is the tenant that brings the platform chart where the namespace is shared; None: nobody does.
    """

    environment: Environment
    tenant: Tenant
    namespace: str
    server: str
    kept_by: str | None = None

    @property
    def releases(self) -> tuple[TenantRelease, ...]:
        """The tenant's own Helm releases, each behind those that it comes after."""
        return self.tenant.releases_in(self.environment.name)

    def namespace_of(self, release: TenantRelease) -> str:
        """Where one of the releases goes."""
        if release.namespace is None:
            return self.namespace
        return self.environment.namespace_of(self.tenant.name, release.namespace)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where all of the releases go, the tenant's own namespace first."""
        return tuple(dict.fromkeys([self.namespace, *map(self.namespace_of, self.releases)]))

    @property
    def placing(self) -> TenantNamespace:
        """What the tenant says of its namespace here."""
        return self.tenant.namespace_in(self.environment.name)

    @property
    def has_platform(self) -> bool:
        """Whether the platform chart is a part of it."""
        return self.environment.platform and (self.placing.keeper or not self.placing.shared)

    @property
    def makes_namespace(self) -> bool:
        """Whether the object of its namespace is its own."""
        return not self.placing.existing and (self.placing.keeper or not self.placing.shared)

    @property
    def key(self) -> str:
        """`environment/tenant`."""
        return f"{self.environment.name}/{self.tenant.name}"

    @property
    def destination(self) -> Destination:
        """Where it goes, and how."""
        own, *others = self.namespaces
        sync = self.tenant.sync_in(self.environment.name)
        return Destination(self.environment.cluster, self.server, own, tuple(sorted(others)), sync)


@dataclass(frozen=True, slots=True)
class ValueLayer:
    """Values: the path of the file that they stand in, and what it holds."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that the fleet repository says at the commit `revision`.

    `environments` are in promotion order, `tenants` and `broken` by name: the ones that can be deployed, and
    what is wrong with the others. `hosts` are the `egress` of fleet.yaml.
    `keys` are those that count in an environment, where they are not those of `allowed_signers`, `proving`
    the providers whose tokens do, where they are not the `issuers`, `reviewed` the forges whose reviews do,
    where they are not the `reviews`. `tokens` are those of machines.
    `charts` are those of `charts/` that tenants and `platform` ask for,
    `values` the Git object ids of the values files that apply to a tenant, by path. `keepers` are who brings
    the platform chart to a shared namespace, by environment and namespace.
    """

    revision: str
    argocd: tuple[ArgoCDInstance, ...]
    clusters: tuple[Cluster, ...]
    environments: tuple[Environment, ...]
    repositories: tuple[ChartRepository, ...]
    hosts: tuple[str, ...] | None
    platform: ChartReference
    allowed_signers: bytes
    tenants: Mapping[str, Tenant]
    broken: Mapping[str, FleetError]
    charts: Mapping[str, LocalChart]
    values: Mapping[str, str]
    tree: Tree
    issuers: tuple[Issuer, ...] = ()
    reviews: Reviews | None = None
    tokens: tuple[MachineToken, ...] = ()
    image_mirrors: tuple[ImageMirror, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    keys: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    keepers: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    proving: Mapping[str, tuple[Issuer, ...]] = field(default_factory=dict[str, tuple[Issuer, ...]])
    reviewed: Mapping[str, Reviews | None] = field(default_factory=dict[str, Reviews | None])

    def signers(self, environment: str) -> bytes:
        """Whose keys count in an environment, in OpenSSH's format."""
        return self.keys.get(environment, self.allowed_signers)

    def trusted(self, environment: str) -> tuple[Issuer, ...]:
        """The OpenID providers whose tokens prove decisions in an environment."""
        return self.proving.get(environment, self.issuers)

    def reviewing(self, environment: str) -> Reviews | None:
        """The forge whose reviews approve what goes into an environment."""
        return self.reviewed.get(environment, self.reviews)

    @property
    def mirrors(self) -> dict[str, str]:
        """Where to read chart repositories from, by their URL, for those that have a mirror."""
        return {each.url: each.mirror for each in self.repositories if each.mirror}

    @property
    def egress(self) -> Egress:
        """Where charts and registries may be read from: `hosts`, and where the repositories, the mirrors of
        images and the images that are followed are.
        """
        hosts = None if self.hosts is None else frozenset(self.hosts)
        named = (url for each in self.repositories for url in (each.url, each.mirror) if url)
        mirrors = (f"oci://{each.to}" for each in self.image_mirrors)
        followed = (f"oci://{each.image}" for each in self.subscriptions if each.image)
        return Egress(hosts).naming(*named, *mirrors, *followed)

    def image_mirrors_of(self, environment: str) -> tuple[ImageMirror, ...]:
        """Where images are read from in an environment."""
        return tuple(
            each
            for each in self.image_mirrors
            if each.environments is None or environment in each.environments
        )

    @property
    def stalemates(self) -> tuple[FleetError, ...]:
        """What is wrong with policies by which nobody can approve what one of the approvers writes."""
        return tuple(
            FleetError(
                f"nobody can approve what one of the {len(rule.approvers)} approvers of {each.name} writes: "
                f"it takes {rule.required}, and nobody approves a change of their own",
                place=Place(FLEET_FILE, field=f"environments.{each.name}.policy.approval"),
                fix="name one approver more than are required, or set selfApproval: true",
            )
            for each in self.environments
            if (rule := each.policy.approval)
            and not rule.self_approval
            and rule.required >= len(rule.approvers)
        )

    def cluster(self, name: str) -> Cluster:
        """The cluster called `name`; FleetError where there is none."""
        return pick(name, {each.name: each for each in self.clusters}, "cluster", Place(FLEET_FILE))

    def argocd_of(self, environment: str) -> ArgoCDInstance:
        """The Argo CD that deploys to the cluster of `environment`; FleetError where there is no such one."""
        wanted = self.cluster(self.environment(environment).cluster).argocd
        return next(each for each in self.argocd if wanted in (None, each.name))

    def environment(self, name: str) -> Environment:
        """The environment called `name`; FleetError where there is none."""
        return pick(name, {each.name: each for each in self.environments}, "environment", Place(FLEET_FILE))

    def deployments(self) -> list[Deployment]:
        """Every tenant in each of its environments, in promotion order and then by name."""
        return [
            self._deployment(environment, tenant)
            for environment in self.environments
            for tenant in self.tenants.values()
            if environment.name in tenant.environments
        ]

    def deployment(self, environment: str, tenant: str) -> Deployment:
        """The deployment of `tenant` in `environment`.

        Raises:
            FleetError: there is no such environment or tenant, the tenant is not in it, or is broken.
        """
        if tenant in self.broken:
            raise self.broken[tenant]
        found = pick(tenant, self.tenants, "tenant", Place(TENANTS))
        where = self.environment(environment)
        if environment not in found.environments:
            raise FleetError(
                f"{tenant} is not in {environment}",
                place=Place(f"{TENANTS}/{tenant}/{TENANT_FILE}", field="environments"),
                fix=f"add {environment} there, or choose from: {', '.join(found.environments)}",
            )
        return self._deployment(where, found)

    def asks_for(self, environment: str, tenant: str) -> bool:
        """Whether a tenant is in an environment, or may be: the files of a broken one do not tell."""
        known = self.tenants.get(tenant)
        return tenant in self.broken or (known is not None and environment in known.environments)

    def before(self, deployment: Deployment) -> list[Deployment]:
        """The same tenant in the environments that changes pass before this one: in place of one that it is
        not in, those before that, where nothing else leads through them.
        """
        tenant = deployment.tenant
        looked: dict[str, Environment] = {}
        ahead = self._after(deployment.environment)
        while ahead:
            each = ahead.pop(0)
            if each.name not in looked:
                looked[each.name] = each
                ahead += [] if each.name in tenant.environments else self._after(each)
        found = [each for each in looked.values() if each.name in tenant.environments]
        passed = {name for each in found for name in self.passed_before(each)}
        return [self._deployment(each, tenant) for each in found if each.name not in passed]

    def passed_before(self, environment: Environment) -> list[str]:
        """The environments that a change passes on its way to this one, in promotion order."""
        passed: set[str] = set()
        ahead = self._after(environment)
        while ahead:
            each = ahead.pop()
            if each.name not in passed:
                passed.add(each.name)
                ahead += self._after(each)
        return [each.name for each in self.environments if each.name in passed]

    def _after(self, environment: Environment) -> list[Environment]:
        if environment.after is not None:
            return [self.environment(name) for name in environment.after]
        names = [each.name for each in self.environments]
        return list(self.environments[: names.index(environment.name)][-1:])

    def layers(
        self,
        deployment: Deployment,
        package: Mapping[str, bytes] | None = None,
        *,
        of: TenantRelease | None = None,
    ) -> tuple[ValueLayer, ...]:
        """The values for the chart `of` one of the tenant's releases (None: of all, one after the other) in
        the order in which Helm merges them, later ones winning.

        The chart's own `values.yaml` is among them only where it is named: Helm puts it below all others by
        itself. `package` are the files of a published chart; None: the layers in it are left out.

        Raises:
            FleetError: one of the files is broken, or is not in the package.
        """
        wanted = deployment.releases if of is None else (of,)
        return tuple(layer for each in wanted for layer in self._layers(deployment, each, package))

    def _layers(
        self, deployment: Deployment, release: TenantRelease, package: Mapping[str, bytes] | None
    ) -> Iterator[ValueLayer]:
        chart = release.chart
        for each in layers_of(deployment.tenant, release, deployment.environment):
            if isinstance(each, Inline):
                yield ValueLayer(each.file, each.data)
            elif isinstance(each, InFleet):
                if each.path in self.values:
                    yield _layer(self.tree, each.path)
            elif package is not None and each.name in package:
                yield ValueLayer(f"{chart.repository}/{chart.name}/{each.name}", package[each.name])
            elif package is not None and not each.optional:
                raise FleetError(
                    f"the package of {chart.name} {chart.version} has no {each.name}",
                    place=Place(f"{TENANTS}/{deployment.tenant.name}/{TENANT_FILE}", field="values"),
                    fix=f"mend the name, or write {{file: '{{chart}}/{each.name}', optional: true}}",
                )

    def platform_values(self, deployment: Deployment) -> dict[str, Any]:
        """The values for the platform chart: tenant, environment, namespace, quota and owners."""
        return {
            "tenant": deployment.tenant.name,
            "environment": deployment.environment.name,
            "namespace": deployment.namespace,
            "quota": deployment.tenant.quota.model_dump(),
            "owners": list(deployment.tenant.owners),
        }

    def paths(self, deployment: Deployment) -> tuple[str, ...]:
        """The files and folders of the fleet repository that a change of this deployment can come from."""
        return (
            FLEET_FILE,
            f"{TENANTS}/{deployment.tenant.name}/{TENANT_FILE}",
            *layer_paths(deployment.tenant, deployment.environment),
            *sorted({folder for chart in self._local(deployment) for folder in chart.trees}),
            *([path] if self.tree.exists(path := _takeover_path(deployment)) else []),
        )

    def takeover(self, deployment: Deployment) -> TakeoverEvidence | None:
        """What the cluster said of taking over what is live; None where nobody asked.

        Raises:
            FleetError, DocumentError: the record is not what `adopt` writes.
        """
        path = _takeover_path(deployment)
        if not self.tree.exists(path):
            return None
        return read_document(self.tree, path, "says what is taken over").into(TakeoverEvidence)

    def inputs(self, deployment: Deployment) -> str:
        """A digest that is another one whenever the manifests of this deployment can be others.

        It covers its charts with their `file://` dependencies by their Git object ids, the exact version of
        a chart from a repository, the mirrors in use, the value layers, and the fields of `fleet.yaml` and
        `tenant.yaml` that reach a template. Policies, other tenants and the commit itself are no part of it.
        """
        local = self._local(deployment)
        published = [each for each in self._charts(deployment) if each.repository]
        asked = {each.repository or "" for each in published}.union(*(chart.repositories for chart in local))
        sources = {url.rstrip("/") for url in asked}
        layers = {each.name: [*self._layer_ids(deployment, each)] for each in deployment.releases}
        parts: dict[str, Any] = {
            "local": [[chart.folder, dict(chart.trees)] for chart in local],
            "published": [each.model_dump() for each in published],
            "mirrors": {url: mirror for url, mirror in self.mirrors.items() if url.rstrip("/") in sources},
            "layers": [one for each in layers.values() for one in each],
            "platform": self.platform_values(deployment),
            "kubernetes": deployment.environment.kubernetes,
            "api versions": deployment.environment.api_versions,
        }
        if custom_kinds := deployment.environment.custom_kinds:
            parts["custom kinds"] = custom_kinds
        if mirrors := self.image_mirrors_of(deployment.environment.name):
            parts["image mirrors"] = [[each.of, each.to] for each in mirrors]
        if placed := _placed(deployment):
            parts["placed"] = placed
        if deployment.tenant.releases is not None:
            parts["releases"] = [
                [
                    each.name,
                    each.chart.model_dump(),
                    deployment.namespace_of(each),
                    each.after,
                    layers[each.name],
                ]
                for each in deployment.releases
            ]
        return f"sha256:{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()}"

    def _layer_ids(self, deployment: Deployment, release: TenantRelease) -> Iterator[str]:
        """What tells each layer from another; those in a package go with the chart's version."""
        for each in layers_of(deployment.tenant, release, deployment.environment):
            if isinstance(each, Inline):
                yield each.data.decode()
            elif isinstance(each, InFleet) and each.path in self.values:
                yield self.values[each.path]
            elif isinstance(each, InPackage) and sources_of(deployment.tenant, release) is not None:
                yield f"{each.name} of the package"

    def _charts(self, deployment: Deployment) -> list[ChartReference]:
        own = list(dict.fromkeys(deployment.tenant.charts))
        return [self.platform, *own] if deployment.has_platform else own

    def _local(self, deployment: Deployment) -> list[LocalChart]:
        return [self.charts[each.name] for each in self._charts(deployment) if each.repository is None]

    def _deployment(self, environment: Environment, tenant: Tenant) -> Deployment:
        server = self.cluster(environment.cluster).server
        placing = tenant.namespace_in(environment.name)
        namespace = environment.namespace_of(tenant.name, placing.name)
        kept_by = self.keepers.get((environment.name, namespace)) if placing.shared else None
        return Deployment(environment, tenant, namespace, server, kept_by)


def _takeover_path(deployment: Deployment) -> str:
    return takeover_path(deployment.tenant.name, deployment.environment.name)


def takeover_path(tenant: str, environment: str) -> str:
    """Where what a cluster said of taking over a tenant's objects is kept."""
    return f"{TENANTS}/{tenant}/{TAKEOVER_PREFIX}{environment}.yaml"


def _placed(deployment: Deployment) -> dict[str, Any]:
    """Where a deployment is otherwise than the environment has it; nothing for most."""
    placing = deployment.placing
    only = deployment.tenant.name if deployment.tenant.releases else deployment.releases[0].name
    return {
        name: value
        for name, value, usual in (
            ("release", only, deployment.tenant.name),
            ("existing", placing.existing, False),
            ("shared", placing.shared, False),
            ("kept by", deployment.kept_by, None),
            ("platform", deployment.has_platform, True),
        )
        if value != usual
    }


def _layer(tree: Tree, path: str) -> ValueLayer:
    try:
        document = read_document(tree, path, "holds values")
    except OrchestratorError as error:
        raise FleetError.of(error) from error
    require_unique_keys(document)
    if not isinstance(document.value, dict | None):
        raise FleetError("expected a mapping of values", place=document.place())
    return ValueLayer(path, document.text.encode())

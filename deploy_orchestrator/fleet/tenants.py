"""The folders below `tenants/`, each read by itself."""

import re
from collections.abc import Iterable, Mapping

from deploy_orchestrator.documents import Document
from deploy_orchestrator.errors import Place, instead_of
from deploy_orchestrator.fleet.charts import LocalChart
from deploy_orchestrator.fleet.configuration import Configuration
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layout import PLATFORM, TENANT_FILE, TENANTS, layer_names, layer_paths
from deploy_orchestrator.fleet.model import ArgoCDInstance, Environment, Tenant, TenantFile
from deploy_orchestrator.fleet.reading import (
    read_document,
    require_known,
    require_unique,
    require_unique_keys,
)
from deploy_orchestrator.fleet.reserved import whose_name, whose_namespace
from deploy_orchestrator.git import Tree
from deploy_orchestrator.terms import is_label

MAX_NAME = 53

_VALUES_FILE = re.compile(r"values.*\.ya?ml")


def check_name(name: str, argocd: Iterable[ArgoCDInstance] = ()) -> None:
    """Raises FleetError unless a tenant may be called `name`.

    It names a Helm release (at most 53 characters), an AppProject in each of `argocd`, and Services begin
    with it (RFC 1035 labels).
    """
    if fix := _better_name(name, argocd):
        raise FleetError(f"a tenant cannot be called {name!r}", place=Place(f"{TENANTS}/{name}"), fix=fix)


def _better_name(name: str, argocd: Iterable[ArgoCDInstance]) -> str | None:
    if len(name) > MAX_NAME or not is_label(name):
        return f"use lower-case letters, digits and '-' inside, at most {MAX_NAME}: it names a Helm release"
    if name[0].isdigit():
        return "begin with a letter: Services are named after it, and Kubernetes refuses a digit there"
    if name == PLATFORM:
        return "choose another name: the platform chart's own release is called so in each tenant's namespace"
    if owner := whose_name(name, argocd):
        return f"choose another name: {owner} is called so"
    return None


class TenantFolders:
    """Reads the folders of `tree` that are tenants."""

    def __init__(self, tree: Tree, configuration: Configuration) -> None:
        self._tree = tree
        self._charts = configuration.charts
        self._environments = {each.name: each for each in configuration.file.environments}
        self._argocd = configuration.file.argocd
        self._names = frozenset(configuration.tenants)
        self._namespaces: dict[tuple[str, str], str] = {}
        for name in sorted(configuration.tenants):
            for each in configuration.file.environments:
                self._namespaces.setdefault((each.cluster, each.namespace_of(name)), name)

    def read(self, name: str) -> tuple[Tenant, dict[str, str]]:
        """The tenant in the folder `name`, and the Git object ids of the values files for it by their paths.

        Raises:
            OrchestratorError: what is wrong with it.
        """
        check_name(name, self._argocd)
        folder = f"{TENANTS}/{name}"
        document = read_document(
            self._tree, f"{folder}/{TENANT_FILE}", "says what the tenant runs, and where"
        )
        require_unique_keys(document)
        file = document.into(TenantFile)
        chart = self._charts.resolve(file.chart, document, ("chart",))
        tenant = Tenant(
            name=name,
            chart=chart,
            environments=file.environments,
            quota=file.quota,
            owners=file.owners,
            exceptions=file.exceptions,
        )
        self._check_environments(tenant, document)
        return tenant, self._values(tenant, self._tree.ids(folder))

    def _check_environments(self, tenant: Tenant, document: Document) -> None:
        require_unique(document, ((("environments", i), each) for i, each in enumerate(tenant.environments)))
        for index, name in enumerate(tenant.environments):
            require_known(document, ("environments", index), name, self._environments, "environment")
            environment = self._environments[name]
            namespace = environment.namespace_of(tenant.name)
            problem = self._problem_of(namespace, environment, tenant.name)
            if problem:
                raise FleetError(
                    f"its namespace {namespace!r} {problem}",
                    place=document.place("environments", index),
                    fix=f"give the tenant another name, or {name} another namespace in fleet.yaml",
                )

    def _problem_of(self, namespace: str, environment: Environment, tenant: str) -> str | None:
        owner = self._namespaces[environment.cluster, namespace]
        if not is_label(namespace):
            return f"has {len(namespace)} characters, of 63 at most"
        if reserved := whose_namespace(namespace, self._argocd):
            return f"belongs to {reserved}"
        return f"is that of the tenant {owner}" if owner != tenant else None

    def _values(self, tenant: Tenant, files: Mapping[str, str]) -> dict[str, str]:
        names = {"values.yaml"}.union(*(layer_names(tenant.name, each) for each in self._environments))
        for file in files:
            if _VALUES_FILE.fullmatch(file) and file not in names:
                raise FleetError(
                    "no environment reads these values",
                    place=Place(f"{TENANTS}/{tenant.name}/{file}"),
                    fix=instead_of(file, names),
                )
        there = {f"{TENANTS}/{tenant.name}/{file}": blob for file, blob in files.items()}
        if tenant.chart.repository is None:
            chart = self._charts.get(tenant.chart.name)
            self._check_one_reader(tenant.name, chart)
            there |= {f"{chart.folder}/{file}": blob for file, blob in chart.files.items()}
        paths = {path for each in tenant.environments for path in layer_paths(tenant, each)}
        return {path: there[path] for path in paths & there.keys()}

    def _check_one_reader(self, tenant: str, chart: LocalChart) -> None:
        file = f"values-tenant-{tenant}.yaml"
        if file not in chart.files:
            return
        for environment in self._environments:
            other = tenant.removesuffix(f"-{environment}")
            if other in self._names - {tenant}:
                raise FleetError(
                    f"these are also the values of {other} in {environment}",
                    place=Place(f"{chart.folder}/{file}"),
                    fix=f"move them into {TENANTS}/{tenant}/, or give {tenant} another name",
                )

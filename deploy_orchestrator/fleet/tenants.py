"""The folders below `tenants/`, each read by itself."""

import re
from collections.abc import Collection, Iterable, Mapping

from deploy_orchestrator.documents import Document
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.fleet.charts import LocalChart
from deploy_orchestrator.fleet.configuration import Configuration
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layering import InFleet, layers_of, own_names
from deploy_orchestrator.fleet.layout import PLATFORM, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.model import ArgoCDInstance, Environment, Tenant, TenantFile
from deploy_orchestrator.fleet.namespaces import Claims
from deploy_orchestrator.fleet.reading import (
    read_document,
    require_known,
    require_unique,
    require_unique_keys,
)
from deploy_orchestrator.fleet.reserved import is_of_kubernetes, whose_name, whose_namespace
from deploy_orchestrator.git import Tree
from deploy_orchestrator.outcomes import attempt, raised
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
    """Reads the folders of `tree` that are tenants; or those `among` them, where nothing was broken before
    and all ask for the namespaces for which they asked then.
    """

    def __init__(
        self, tree: Tree, configuration: Configuration, among: Collection[str] | None = None
    ) -> None:
        self._tree = tree
        self._charts = configuration.charts
        self._environments = {each.name: each for each in configuration.file.environments}
        self._argocd = configuration.file.argocd
        self._values = configuration.file.values
        self._names = frozenset(configuration.tenants)
        self._ids: dict[str, Mapping[str, str]] = {}
        self._files = {
            name: attempt(self._file, name)
            for name in sorted(configuration.tenants if among is None else among)
        }
        asked = {
            name: None if isinstance(found, OrchestratorError) else found[1]
            for name, found in self._files.items()
        }
        self._claims = Claims(configuration.file.environments, asked) if among is None else None

    @property
    def keepers(self) -> Mapping[tuple[str, str], str]:
        """Who brings the platform chart to a shared namespace, by environment and namespace."""
        return self._claims.keepers if self._claims else {}

    def read(self, name: str) -> tuple[Tenant, dict[str, str]]:
        """The tenant in the folder `name`, and the Git object ids of the values files for it by their paths.

        Raises:
            OrchestratorError: what is wrong with it.
        """
        document, file = raised(self._files[name])
        chart = self._charts.resolve(file.chart, document, ("chart",))
        values = self._values if file.values is None else file.values
        tenant = Tenant.model_validate({**dict(file), "name": name, "chart": chart, "values": values})
        self._check_environments(tenant, document)
        self._check_own_words(tenant, document)
        return tenant, self._values_of(tenant, document)

    def _file(self, name: str) -> tuple[Document, TenantFile]:
        check_name(name, self._argocd)
        document = read_document(
            self._tree, f"{TENANTS}/{name}/{TENANT_FILE}", "says what the tenant runs, and where"
        )
        require_unique_keys(document)
        return document, document.into(TenantFile)

    def _check_environments(self, tenant: Tenant, document: Document) -> None:
        require_unique(document, ((("environments", i), each) for i, each in enumerate(tenant.environments)))
        for index, name in enumerate(tenant.environments):
            require_known(document, ("environments", index), name, self._environments, "environment")
            environment = self._environments[name]
            placing = tenant.namespace_in(name)
            namespace = environment.namespace_of(tenant.name, placing.name)
            problem = self._problem_of(namespace, environment, tenant)
            if problem:
                raise FleetError(
                    f"its namespace {namespace!r} {problem}",
                    place=document.place("environments", index),
                    fix="give it another `namespace` in tenant.yaml, or share that one: see docs/fleet.md"
                    if placing.name
                    else f"give the tenant another name, or {name} another namespace in fleet.yaml",
                )

    def _problem_of(self, namespace: str, environment: Environment, tenant: Tenant) -> str | None:
        if not is_label(namespace):
            return f"has {len(namespace)} characters, of 63 at most"
        shared = tenant.namespace_in(environment.name).shared
        reserved = whose_namespace(namespace, self._argocd)
        if reserved and not (shared and is_of_kubernetes(namespace)):
            return f"belongs to {reserved}"
        return self._claims.problem(tenant.name, environment, namespace) if self._claims else None

    def _check_own_words(self, tenant: Tenant, document: Document) -> None:
        """Raises FleetError where it says something of an environment that it is not in, or of a release that
        the platform has.
        """
        for name in tenant.per_environment:
            require_known(document, ("perEnvironment", name), name, tenant.environments, "environment here")
        for index, source in enumerate(tenant.values or ()):
            for name in source.inline or {} if document.value.get("values") is not None else ():
                field = ("values", index, "inline", name)
                require_known(document, field, name, self._environments, "environment")
        for name in tenant.environments:
            if tenant.release_in(name) == PLATFORM and self._environments[name].platform:
                raise FleetError(
                    f"its release cannot be called {PLATFORM}: the platform chart's own is",
                    place=document.place("release"),
                    fix="give it another name",
                )

    def _values_of(self, tenant: Tenant, document: Document) -> dict[str, str]:
        if tenant.chart.repository is None:
            self._charts.get(tenant.chart.name)
        if tenant.values is None:
            self._check_default_files(tenant)
        found: dict[str, str] = {}
        for each in tenant.environments:
            for layer in layers_of(tenant, self._environments[each]):
                if not isinstance(layer, InFleet):
                    continue
                if blob := self._id(layer.path):
                    found[layer.path] = blob
                elif not layer.optional:
                    raise FleetError(
                        f"its values for {each} are missing: {layer.path}",
                        place=document.place("values"),
                        fix="add the file, mend its name, or write {file: …, optional: true}",
                    )
        return found

    def _id(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        if folder not in self._ids:
            self._ids[folder] = self._tree.ids(folder)
        return self._ids[folder].get(name)

    def _check_default_files(self, tenant: Tenant) -> None:
        """Raises FleetError for a values file that nobody reads, or that is read for two tenants."""
        names = {"values.yaml"}.union(*(own_names(tenant.name, each) for each in self._environments))
        for file in self._tree.ids(f"{TENANTS}/{tenant.name}"):
            if _VALUES_FILE.fullmatch(file) and file not in names:
                raise FleetError(
                    "no environment reads these values",
                    place=Place(f"{TENANTS}/{tenant.name}/{file}"),
                    fix=instead_of(file, names),
                )
        if tenant.chart.repository is None:
            self._check_one_reader(tenant.name, self._charts.get(tenant.chart.name))

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

"""The folders below `tenants/`, each read by itself."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from deploy_orchestrator.documents import Document
from deploy_orchestrator.errors import OrchestratorError, Place, instead_of
from deploy_orchestrator.fleet.charts import LocalChart
from deploy_orchestrator.fleet.configuration import Configuration
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.layering import InFleet, layers_of, own_names, sources_of
from deploy_orchestrator.fleet.layout import PLATFORM, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.model import (
    ArgoCDInstance,
    Environment,
    Tenant,
    TenantFile,
    TenantRelease,
    Values,
)
from deploy_orchestrator.fleet.namespaces import Claims
from deploy_orchestrator.fleet.reading import (
    read_document,
    require_known,
    require_unique,
    require_unique_keys,
)
from deploy_orchestrator.fleet.releasing import require_one_way, require_order
from deploy_orchestrator.fleet.reserved import is_of_kubernetes, whose_name, whose_namespace
from deploy_orchestrator.git import Tree
from deploy_orchestrator.outcomes import attempt, raised
from deploy_orchestrator.terms import FieldPath, is_label

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
        values = self._values if file.values is None else file.values
        tenant = Tenant.model_validate(
            {**dict(file), **self._runs(file, document), "name": name, "values": values}
        )
        self._check_environments(tenant, file, document)
        self._check_own_words(tenant, file, document)
        return tenant, self._values_of(tenant, document)

    def _file(self, name: str) -> tuple[Document, TenantFile]:
        check_name(name, self._argocd)
        document = read_document(
            self._tree, f"{TENANTS}/{name}/{TENANT_FILE}", "says what the tenant runs, and where"
        )
        require_unique_keys(document)
        file = document.into(TenantFile)
        require_one_way(file, document)
        return document, file

    def _runs(self, file: TenantFile, document: Document) -> dict[str, object]:
        """Its charts, or releases with these, with their repositories as URLs."""
        if file.chart:
            return {"chart": self._charts.resolve(file.chart, document, ("chart",))}
        resolved = [
            each.model_copy(
                update={"chart": self._charts.resolve(each.chart, document, ("releases", index, "chart"))}
            )
            for index, each in enumerate(file.releases or ())
        ]
        require_order(resolved, document)
        return {"releases": tuple(resolved)}

    def _check_environments(self, tenant: Tenant, file: TenantFile, document: Document) -> None:
        require_unique(document, ((("environments", i), each) for i, each in enumerate(tenant.environments)))
        for index, name in enumerate(tenant.environments):
            require_known(document, ("environments", index), name, self._environments, "environment")
            environment = self._environments[name]
            placing = tenant.namespace_in(name)
            namespace = environment.namespace_of(tenant.name, placing.name)
            if problem := self._problem_of(namespace, environment, tenant, placing.shared):
                raise FleetError(
                    f"its namespace {namespace!r} {problem}",
                    place=document.place("environments", index),
                    fix="give it another `namespace` in tenant.yaml, or share that one: see docs/fleet.md"
                    if placing.name
                    else f"give the tenant another name, or {name} another namespace in fleet.yaml",
                )
            for number, release in enumerate(file.releases or ()):
                elsewhere = environment.namespace_of(tenant.name, release.namespace or placing.name)
                if elsewhere != namespace and (
                    problem := self._problem_of(elsewhere, environment, tenant, shared=False)
                ):
                    raise FleetError(
                        f"the namespace {elsewhere!r} of its release {release.name} {problem}",
                        place=document.place("releases", number, "namespace"),
                        fix="name one that nobody else asks for; only a tenant itself may share one",
                    )

    def _problem_of(
        self, namespace: str, environment: Environment, tenant: Tenant, shared: bool
    ) -> str | None:
        if not is_label(namespace):
            return f"has {len(namespace)} characters, of 63 at most"
        reserved = whose_namespace(namespace, self._argocd)
        if reserved and not (shared and is_of_kubernetes(namespace)):
            return f"belongs to {reserved}"
        return self._claims.problem(tenant.name, environment, namespace) if self._claims else None

    def _check_own_words(self, tenant: Tenant, file: TenantFile, document: Document) -> None:
        """Raises FleetError where it says something of an environment that it is not in, or of a release that
        the platform has.
        """
        for name in tenant.per_environment:
            require_known(document, ("perEnvironment", name), name, tenant.environments, "environment here")
        said: list[tuple[FieldPath, Values | None]] = [(("values",), file.values)]
        said += [(("releases", at, "values"), each.values) for at, each in enumerate(file.releases or ())]
        for field, sources in said:
            for index, source in enumerate(sources or ()):
                for name in source.inline or {}:
                    at = (*field, index, "inline", name)
                    require_known(document, at, name, self._environments, "environment")
        for name in tenant.environments:
            called = [each.name for each in tenant.releases_in(name)]
            if PLATFORM in called and self._environments[name].platform:
                raise FleetError(
                    f"its release cannot be called {PLATFORM}: the platform chart's own is",
                    place=document.place(*(("release",) if tenant.releases is None else ("releases",))),
                    fix="give it another name",
                )

    def _values_of(self, tenant: Tenant, document: Document) -> dict[str, str]:
        for each in tenant.charts:
            if each.repository is None:
                self._charts.get(each.name)
        found: dict[str, str] = {}
        for release in tenant.releases_in(tenant.environments[0]):
            if sources_of(tenant, release) is None:
                self._check_default_files(tenant, release)
        for environment in tenant.environments:
            for release in tenant.releases_in(environment):
                for path, blob in self._files_of(tenant, release, environment, document):
                    found[path] = blob
        return found

    def _files_of(
        self, tenant: Tenant, release: TenantRelease, environment: str, document: Document
    ) -> Iterator[tuple[str, str]]:
        for layer in layers_of(tenant, release, self._environments[environment]):
            if not isinstance(layer, InFleet):
                continue
            if blob := self._id(layer.path):
                yield layer.path, blob
            elif not layer.optional:
                raise FleetError(
                    f"its values for {environment} are missing: {layer.path}",
                    place=document.place("values" if release.values is None else "releases"),
                    fix="add the file, mend its name, or write {file: …, optional: true}",
                )

    def _id(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        if folder not in self._ids:
            self._ids[folder] = self._tree.ids(folder)
        return self._ids[folder].get(name)

    def _check_default_files(self, tenant: Tenant, release: TenantRelease) -> None:
        """Raises FleetError for a values file that nobody reads, or that is read for two tenants."""
        names = {"values.yaml"}.union(*(own_names(tenant.name, each) for each in self._environments))
        folder = f"{TENANTS}/{tenant.name}"
        if tenant.releases is not None:
            self._require_read(folder, (), f"move it into {folder}/{release.name}/, or name it in `values`")
            folder = f"{folder}/{release.name}"
        self._require_read(folder, names)
        if release.chart.repository is None:
            self._check_one_reader(tenant.name, self._charts.get(release.chart.name))

    def _require_read(self, folder: str, names: Collection[str], fix: str | None = None) -> None:
        for file in self._tree.ids(folder):
            if _VALUES_FILE.fullmatch(file) and file not in names:
                raise FleetError(
                    "no environment reads these values",
                    place=Place(f"{folder}/{file}"),
                    fix=fix or instead_of(file, names),
                )

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

"""The files of a fleet that delivers what somebody else delivers now."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.cutting import values_without_secrets, without_secrets
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.adoption.found import ChartInGit, ChartPublished, OldLayer, OldRelease
from deploy_orchestrator.adoption.parameters import with_parameter
from deploy_orchestrator.adoption.relocating import relocated
from deploy_orchestrator.charts import layered
from deploy_orchestrator.documents import Document, dotted
from deploy_orchestrator.fleet import is_of_kubernetes
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.terms import is_label

_RESERVED: Final = frozenset({"default", "platform", "deploy-orchestrator", "argocd"})
UNMET: Final = {"cpu": "1000", "memory": "10Ti", "storage": "100Ti", "pods": 10000}
"""A quota that nobody meets: what runs has none yet."""

PLATFORM: Final = "tenant-platform"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person says of what is to be written.

    `kubernetes`, `custom_kinds` and `api_versions` are by environment, `owner` is the e-mail of who answers
    for it. `environments` are in promotion order, `expires` is when exceptions end. `cluster_scoped` are the
    kinds outside of namespaces that tenants make now, `taken` the namespaces of tenants that stay in the
    fleet, both by environment.
    """

    environments: tuple[str, ...]
    kubernetes: Mapping[str, str]
    owner: str
    expires: datetime
    custom_kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    cluster_scoped: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    api_versions: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    taken: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])


@dataclass(frozen=True, slots=True)
class Adopted:
    """A release as it stands in the fleet: whose it is, with its flattened `values`, what was cut out, and
    which keys stand `twice` in its layers.
    """

    old: OldRelease
    tenant: str
    chart: Mapping[str, str]
    values: Mapping[str, Any]
    cut: tuple[str, ...]
    twice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptionDraft:
    """The `files` of the fleet by their paths, what became of each release (an error in its place), and what
    a person must decide.
    """

    files: Mapping[str, bytes]
    releases: tuple[tuple[OldRelease, Outcome[Adopted]], ...]
    decisions: tuple[str, ...]


def drafted(releases: Sequence[OldRelease], terms: Terms, shipped: Mapping[str, bytes]) -> AdoptionDraft:
    """The fleet that delivers `releases`; one that cannot be said stops no other.

    `shipped` are the platform chart and what it needs, by their paths below `charts/`: it runs nowhere yet.
    """
    charts = _Charts(frozenset(path.partition("/")[0] for path in shipped))
    names = _names(releases, terms.environments)
    made = [(each, attempt(_adopted, each, names[each.key], charts)) for each in releases]
    sound = [each for _, each in made if isinstance(each, Adopted)]
    tenants = by_tenant(sound)
    files = {
        "fleet.yaml": _fleet_yaml(sound, terms),
        **{f"charts/{path}": data for path, data in (*shipped.items(), *charts.files.items())},
    }
    for tenant, parts in tenants.items():
        files[f"tenants/{tenant}/tenant.yaml"] = tenant_yaml(tenant, parts, terms, tenants, ())
        for each in parts:
            path = f"tenants/{tenant}/adopted-{each.old.environment}.yaml"
            files[path] = _values_yaml(each)
    return AdoptionDraft(files, tuple(made), tuple(_decisions(sound, terms)))


def tenant_yaml(
    tenant: str,
    parts: Sequence[Adopted],
    terms: Terms,
    tenants: Mapping[str, Sequence[Adopted]],
    exceptions: Sequence[Mapping[str, Any]],
) -> bytes:
    """The file of one tenant with its releases in all environments."""
    synced = any(each.old.sync for each in parts)
    here = {each.old.environment: _placing(each, tenants, terms, synced) for each in parts}
    common = next(iter(here.values()))
    differing = {name: each for name, each in here.items() if each != common}
    about: dict[str, Any] = {
        "chart": dict(parts[0].chart),
        "environments": [each for each in terms.environments if each in here],
        **common,
        "values": [{"file": f"tenants/{tenant}/adopted-{{environment}}.yaml"}],
        "quota": UNMET,
        "owners": [terms.owner],
    }
    if differing:
        about["perEnvironment"] = differing
    if exceptions:
        about["exceptions"] = list(exceptions)
    whence = [f"{each.old.environment}: {each.old.owner}, {each.old.chart}" for each in parts]
    return _comments(["Adopted from", *whence]) + documents.dump(about)


def _placing(
    each: Adopted, tenants: Mapping[str, Sequence[Adopted]], terms: Terms, synced: bool
) -> dict[str, Any]:
    shared = each.old.namespace in _shared(
        each.old.environment, (part for parts in tenants.values() for part in parts), terms
    )
    namespace = {"name": each.old.namespace, "existing": True, **({"shared": True} if shared else {})}
    sync = (
        {"sync": each.old.sync.model_dump(mode="json", by_alias=True, exclude_defaults=True)}
        if synced
        else {}
    )
    return {"release": each.old.release, "namespace": namespace, **sync}


def _shared(environment: str, parts: Iterable[Adopted], terms: Terms) -> set[str]:
    """The namespaces of an environment that several tenants live in, and those of Kubernetes."""
    taken = terms.taken.get(environment, ())
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in parts:
        if each.old.environment == environment:
            found[each.old.namespace].add(each.tenant)
    return {
        name
        for name, tenants in found.items()
        if is_label(name) and (len(tenants) > 1 or name in taken or is_of_kubernetes(name))
    }


def by_tenant(adopted: Iterable[Adopted]) -> dict[str, list[Adopted]]:
    """The releases of each tenant, in their order."""
    found: dict[str, list[Adopted]] = {}
    for each in adopted:
        found.setdefault(each.tenant, []).append(each)
    return dict(sorted(found.items()))


def _adopted(old: OldRelease, tenant: str, charts: "_Charts") -> Adopted:
    read = [_read(each) for each in old.layers]
    values = layered(untyped.mapping(each.value) for each in read)
    # Helm takes every --set before any --set-string.
    for parameter in sorted(old.parameters, key=lambda each: each.text):
        with_parameter(values, parameter)
    chart = charts.take(old.chart)
    kept, cut = without_secrets(values)
    twice = tuple(str(each) for layer in read for each in layer.duplicates)
    return Adopted(old, tenant, chart, kept, (*map(dotted, cut), *charts.cut_of(chart)), twice)


def _read(layer: OldLayer) -> Document:
    try:
        return documents.parse(layer.text.encode(), layer.whence)
    except documents.DocumentError as error:
        # What the parser says may repeat a secret.
        raise NotAdoptable(
            "its values cannot be read as YAML", place=error.place, fix="mend the line that is named"
        ) from None


class _Charts:
    """Charts of the originals, each folder of each revision once."""

    def __init__(self, reserved: frozenset[str]) -> None:
        self._reserved = reserved
        self._cut: dict[str, list[str]] = {}
        self.files: dict[str, bytes] = {}
        self._folders: dict[str, str] = {}

    def take(self, chart: ChartInGit | ChartPublished) -> dict[str, str]:
        """What tenant.yaml says of a chart, whose files are copied where they stand in Git."""
        if isinstance(chart, ChartPublished):
            return {"name": chart.name, "version": chart.version, "repository": chart.url}
        folder = self._copied(chart)
        about = documents.parse(self.files[f"{folder}/Chart.yaml"], f"{chart.path}/Chart.yaml").value
        return {"name": folder, "version": str(untyped.mapping(about).get("version"))}

    def cut_of(self, chart: Mapping[str, str]) -> tuple[str, ...]:
        """What was cut out of the files of a chart, with those that it needs beside it."""
        return tuple(self._cut.get(chart["name"], ())) if "repository" not in chart else ()

    def _copied(self, chart: ChartInGit) -> str:
        beside = {url: self._copied(other) for url, other in chart.beside}
        identity = chart.identity
        name = _label(chart.path.rpartition("/")[2]) or "chart"
        folder = name
        while folder in self._reserved or self._folders.get(folder, identity) != identity:
            folder = f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:7]}"
        if folder not in self._folders:
            self._folders[folder] = identity
            self._cut[folder] = [cut for other in beside.values() for cut in self._cut[other]]
            moved = {url: f"file://../{other}" for url, other in beside.items()}
            self._take(relocated(chart.files, {old: new for old, new in moved.items() if old != new}), folder)
        return folder

    def _take(self, files: Mapping[str, bytes], folder: str) -> None:
        for file, data in files.items():
            kept, cut = values_without_secrets(file, data)
            self._cut[folder] += (f"charts/{folder}/{file}: {each}" for each in cut)
            if kept is not None:
                self.files[f"{folder}/{file}"] = kept


def _names(releases: Sequence[OldRelease], environments: Sequence[str]) -> dict[str, str]:
    """The tenant of each release, by its key: one for the same release of the same chart in all environments.

    An Application that is called after its environment loses that part of its name.
    """
    wanted: dict[str, str] = {}
    taken: dict[tuple[str, str], str] = {}
    charts: dict[str, str] = {}
    for each in sorted(releases, key=lambda each: (environments.index(each.environment), each.key)):
        name = _tenant_name(each.name, each.environment)
        identity = each.chart.identity
        if (name, each.environment) in taken or charts.get(name, identity) != identity:
            name = _shorter(f"{name}-{each.environment}")
        if (name, each.environment) in taken or charts.get(name, identity) != identity:
            name = _shorter(f"{name}-{hashlib.sha256(each.key.encode()).hexdigest()[:5]}")
        taken[name, each.environment] = each.key
        charts[name] = identity
        wanted[each.key] = name
    return wanted


def _tenant_name(name: str, environment: str) -> str:
    label = _label(name)
    for cut in (label.removesuffix(f"-{environment}"), label.removeprefix(f"{environment}-")):
        if cut not in {label, ""}:
            label = cut
            break
    if not label or not label[0].isalpha():
        label = f"app-{label}".rstrip("-")
    return _shorter(f"{label}-app" if label in _RESERVED else label)


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _shorter(name: str) -> str:
    return (
        name
        if len(name) <= 53 and is_label(name)
        else f"{name[:46]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    )


def _fleet_yaml(adopted: Sequence[Adopted], terms: Terms) -> bytes:
    clusters = _clusters(adopted, terms)
    repositories = dict.fromkeys(each.chart["repository"] for each in adopted if "repository" in each.chart)
    environments: list[dict[str, Any]] = []
    for name in clusters:
        about: dict[str, Any] = {
            "name": name,
            "cluster": clusters[name][0],
            "kubernetes": terms.kubernetes[name],
            "platform": False,
        }
        if served := terms.api_versions.get(name):
            about["apiVersions"] = list(served)
        if kinds := terms.custom_kinds.get(name):
            about["customKinds"] = dict(kinds)
        policy = {
            "sharedNamespaces": sorted(_shared(name, adopted, terms)),
            "clusterScoped": list(terms.cluster_scoped.get(name, ())),
        }
        if policy := {field: value for field, value in policy.items() if value}:
            about["policy"] = policy
        environments.append(about)
    own = {cluster for cluster, _, own in clusters.values() if own}
    fleet: dict[str, Any] = {
        "clusters": [
            {"name": name, "server": server, **({"argocd": name} if name in own else {})}
            for name, server in {name: server for name, server, _ in clusters.values()}.items()
        ],
        "environments": environments,
        "platform": {"name": PLATFORM, "version": ">=0.0.0"},
    }
    if own:
        fleet["argocd"] = [{"name": name} for name, _, _ in clusters.values()]
    if repositories:
        fleet["repositories"] = [
            {"name": f"repository-{number}", "url": url} for number, url in enumerate(repositories, 1)
        ]
    said = "Made by `deploy-orchestrator adopt`. ADOPTION.md says what is left to decide."
    return _comments([said]) + documents.dump(fleet)


def _clusters(adopted: Sequence[Adopted], terms: Terms) -> dict[str, tuple[str, str, bool]]:
    """The cluster of each environment: its name, its server, and whether it has an Argo CD of its own.

    Two environments that have a namespace in common cannot be in one cluster, though each Argo CD calls its
    own cluster the same.
    """
    servers: dict[str, str] = {}
    spaces: defaultdict[str, set[str]] = defaultdict(set)
    for each in adopted:
        servers.setdefault(each.old.environment, each.old.server)
        spaces[each.old.environment].add(each.old.namespace)
    found: dict[str, tuple[str, str, bool]] = {}
    numbered = {server: number for number, server in enumerate(dict.fromkeys(servers.values()), 1)}
    for name in (each for each in terms.environments if each in servers):
        server = servers[name]
        apart = any(
            servers[other] == server and spaces[other] & spaces[name] for other in servers if other != name
        )
        url = server if "://" in server else f"https://{_label(server)}.invalid"
        found[name] = (name if apart else f"cluster-{numbered[server]}", url, apart)
    return found


def _values_yaml(each: Adopted) -> bytes:
    given = each.old.layers or each.old.parameters
    head = [
        "Values, later ones winning, of" if given else "No values but the chart's own",
        *(layer.whence for layer in each.old.layers),
        *(f"the parameter {parameter.name}" for parameter in each.old.parameters),
        *(f"cut out: {path}" for path in each.cut),
    ]
    return _comments(head) + documents.dump(dict(each.values))


def _comments(lines: Iterable[str]) -> bytes:
    shown = ("".join(each if each.isprintable() else ascii(each)[1:-1] for each in line) for line in lines)
    return "".join(f"# {line}\n" for line in shown).encode()


def _decisions(adopted: Sequence[Adopted], terms: Terms) -> Iterator[str]:
    yield "who may approve where: `policy.approval` in fleet.yaml, with keys in allowed_signers"
    yield "the quota of each tenant: what stands there is one that nobody meets"
    if len(terms.environments) > 1:
        yield f"the order in which a change passes: {' → '.join(terms.environments)}"
    for server in sorted({each.old.server for each in adopted if "://" not in each.old.server}):
        yield f"the URL of the API server of the cluster {server}: fleet.yaml has one that leads nowhere"
    for name in terms.environments:
        shared = sorted(_shared(name, adopted, terms))
        if system := [each for each in shared if is_of_kubernetes(each)]:
            where = f"{', '.join(system)} of {name}"
            yield f"whether tenants may live in {where}, which they share with Kubernetes"
        if shared := [each for each in shared if not is_of_kubernetes(each)]:
            yield f"whether the tenants in {', '.join(shared)} of {name} trust each other: they share it"
            if before := sorted({*shared} & {*terms.taken.get(name, ())}):
                yield (
                    f"`sharedNamespaces` in the policy of {name}, and `shared: true` in tenants that stay as"
                    f" they are, where these do not say so of {', '.join(before)} yet"
                )

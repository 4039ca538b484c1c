"""Argo CD's Applications, read as releases of charts.

After https://argo-cd.readthedocs.io/en/stable/user-guide/helm/: parameters win over `valuesObject` and
`values`, these over `valueFiles`, and these over the chart's own values.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final, get_args

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.checkouts import Checkouts, read_text
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.adoption.found import (
    ChartInGit,
    ChartPublished,
    OldLayer,
    OldRelease,
    Parameter,
    Raw,
)
from deploy_orchestrator.adoption.overrides import build_environment, overridden, substituted
from deploy_orchestrator.charts import Version, VersionError
from deploy_orchestrator.fleet import ChartRepository, Cluster, IgnoredDifference, Syncing, SyncOption
from deploy_orchestrator.manifests import untyped

GROUP: Final = "argoproj.io/"
IN_CLUSTER: Final = "https://kubernetes.default.svc"
_OF_ALL: Final = frozenset(
    {"CreateNamespace=true", "FailOnSharedResource=true", "PruneLast=true", "ServerSideApply=true"}
)
"""Sync options that everything has here, or whose work the fleet does."""

_OTHER_TOOLS: Final = ("kustomize", "plugin", "directory")
_NOT_CARRIED: Final = {
    "fileParameters": "write what it gives into values",
    "skipCrds": "take what is in crds/ out of the chart",
    "skipTests": "take the tests out of the chart",
    "passCredentials": "name the repository with its own credentials",
    "kubeVersion": "take it out: charts are rendered for the version of the environment's cluster",
    "apiVersions": "take it out, and say it in fleet.yaml, as `apiVersions` of the environment",
}
_VARIABLES: Final = ("$ARGOCD_APP_", "${ARGOCD_APP_")
_LOGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*://)[^/@]*@", re.IGNORECASE)
_OF_SSH: Final = re.compile(r"[\w.-]+@[\w.-]+:[^@?]*")
_SCHEME: Final = re.compile(r"[a-z]+://")


def is_application(body: Raw) -> bool:
    """Whether an object is an Application."""
    return str(body.get("apiVersion", "")).startswith(GROUP) and body.get("kind") == "Application"


def owner_of(body: Raw) -> str:
    """Who the Application is, as `Application argocd/web`."""
    metadata = untyped.mapping(body.get("metadata"))
    return f"Application {metadata.get('namespace') or 'argocd'}/{metadata.get('name')}"


def release_of(body: Raw, environment: str, checkouts: Checkouts) -> OldRelease:
    """The release that an Application delivers to `environment`.

    Raises:
        NotAdoptable: it is not one chart with values, or what it is made of cannot be had.
    """
    spec = untyped.mapping(body.get("spec"))
    metadata = untyped.mapping(body.get("metadata"))
    destination = untyped.mapping(spec.get("destination"))
    name = untyped.text(metadata.get("name"))
    namespace = untyped.text(destination.get("namespace"))
    if not namespace:
        raise NotAdoptable("it names no destination.namespace", fix="name the one that its objects are in")
    if namespace == (metadata.get("namespace") or "argocd"):
        raise NotAdoptable(
            f"it delivers into the namespace of its Argo CD, {namespace}, which no tenant may have",
            fix="leave it; one that makes Applications is deleted without cascade once they are handed over",
        )
    named = _source(spec)
    chart = _chart(named, checkouts)
    place = untyped.text(metadata.get("namespace")) or "argocd"
    source, files = overridden(named, chart, name, place)
    helm = _helm(source, namespace)
    sync, notes = _sync(spec)
    variables = build_environment({**body, "spec": {**spec, "source": source}})
    return OldRelease(
        environment=environment,
        owner=owner_of(body),
        name=name,
        release=untyped.text(helm.get("releaseName")) or name,
        namespace=namespace,
        server=_server(destination),
        chart=chart,
        layers=tuple(_layers(helm, chart, _named(spec, checkouts), variables)),
        parameters=tuple(_parameters(helm, variables)),
        notes=(*(f"{file} beside its chart counts" for file in files), *notes),
        sync=sync,
    )


def _source(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one source that is a chart: others may hold its values (`ref`), and nothing else."""
    several = untyped.mappings(spec.get("sources"))
    made = [each for each in several if each.get("chart") or each.get("path") or not each.get("ref")]
    if len(made) > 1:
        named = (untyped.text(each.get("chart") or each.get("path")) or "one without a path" for each in made)
        raise NotAdoptable(
            f"it has {len(made)} sources that objects come from: {', '.join(named)}",
            fix="make one chart of them, with the others as dependencies",
        )
    source = untyped.mapping(made[0] if made else spec.get("source"))
    _require_helm(source)
    if not source.get("repoURL") or not (source.get("chart") or source.get("path")):
        raise NotAdoptable("it names no chart", fix="leave it where it is")
    return source


def _require_helm(source: Mapping[str, Any]) -> None:
    for tool in _OTHER_TOOLS:
        if source.get(tool):
            raise NotAdoptable(
                f"it is made by {tool}, not by Helm", fix="make a chart of it, or leave it where it is"
            )


def _helm(source: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """How Helm is called, where that has a counterpart here."""
    _require_helm(source)
    helm = untyped.mapping(source.get("helm"))
    for field, fix in _NOT_CARRIED.items():
        if helm.get(field):
            raise NotAdoptable(f"it uses helm.{field}", fix=fix)
    if helm.get("namespace") not in {None, "", namespace}:
        raise NotAdoptable(
            "it renders for another namespace (helm.namespace) than it delivers to",
            fix="let the chart set the namespace of these objects by a value",
        )
    return helm


def _chart(source: Mapping[str, Any], checkouts: Checkouts) -> ChartInGit | ChartPublished:
    url, revision = _without_login(str(source["repoURL"])), untyped.text(source.get("targetRevision"))
    if name := untyped.text(source.get("chart")):
        try:
            Version.parse(revision)
        except VersionError as error:
            raise NotAdoptable(
                f"its chart {name} has no exact version, but {revision!r}",
                fix="write the version that is live (`argocd app get` shows it) into targetRevision",
            ) from error
        return ChartPublished(_repository(url if _SCHEME.match(url) else f"oci://{url}"), name, revision)
    tree = checkouts.at(url, revision or "HEAD")
    path = posixpath.normpath(untyped.text(source.get("path")).strip("/"))
    if not tree.exists(f"{path}/Chart.yaml"):
        raise NotAdoptable(
            f"there is no chart in {path} of {url} at {revision or 'HEAD'}",
            fix="leave it where it is: only charts can be adopted",
        )
    return ChartInGit(url, revision or "HEAD", path, tree).readable()


def _without_login(url: str) -> str:
    """The URL as it may be told. Raises NotAdoptable where more of it may be a secret."""
    plain = _LOGIN.sub(r"\1", url)
    if not _OF_SSH.fullmatch(plain) and any(each in plain for each in "@?"):
        raise NotAdoptable(
            "its repoURL has a query or a login that cannot be told from its path",
            fix="write it without; credentials of a repository belong in a Secret of Argo CD",
        )
    return plain


def _repository(url: str) -> str:
    try:
        return ChartRepository(name="x", url=url).url
    except ValueError as error:
        raise NotAdoptable(f"its repository {url!r} is none that can be read", fix="mend repoURL") from error


def _named(spec: Mapping[str, Any], checkouts: Checkouts) -> Mapping[str, ChartInGit]:
    """The roots of the repositories that files of values are named in, by their `ref`."""
    found: dict[str, ChartInGit] = {}
    for each in untyped.mappings(spec.get("sources")):
        if ref := untyped.text(each.get("ref")):
            url = _without_login(untyped.text(each.get("repoURL")))
            revision = untyped.text(each.get("targetRevision")) or "HEAD"
            found[ref] = ChartInGit(url, revision, "", checkouts.at(url, revision))
    return found


def _layers(
    helm: Mapping[str, Any],
    chart: ChartInGit | ChartPublished,
    named: Mapping[str, ChartInGit],
    variables: Mapping[str, str],
) -> Iterator[OldLayer]:
    given = untyped.texts(helm.get("valueFiles"))
    files = [_values_file(each, chart, named, variables) for each in given]
    if list(dict.fromkeys(files)) != [each for each, _ in groupby(files)]:
        raise NotAdoptable(
            "it names a values file twice, and which place counts is not the same in all versions of Argo CD",
            fix="name each of valueFiles once",
        )
    for (place, path), said in dict(zip(files, given, strict=True)).items():
        text = read_text(place.tree, place.path, path)
        where = f"beside {place}" if place is chart else f"of {place.url} at {place.revision}"
        if text is not None:
            yield OldLayer(f"{said} {where}", text)
        elif not helm.get("ignoreMissingValueFiles"):
            raise NotAdoptable(f"its values file {said} is missing, {where}", fix="mend valueFiles")
    objects = helm.get("valuesObject")
    if objects is None and (values := untyped.text(helm.get("values"))):
        yield OldLayer("helm.values of the Application", values)
    if objects:
        yield OldLayer("helm.valuesObject of the Application", documents.dump(objects).decode())


def _values_file(
    given: str,
    chart: ChartInGit | ChartPublished,
    named: Mapping[str, ChartInGit],
    variables: Mapping[str, str],
) -> tuple[ChartInGit, str]:
    """What one of `valueFiles` names: a path, and the chart or the repository that it is seen from."""
    ref, _, path = given.removeprefix("$").partition("/")
    is_referred = given.startswith("$") and ref in named
    place = named[ref] if is_referred else chart
    full = substituted(path if is_referred else given, variables)
    is_unknown = given.startswith("$") and not (is_referred or given.startswith(_VARIABLES))
    if is_unknown or isinstance(place, ChartPublished) or _SCHEME.match(full):
        raise NotAdoptable(
            f"its values come from {given}, which is neither beside the chart nor in a source of that ref",
            fix="write them into valuesObject of the Application",
        )
    if set("*?[") & set(full):
        raise NotAdoptable(
            f"its values files are a pattern, {given}, which not all versions of Argo CD read",
            fix="name each file in valueFiles",
        )
    return place, posixpath.normpath(full)


def _parameters(helm: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[Parameter]:
    for each in untyped.mappings(helm.get("parameters")):
        value = substituted(str(each.get("value", "")), variables)
        yield Parameter(str(each.get("name")), value, bool(each.get("forceString")))


def _server(destination: Mapping[str, Any]) -> str:
    name = untyped.text(destination.get("name"))
    server = untyped.text(destination.get("server"))
    if not server:
        return IN_CLUSTER if name in {"", "in-cluster"} else name
    try:
        return Cluster(name="x", server=server).server
    except ValueError as error:
        raise NotAdoptable(
            "its destination.server is no URL of an API server", fix="mend destination.server"
        ) from error


def _sync(spec: Mapping[str, Any]) -> tuple[Syncing, tuple[str, ...]]:
    """What of `syncPolicy.syncOptions` and `ignoreDifferences` is carried over, and what is not, in words."""
    options: list[str] = []
    lost: list[str] = []
    for option in untyped.texts(untyped.at(spec, "syncPolicy", "syncOptions")):
        if option in get_args(SyncOption):
            options.append(option)
        elif option not in _OF_ALL:
            lost.append(f"its sync option {option} is not carried over")
    ignored: list[IgnoredDifference] = []
    for each in untyped.items(spec.get("ignoreDifferences")):
        try:
            ignored.append(IgnoredDifference.model_validate(each))
        except ValueError:
            lost.append("one of its ignoreDifferences names no field that can be ignored, and is left out")
    sync = Syncing.model_validate({"options": options, "ignore_differences": ignored})
    return sync, tuple(lost)

"""What runs now, read from files or from a cluster."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.adoption import applications, helm_releases
from deploy_orchestrator.adoption.checkouts import Checkouts
from deploy_orchestrator.adoption.errors import AdoptionError
from deploy_orchestrator.adoption.found import ChartInGit, OldRelease, Raw
from deploy_orchestrator.delivery import ClusterClient, delivers_release
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import is_cluster_kind
from deploy_orchestrator.manifests import scopes, untyped
from deploy_orchestrator.outcomes import Outcome, attempt

_FILE: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
"""The names that Kubernetes lets an Application have (RFC 1123): none leads out of a folder."""

_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def objects_in(path: Path) -> list[Raw]:
    """The objects in a file, or in all YAML and JSON files below a folder; lists taken apart.

    Raises:
        AdoptionError: there is no such file.
        DocumentError: one is not YAML.
    """
    if not path.exists():
        raise AdoptionError("there is no such file", place=Place(str(path)), fix="mend the path")
    files = (
        sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
        if path.is_dir()
        else [path]
    )
    return [
        body
        for file in files
        for document in documents.parse_all(file.read_bytes(), str(file))
        for body in _flattened(document.value)
    ]


def objects_of(cluster: ClusterClient, argocd: str) -> list[Raw]:
    """The Applications in the namespace `argocd` of a cluster, Helm's releases in all, and its definitions of
    custom kinds. Raises DeliveryError where it does not answer.
    """
    wanted = (
        ("argoproj.io/v1alpha1", "Application", argocd, None),
        ("v1", "Secret", "", {"owner": "helm"}),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", None),
    )
    found: list[Raw] = []
    for version, kind, namespace, labels in wanted:
        if cluster.serves(version, kind):
            found += [each.body for each in cluster.list(version, kind, namespace, labels)]
    return found


def custom_kinds_in(objects: Iterable[Raw]) -> dict[str, str]:
    """The scopes of the custom kinds that are defined among `objects`, as fleet.yaml has them."""
    found = scopes(objects, {})
    return {
        kind: "Cluster" if whole else "Namespaced"
        for kind, whole in sorted(found.items())
        if is_cluster_kind(kind)
    }


def api_versions_in(objects: Iterable[Raw]) -> list[str]:
    """The API versions that definitions among `objects` add to a cluster's own, and their kinds in these, as
    charts ask for them: `.Capabilities.APIVersions` in Argo CD has both.
    """
    found: set[str] = set()
    for body in objects:
        if body.get("kind") == "CustomResourceDefinition":
            spec = untyped.mapping(body.get("spec"))
            kind = untyped.at(spec, "names", "kind")
            for each in untyped.mappings(spec.get("versions")):
                if each.get("served"):
                    version = f"{spec.get('group')}/{each.get('name')}"
                    found |= {version, f"{version}/{kind}"}
    return sorted(found)


def owners_in(objects: Sequence[Raw]) -> frozenset[str]:
    """Who delivers something among `objects`, as records of an adoption call them."""
    applications_there = (
        applications.owner_of(each) for each in objects if applications.is_application(each)
    )
    releases = helm_releases.newest(each for each in objects if helm_releases.is_release(each))
    return frozenset([*applications_there, *map(helm_releases.owner_of, releases)])


def read(
    environment: str,
    objects: Sequence[Raw],
    checkouts: Checkouts,
    charts: Mapping[str, ChartInGit | str],
    manifests: Path | None = None,
    match: str = "*",
) -> Iterator[tuple[str, Outcome[OldRelease]]]:
    """The releases among `objects` whose names `match`, by who delivers them; an error in place of one that
    cannot be adopted. The Applications of this orchestrator's own releases are none.

    `charts` are as `helm_releases.release_of` takes them. `manifests` is a folder with what the originals
    apply, as `argocd app manifests NAME` prints it, in a file `NAME.yaml` each.
    """
    for body in objects:
        if applications.is_application(body) and not _is_ours(body) and fnmatchcase(_name(body), match):
            key = f"{environment}: {applications.owner_of(body)}"
            found = attempt(applications.release_of, body, environment, checkouts)
            yield key, _with(found, manifests)
    for body in helm_releases.newest(each for each in objects if helm_releases.is_release(each)):
        if fnmatchcase(str(untyped.at(body, "metadata", "labels", "name")), match):
            key = f"{environment}: {helm_releases.owner_of(body)}"
            yield key, attempt(helm_releases.release_of, body, environment, charts)


def _with(found: Outcome[OldRelease], folder: Path | None) -> Outcome[OldRelease]:
    if folder is None or not isinstance(found, OldRelease):
        return found
    if not _FILE.fullmatch(found.name):
        return found
    file = folder / f"{found.name}.yaml"
    return replace(found, manifests=file.read_bytes()) if file.is_file() else found


def _is_ours(body: Raw) -> bool:
    return delivers_release(untyped.mapping(untyped.at(body, "metadata", "labels")))


def _name(body: Raw) -> str:
    return str(untyped.at(body, "metadata", "name"))


def _flattened(value: Any) -> Iterator[Raw]:
    if not isinstance(value, dict):
        return
    body = cast(dict[str, Any], value)
    if str(body.get("kind", "")).endswith("List") and isinstance(body.get("items"), list):
        for each in cast(list[Any], body["items"]):
            yield from _flattened(each)
    else:
        yield body

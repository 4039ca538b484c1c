# pyright: reportMissingTypeStubs=false
"""Any object of a Kubernetes cluster, read and applied with the rights of somebody's kubeconfig."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import urllib3

from deploy_orchestrator.delivery.connection import connect, reported
from deploy_orchestrator.delivery.errors import ClusterRefused, ClusterUnreachable, NotServed, OutOfTime
from deploy_orchestrator.manifests import Object, untyped

_CONNECT, _ANSWER = 3.0, 15.0
_RETRIES = urllib3.Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)
_SERVER_OWNED: Final = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)

_COPY: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class _Kind:
    collection: str
    namespaced: bool


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """Which object it is, and as of which write."""

    uid: str
    resource_version: str


class ClusterClient:
    """The API server of a cluster. Its methods may be called from several threads.

    Each raises `ClusterRefused`, `NotServed`, `ClusterUnreachable` (from then on at once), and `OutOfTime`
    when `limit` has passed.

    Args:
        kubeconfig, context, commands: as `connect` takes them.
        limit: for all requests together.
        manager: the name under which its fields are set.

    Raises:
        KubeconfigRunsProgram, NoCluster: as `connect`.
    """

    def __init__(
        self,
        kubeconfig: Path | None,
        context: str | None,
        limit: timedelta,
        manager: str,
        *,
        commands: bool = False,
    ) -> None:
        self._api: Any = connect(kubeconfig, context, _RETRIES, commands=commands)
        self._end = time.monotonic() + limit.total_seconds()
        self._limit = limit
        self._manager = manager
        self._kinds: dict[str, Mapping[str, _Kind]] = {}
        self._unreachable: ClusterUnreachable | None = None

    def read(self, wanted: Object, namespace: str) -> Object | None:
        """The object as it is live, None where it is not; in `namespace` unless it names its own."""
        try:
            return _theirs(self._request("GET", self._path(wanted, namespace)))
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise

    def status(self, wanted: Object, namespace: str) -> Mapping[str, Any]:
        """What its controller last said of an object that is there."""
        return untyped.mapping(self._request("GET", self._path(wanted, namespace)).get("status"))

    @property
    def kubernetes(self) -> str:
        """The minor version of its API server, as `1.34`."""
        found = self._request("GET", "/version")
        return ".".join(str(found.get(part, "")).rstrip("+") for part in ("major", "minor"))

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the cluster knows a kind."""
        if api_version not in self._kinds:
            self._kinds[api_version] = self._served(api_version)
        return kind in self._kinds[api_version]

    def list(
        self, api_version: str, kind: str, namespace: str, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All objects of a kind in `namespace`, in all of them where that is "", those with `labels` where
        any are given.
        """
        path = self._collection(api_version, kind, namespace)
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        found = self._request("GET", path, [("labelSelector", selector)] if selector else [])
        return [_theirs({"apiVersion": api_version, "kind": kind, **each}) for each in found["items"]]

    def apply(self, wanted: Object, namespace: str, *, dry_run: bool) -> Object:
        """What becomes of the object by a server-side apply that takes fields over from other managers."""
        query = [("fieldManager", self._manager), ("force", "true"), *_dry(dry_run)]
        return _theirs(
            self._request(
                "PATCH", self._path(wanted, namespace), query, wanted.body, "application/apply-patch+yaml"
            )
        )

    def create(self, wanted: Object, namespace: str) -> Object:
        """Makes the object, which must not be there."""
        collection = self._path(wanted, namespace).rpartition("/")[0]
        query = [("fieldManager", self._manager)]
        return _theirs(self._request("POST", collection, query, wanted.body, "application/json"))

    def merge(self, wanted: Object, namespace: str, change: Mapping[str, Any]) -> ObjectVersion:
        """Changes what `change` names of the object that is there, and nothing else (RFC 7396)."""
        query = [("fieldManager", self._manager)]
        path = self._path(wanted, namespace)
        metadata = self._request("PATCH", path, query, change, "application/merge-patch+json")["metadata"]
        return ObjectVersion(metadata["uid"], metadata["resourceVersion"])

    def delete(self, wanted: Object, namespace: str, version: ObjectVersion) -> None:
        """Deletes the object alone, what it owns stays; refused with 409 unless it is as of `version`."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Orphan",
            "preconditions": {"uid": version.uid, "resourceVersion": version.resource_version},
        }
        self._request("DELETE", self._path(wanted, namespace), (), options, "application/json")

    def try_anew(self, wanted: Object, namespace: str) -> None:
        """A dry run of creating the object beside the one that has its name."""
        metadata = {**wanted.body["metadata"], "name": None, "generateName": f"{wanted.name[:50]}-"}
        collection = self._path(wanted, namespace).rpartition("/")[0]
        query = [("fieldManager", self._manager), *_dry(True)]
        self._request("POST", collection, query, {**wanted.body, "metadata": metadata}, "application/json")

    def _path(self, wanted: Object, namespace: str) -> str:
        within = wanted.namespace or namespace
        return f"{self._collection(wanted.api_version, wanted.kind, within)}/{quote(wanted.name, safe='')}"

    def _collection(self, version: str, kind: str, namespace: str) -> str:
        if not self.serves(version, kind):
            raise NotServed(
                f"the cluster serves no {kind} in {version}",
                fix="install what defines it, or choose another version",
            )
        found = self._kinds[version][kind]
        within = f"/namespaces/{quote(namespace, safe='')}" if found.namespaced and namespace else ""
        root, _, plural = found.collection.rpartition("/")
        return f"{root}{within}/{plural}"

    def _served(self, version: str) -> Mapping[str, _Kind]:
        root = f"/{'apis' if '/' in version else 'api'}/{quote(version)}"
        try:
            resources = self._request("GET", root)["resources"]
        except ClusterRefused as error:
            if error.status == 404:
                return {}
            raise
        return {
            each["kind"]: _Kind(f"{root}/{each['name']}", each["namespaced"])
            for each in resources
            if "/" not in each["name"]
        }

    def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content: str | None = None,
    ) -> dict[str, Any]:
        left = self._end - time.monotonic()
        if self._unreachable:
            raise self._unreachable
        if left <= 0:
            raise OutOfTime(f"the cluster took longer than {self._limit.total_seconds():.0f} s for all")
        headers = {"Accept": "application/json", **({"Content-Type": content} if content else {})}
        try:
            with reported():
                answer = self._api.call_api(
                    path,
                    method,
                    query_params=list(query),
                    header_params=headers,
                    body=body,
                    auth_settings=["BearerToken"],
                    _preload_content=False,
                    _request_timeout=(min(_CONNECT, left), min(_ANSWER, left)),
                )
                return json.loads(answer.data)
        except ClusterUnreachable as error:
            self._unreachable = error
            raise


def _dry(dry_run: bool) -> list[tuple[str, str]]:
    return [("dryRun", "All")] if dry_run else []


def _theirs(body: Mapping[str, Any]) -> Object:
    """An object from the server, without what the server alone writes, and without kubectl's copy of it."""
    metadata = {name: value for name, value in body["metadata"].items() if name not in _SERVER_OWNED}
    annotations: dict[str, str] = metadata.pop("annotations", None) or {}
    if kept := {key: text for key, text in annotations.items() if key != _COPY}:
        metadata["annotations"] = kept
    return Object({name: value for name, value in {**body, "metadata": metadata}.items() if name != "status"})

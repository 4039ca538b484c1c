"""A Kubernetes API server that keeps objects in memory: discovery, reads, watches, creates, merge patches,
server-side applies, dry runs and deletes, with the refusals that a caller must expect.

It knows no schemas but that of an operation's state: every list is replaced as a whole, as in a custom
resource.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.simulated.objects import SERVED, Body, Key, Kind, Refused, invalid, matching, merged, now, without

ACCOUNT = "system:serviceaccount:argocd:deploy-orchestrator"

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?)?"
)
_MERGES = frozenset({"application/merge-patch+json", "application/strategic-merge-patch+json"})
_OPERATION_STATE = frozenset({"operation", "phase", "startedAt"})
"""What Argo CD's definition of an Application requires of one."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class Event(NamedTuple):
    version: int
    type: str
    key: Key
    object: Body


@dataclass(frozen=True)
class Fault:
    """What befalls requests: those that begin with `request`, such as `PATCH /api/v1`, `times` of them.

    They are answered after `delay` seconds with `status`, `headers` and `body`; without a `status` the
    connection is cut.
    """

    request: str
    times: int = 1
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0


@dataclass
class ApiServer:
    """`asked` are the requests so far. `denies` tells whether a caller over HTTP may not use a verb on a
    resource; `admits` may refuse an object to everybody."""

    port: int = 0
    asked: list[str] = field(default_factory=list[str])
    denies: Callable[[str, str], bool] = lambda verb, resource: False
    admits: Callable[[Body], Refused | None] = lambda body: None

    def __post_init__(self) -> None:
        self._objects: dict[Key, Body] = {}
        self._applied: dict[tuple[Key, str], Body] = {}
        self._events: list[Event] = []
        self._faults: list[tuple[Fault, int]] = []
        self._kinds = dict(SERVED)
        self._version = 0
        self._oldest = 0
        self._watches = 0
        self._closed = False
        self._changed = threading.Condition()

    # What tests and the controllers in this process do: with all rights.

    def kind(self, name: str) -> Kind:
        return next(kind for kind in self._kinds.values() if kind.name == name)

    def read(self, kind: str, namespace: str, name: str) -> Body | None:
        with self._changed:
            return deepcopy(self._objects.get(Key(self.kind(kind), namespace, name)))

    def of_kind(self, kind: str, namespace: str) -> list[Body]:
        with self._changed:
            return deepcopy(
                [body for key, body in self._objects.items() if key[:2] == (self.kind(kind), namespace)]
            )

    def put(self, body: Body) -> Body:
        """Write an object as it is, whether it is there or not."""
        metadata = body["metadata"]
        key = Key(self.kind(body["kind"]), metadata.get("namespace", ""), metadata["name"])
        with self._changed:
            return self._store(key, deepcopy(body))

    def patch(self, kind: str, namespace: str, name: str, change: Body) -> Body:
        """Merge a change; raises Refused as over HTTP."""
        with self._changed:
            return self._merge(Key(self.kind(kind), namespace, name), change)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        with self._changed:
            self._delete(Key(self.kind(kind), namespace, name))

    def namespaces(self, *names: str) -> None:
        for name in names:
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def wait_beyond(self, version: int, limit: float) -> int:
        """The version of the newest write, as soon as there is one after `version` or `limit` is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version or self._closed, limit)
            return self._version

    def fails(self, *faults: Fault) -> None:
        with self._changed:
            self._faults += ((fault, fault.times) for fault in faults)

    @property
    def unmet(self) -> list[Fault]:
        """Faults that befell no request yet."""
        return [fault for fault, left in self._faults if left == fault.times]

    def forget_history(self) -> None:
        """As a compaction of etcd: watches that ask for what was before are too old."""
        with self._changed:
            self._oldest = self._version = self._version + 1

    def cut_watches(self) -> None:
        with self._changed:
            self._watches += 1
            self._changed.notify_all()

    def kubeconfig(self, path: Path, *contexts: str) -> Path:
        """The file for a client of this server, with a context of each name."""
        cluster = {"server": f"http://127.0.0.1:{self.port}"}
        names = contexts or ("here",)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": names[0],
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "me", "user": {"token": "a-token"}}],
            "contexts": [{"name": name, "context": {"cluster": "here", "user": "me"}} for name in names],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    # What is asked over HTTP.

    def fault(self, request: str) -> Fault | None:
        with self._changed:
            for number, (fault, left) in enumerate(self._faults):
                if left and request.startswith(fault.request):
                    self._faults[number] = fault, left - 1
                    return fault
        return None

    def answer(
        self, method: str, path: str, query: Mapping[str, str], content: str, body: Body
    ) -> tuple[int, Body]:
        """The answer to a request that is no watch.

        Raises:
            Refused
        """
        if path == "/version":
            return 200, {"major": "1", "minor": "34+", "gitVersion": "v1.34.2-simulated"}
        found = _PATH.fullmatch(path)
        version = "/".join(filter(None, found.group("group", "version"))) if found else ""
        if found is None or version not in {kind.api_version for kind in self._kinds.values()}:
            raise Refused(404, "", "404 page not found\n")
        if found["plural"] is None:
            return 200, self._discovery(version)
        kind, namespace, name = self.kind_at(path), found["namespace"] or "", found["name"]
        dry_run = query.get("dryRun") == "All"
        self._authorize(method, Key(kind, namespace, name or ""))
        with self._changed:
            match method, name:
                case "GET", None:
                    return 200, self._collection(kind, namespace, query.get("labelSelector", ""))
                case "GET", name:
                    return 200, deepcopy(self._existing(Key(kind, namespace, name)))
                case "POST", None:
                    return 201, self._create(kind, namespace, body, dry_run)
                case "PATCH", name if content == "application/apply-patch+yaml":
                    return self._apply(Key(kind, namespace, name or ""), query["fieldManager"], body, dry_run)
                case "PATCH", name if content in _MERGES:
                    return 200, self._merge(Key(kind, namespace, name or ""), body)
                case "DELETE", name:
                    key = Key(kind, namespace, name or "")
                    self._meets(key, body.get("preconditions") or {})
                    self._delete(key)
                    return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
                case _:
                    raise Refused(415, "UnsupportedMediaType", f"{method} of {content} is not supported")

    def watch(self, path: str, query: Mapping[str, str]) -> Iterator[Body]:
        """The events after a version, until `timeoutSeconds` are over."""
        found = _PATH.fullmatch(path)
        kind, namespace = self.kind_at(path), found["namespace"] if found else ""
        self._authorize("WATCH", Key(kind, namespace, ""))
        end = time.monotonic() + float(query["timeoutSeconds"])
        version, selects = int(query["resourceVersion"]), matching(query.get("labelSelector", ""))
        with self._changed:
            generation = self._watches
        while True:
            with self._changed:
                if version < self._oldest:
                    said = f"too old resource version: {version} ({self._oldest})"
                    yield {"type": "ERROR", "object": Refused(410, "Expired", said).status}
                    return
                due = [each for each in self._events if each.version > version]
                if not due:
                    left = end - time.monotonic()
                    if generation != self._watches:
                        raise ConnectionAbortedError("told to")
                    if left <= 0 or self._closed:
                        return
                    self._changed.wait(left)
                    continue
            version = due[-1].version
            for each in due:
                if each.key[:2] == (kind, namespace) and selects(each.object):
                    yield {"type": each.type, "object": each.object}

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def kind_at(self, path: str) -> Kind:
        found = _PATH.fullmatch(path)
        assert found
        version = "/".join(filter(None, found.group("group", "version")))
        try:
            return self._kinds[version, found["plural"]]
        except KeyError:
            raise Refused(404, "NotFound", "the server could not find the requested resource") from None

    def _discovery(self, version: str) -> Body:
        resources: list[Body] = []
        for kind in self._kinds.values():
            if kind.api_version == version:
                names = (kind.plural, f"{kind.plural}/status")
                resources += (
                    {"name": name, "kind": kind.name, "namespaced": kind.namespaced} for name in names
                )
        return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}

    def _authorize(self, method: str, key: Key) -> None:
        verb = {"GET": "get" if key.name else "list", "POST": "create"}.get(method, method.lower())
        if self.denies(verb, key.kind.resource):
            named = f' "{key.name}"' if key.name else ""
            raise Refused(
                403,
                "Forbidden",
                f'{key.kind.resource}{named} is forbidden: User "{ACCOUNT}" cannot {verb} resource '
                f'"{key.kind.plural}" in API group "{key.kind.group}" in the namespace "{key.namespace}"',
            )

    def _collection(self, kind: Kind, namespace: str, selector: str) -> Body:
        selects = matching(selector)
        everywhere = kind.namespaced and not namespace
        items = [
            body
            for key, body in self._objects.items()
            if key[0] == kind and (everywhere or key[1] == namespace) and selects(body)
        ]
        # As the real one does, items of built-in kinds do not repeat what the list says.
        strip = "." not in kind.group
        items = [
            {k: v for k, v in each.items() if not (strip and k in ("apiVersion", "kind"))} for each in items
        ]
        return {
            "apiVersion": kind.api_version,
            "kind": f"{kind.name}List",
            "metadata": {"resourceVersion": str(self._version)},
            "items": deepcopy(items),
        }

    def _existing(self, key: Key) -> Body:
        if key not in self._objects:
            raise key.missing()
        return self._objects[key]

    def _create(self, kind: Kind, namespace: str, body: Body, dry_run: bool) -> Body:
        metadata = body["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
        key = Key(kind, namespace, name)
        made = {
            **body,
            "metadata": {**metadata, "name": name, **({"namespace": namespace} if namespace else {})},
        }
        self._check(key, made)
        if key in self._objects:
            raise Refused(409, "AlreadyExists", f'{kind.resource} "{name}" already exists')
        return made if dry_run else self._store(key, made)

    def _merge(self, key: Key, change: Body) -> Body:
        live = self._existing(key)
        wanted = change.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != live["metadata"]["resourceVersion"]:
            raise Refused(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {key.kind.resource} "{key.name}": the object has been '
                "modified; please apply your changes to the latest version and try again",
            )
        made = merged(live, change)
        state = made.get("status", {}).get("operationState") or {}
        missing = _OPERATION_STATE - state.keys()
        if key.kind.name == "Application" and state and missing:
            raise invalid(key, f"status.operationState.{min(missing)}: Required value")
        return deepcopy(live) if made == live else self._store(key, made)

    def _apply(self, key: Key, manager: str, body: Body, dry_run: bool) -> tuple[int, Body]:
        live = self._objects.get(key)
        made = merged(without(live or {}, self._applied.get((key, manager), {}), body), body)
        if key.namespace:
            made["metadata"].setdefault("namespace", key.namespace)
        self._check(key, made)
        if not dry_run:
            self._applied[key, manager] = deepcopy(body)
        if made == live or dry_run:
            return 200, deepcopy(made)
        made["metadata"]["managedFields"] = [{"manager": manager, "operation": "Apply"}]
        return 200 if live else 201, self._store(key, made)

    def _delete(self, key: Key) -> None:
        gone = self._existing(key)
        del self._objects[key]
        self._applied = {known: body for known, body in self._applied.items() if known[0] != key}
        self._happened("DELETED", key, gone)

    def _meets(self, key: Key, preconditions: Body) -> None:
        live = self._existing(key)["metadata"]
        for name, wanted in preconditions.items():
            if wanted != live[name]:
                raise Refused(
                    409,
                    "Conflict",
                    f'Cannot delete {key.kind.resource} "{key.name}": Precondition failed: '
                    f"{name} in precondition: {wanted}, {name} in object meta: {live[name]}",
                )

    def _check(self, key: Key, body: Body) -> None:
        if not _NAME.fullmatch(key.name):
            raise invalid(
                key, f'metadata.name: Invalid value: "{key.name}": a lowercase RFC 1123 subdomain must'
            )
        if key.namespace and Key(self.kind("Namespace"), "", key.namespace) not in self._objects:
            raise Key(self.kind("Namespace"), "", key.namespace).missing()
        live = self._objects.get(key)
        if live and live.get("immutable") and live.get("data") != body.get("data"):
            raise invalid(key, "data: Forbidden: field is immutable when `immutable` is set")
        if refused := self.admits(body):
            raise refused

    def _store(self, key: Key, body: Body) -> Body:
        before = self._objects.get(key)
        told = {
            "uid": before["metadata"]["uid"] if before else str(uuid.uuid4()),
            "creationTimestamp": before["metadata"]["creationTimestamp"] if before else now(),
            "resourceVersion": str(self._version + 1),
        }
        made = {**body, "metadata": {**body["metadata"], **told}}
        self._objects[key] = made
        if key.kind.name == "CustomResourceDefinition":
            self._define(made["spec"])
        self._happened("MODIFIED" if before else "ADDED", key, made)
        return deepcopy(made)

    def _define(self, spec: Body) -> None:
        for each in spec["versions"]:
            kind = Kind(f"{spec['group']}/{each['name']}", spec["names"]["plural"], spec["names"]["kind"])
            self._kinds[kind.api_version, kind.plural] = kind

    def _happened(self, what: str, key: Key, body: Body) -> None:
        self._version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self._events.append(Event(self._version, what, key, deepcopy(body)))
        self._changed.notify_all()

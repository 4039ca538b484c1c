"""As much of Argo CD as the orchestrator sees: Applications made of release files, compared and synced.

It reads the deployments repository and applies to the simulated cluster. Pods and Jobs do not run: they
succeed at once, unless they are annotated with `e2e/fails` (what they print) or `e2e/hangs`. ConfigMaps are
Degraded while `e2e/broken` tells their `x`, as in the contract's run against a real one.
"""

import json
import re
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, NamedTuple

import yaml

from deploy_orchestrator.git import Repository, RevisionNotFound
from deploy_orchestrator.manifests import Object, hooks
from tests.simulated.api_server import ApiServer, Fault
from tests.simulated.objects import Body, Refused, merged, now

REFRESH = "argocd.argoproj.io/refresh"
REFRESH_SET = "argocd.argoproj.io/application-set-refresh"
TRACKING = "argocd.argoproj.io/tracking-id"
ATTEMPT = "simulated/attempt"

_WORST = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
_BACKOFF = 0.05


class NoManifests(Exception):
    """The target cannot be read."""


class Compared(NamedTuple):
    """`wanted` are the target's objects that stay, `obsolete` those that are live and no longer wanted."""

    wanted: list[Body]
    obsolete: list[Body]
    resources: list[Body]

    @property
    def synced(self) -> str:
        return "OutOfSync" if any(each["status"] == "OutOfSync" for each in self.resources) else "Synced"

    @property
    def health(self) -> str:
        told = [each["health"]["status"] for each in self.resources if "health" in each]
        return max(told, key=_WORST.index, default="Healthy")


@dataclass
class ArgoCD:
    """`lost` announcements are still to be forgotten, as the ApplicationSet controller does at times."""

    api: ApiServer
    deployments: Repository
    namespace: str = "argocd"
    lost: int = 0
    _seen: dict[str, object] = field(default_factory=dict[str, object])
    _stopped: threading.Event = field(default_factory=threading.Event)
    _at_work: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Generator[None]:
        """Its controllers work while the block runs, and may be started again after it."""
        self._stopped.clear()
        failures: list[BaseException] = []

        def work() -> None:
            version = 0
            try:
                while not self._stopped.is_set():
                    version = self.api.wait_beyond(version, _BACKOFF)
                    with self._at_work:
                        self._reconcile()
            except BaseException as error:
                failures.append(error)
                self.api.fails(Fault("", times=sys.maxsize, status=400, body=b"the simulated Argo CD broke"))
                self.api.cut_watches()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()
        if failures:
            raise failures[0]

    @contextmanager
    def paused(self) -> Generator[None]:
        """Its controllers do nothing while the block runs."""
        with self._at_work:
            yield

    def _reconcile(self) -> None:
        for each in self.api.of_kind("ApplicationSet", self.namespace):
            if REFRESH_SET in each["metadata"].get("annotations", {}):
                self._generate(each)
        for each in self.api.of_kind("Application", self.namespace):
            try:
                self._advance(each)
            except Refused as refused:
                if refused.code not in (404, 409):
                    raise

    def _generate(self, application_set: Body) -> None:
        metadata, spec = application_set["metadata"], application_set["spec"]
        cleared = {"metadata": {"annotations": {REFRESH_SET: None}}}
        self.api.patch("ApplicationSet", self.namespace, metadata["name"], cleared)
        if self.lost:
            self.lost -= 1
            return
        self.deployments.fetch()
        tree = self.deployments.at("main")
        for generator in spec["generators"]:
            for file in generator["git"]["files"]:
                for path in tree.files("releases"):
                    if fnmatch(f"releases/{path}", file["path"]):
                        self._make(spec, yaml.safe_load(tree.read(f"releases/{path}")))

    def _make(self, spec: Body, release: Body) -> None:
        made = _rendered(spec["template"], release)
        made = merged(made, yaml.safe_load(_rendered(spec["templatePatch"], release)) or {})
        name = made["metadata"]["name"]
        made["metadata"]["namespace"] = self.namespace
        if self.api.read("Application", self.namespace, name):
            self.api.patch("Application", self.namespace, name, made)
        else:
            self.api.put({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "status": {}, **made})

    def _advance(self, application: Body) -> None:
        name, status = application["metadata"]["name"], application.get("status", {})
        state = status.get("operationState")
        if "operation" in application:
            self._operate(application, state)
            return
        annotations = application["metadata"].get("annotations", {})
        target = application["spec"]["source"]["targetRevision"]
        finished = (state or {}).get("finishedAt"), (state or {}).get("startedAt")
        looked = (target, finished, self._live(application))
        if REFRESH in annotations or self._seen.get(name) != looked:
            self._write(
                application, {"metadata": {"annotations": {REFRESH: None}}, "status": self._look(application)}
            )
            self._seen[name] = looked
            return
        automated = application["spec"].get("syncPolicy", {}).get("automated")
        if automated and status["sync"]["status"] == "OutOfSync" and _untried(state, target):
            operation = {
                "initiatedBy": {"automated": True},
                "retry": application["spec"]["syncPolicy"].get("retry"),
                "sync": {"revision": target, "prune": True},
            }
            self._write(application, {"operation": operation, "status": {"operationState": None}})

    def _look(self, application: Body) -> Body:
        target, before = application["spec"]["source"]["targetRevision"], application.get("status", {})
        try:
            compared = self._compare(application, target)
        except NoManifests as error:
            condition = {"type": "ComparisonError", "message": str(error), "lastTransitionTime": now()}
            sync = {"status": "Unknown", "revision": target}
            return {"sync": sync, "conditions": [condition], "reconciledAt": now()}
        health: Body = {"status": compared.health}
        same = before.get("health", {}).get("status") == compared.health
        health["lastTransitionTime"] = before["health"]["lastTransitionTime"] if same else now()
        return {
            "sync": {"status": compared.synced, "revision": target},
            "health": health,
            "resources": compared.resources,
            "conditions": None,
            "reconciledAt": now(),
        }

    def _operate(self, application: Body, state: Body | None) -> None:
        operation = application["operation"]
        if state is None:
            started = {"operation": operation, "phase": "Running", "message": "started", "startedAt": now()}
            self._write(application, {"status": {"operationState": started}})
            return
        if state["phase"] == "Terminating":
            for result in state.get("syncResult", {}).get("resources", []):
                if result.get("hookPhase") == "Running":
                    self.api.delete(result["kind"], result["namespace"], result["name"])
            self._end(application, "Failed", "Operation terminated", state.get("syncResult"))
            return
        revision = operation["sync"]["revision"]
        try:
            compared = self._compare(application, revision)
        except NoManifests as error:
            self._fail(application, state, "Error", str(error), None)
            return
        attempt = f"{state['startedAt']} {operation.get('info')} {state.get('retryCount', 0)}"
        results: list[Body] = []
        for result in self._tasks(application, revision, compared, attempt):
            results.append(result)
            brought = {"revision": revision, "resources": results}
            if result.get("hookPhase") == "Running":
                running = {"message": f"waiting for completion of hook {result['kind']}/{result['name']}"}
                if state["message"] != running["message"]:
                    self._write(
                        application, {"status": {"operationState": {**running, "syncResult": brought}}}
                    )
                return
            if result.get("hookPhase") == "Failed":
                said = "one or more synchronization tasks completed unsuccessfully"
                self._fail(application, state, "Failed", said, brought)
                return
        history = [
            *application.get("status", {}).get("history", []),
            {"revision": revision, "deployedAt": now()},
        ]
        said = "successfully synced (all tasks run)"
        self._end(
            application, "Succeeded", said, {"revision": revision, "resources": results}, {"history": history}
        )

    def _tasks(self, application: Body, revision: str, compared: Compared, attempt: str) -> Iterator[Body]:
        """Runs what a sync does, in its order, and tells how each went."""
        objects = [Object(each) for each in self._manifests(application, revision)]
        for phase in ("PreSync", "Sync", "PostSync"):
            for each in sorted((each for each in objects if phase in hooks.phases(each)), key=hooks.wave):
                yield {**_reference(each.body), **self._run(each.body, attempt), "hookType": phase}
            if phase == "Sync":
                for wanted in compared.wanted:
                    self._put(application, wanted)
                    yield {**_reference(wanted), "status": "Synced"}
                for each in compared.obsolete:
                    metadata = each["metadata"]
                    self.api.delete(each["kind"], metadata["namespace"], metadata["name"])
                    yield {**_reference(each), "status": "Pruned"}

    def _run(self, wanted: Mapping[str, Any], attempt: str) -> Body:
        metadata = wanted["metadata"]
        live = self.api.read(wanted["kind"], metadata["namespace"], metadata["name"])
        if not live or live["metadata"]["annotations"].get(ATTEMPT) != attempt:
            live = self.api.put(merged(wanted, {"metadata": {"annotations": {ATTEMPT: attempt}}}))
        told = live["metadata"]["annotations"]
        if "e2e/hangs" in told:
            return {"hookPhase": "Running"}
        if "e2e/fails" in told:
            return {"hookPhase": "Failed", "message": told["e2e/fails"]}
        return {"hookPhase": "Succeeded"}

    def _put(self, application: Body, wanted: Body) -> None:
        metadata = wanted["metadata"]
        live = self.api.read(wanted["kind"], metadata["namespace"], metadata["name"])
        reference = _reference(wanted)
        tracked = (
            f"{application['metadata']['name']}:{reference['group']}/{wanted['kind']}:{metadata['name']}"
        )
        made = merged(live or {}, merged(wanted, {"metadata": {"annotations": {TRACKING: tracked}}}))
        if made != live:
            self.api.put(made)

    def _fail(self, application: Body, state: Body, phase: str, message: str, brought: Body | None) -> None:
        retried = state.get("retryCount", 0)
        if retried >= ((application["operation"].get("retry") or {}).get("limit") or 0):
            self._end(application, phase, message, brought)
            return
        again = {
            "phase": "Running",
            "message": f"{message}. Retrying attempt #{retried + 1}",
            "finishedAt": now(),
            "retryCount": retried + 1,
            "syncResult": brought,
        }
        self._write(application, {"status": {"operationState": again}})
        self._stopped.wait(_BACKOFF)

    def _end(
        self, application: Body, phase: str, message: str, brought: Body | None, status: Body | None = None
    ) -> None:
        state = {"phase": phase, "message": message, "finishedAt": now(), "syncResult": brought}
        self._write(application, {"operation": None, "status": {"operationState": state, **(status or {})}})

    def _compare(self, application: Body, revision: str) -> Compared:
        wanted = [each for each in self._manifests(application, revision) if not hooks.is_hook(Object(each))]
        named = {(each["kind"], each["metadata"]["name"]) for each in wanted}
        live = self._tracked(application)
        obsolete = [each for each in live if (each["kind"], each["metadata"]["name"]) not in named]
        resources = [self._resource(each) for each in wanted]
        resources += (
            {**_reference(each), "status": "OutOfSync", "requiresPruning": True} for each in obsolete
        )
        return Compared(wanted, obsolete, resources)

    def _resource(self, wanted: Body) -> Body:
        metadata = wanted["metadata"]
        live = self.api.read(wanted["kind"], metadata["namespace"], metadata["name"])
        if live is None:
            return {**_reference(wanted), "status": "OutOfSync", "health": {"status": "Missing"}}
        status = "Synced" if merged(live, wanted) == live else "OutOfSync"
        return {**_reference(wanted), "status": status, "health": _health(live)}

    def _manifests(self, application: Body, revision: str) -> list[Body]:
        source = application["spec"]["source"]
        try:
            try:
                tree = self.deployments.at(revision)
            except RevisionNotFound:
                self.deployments.fetch()
                tree = self.deployments.at(revision)
        except RevisionNotFound as error:
            said = f"Failed to load target state: failed to generate manifest for source 1 of 1: {error}"
            raise NoManifests(said) from error
        files = map(yaml.safe_load, tree.files(source["path"]).values())
        return [each for each in files if each is not None]

    def _tracked(self, application: Body) -> list[Body]:
        namespace, prefix = (
            application["spec"]["destination"]["namespace"],
            f"{application['metadata']['name']}:",
        )
        return [
            each
            for each in self.api.of_kind("ConfigMap", namespace)
            if each["metadata"].get("annotations", {}).get(TRACKING, "").startswith(prefix)
        ]

    def _live(self, application: Body) -> tuple[str, ...]:
        return tuple(
            f"{each['metadata']['name']} {each['metadata']['resourceVersion']}"
            for each in self._tracked(application)
        )

    def _write(self, application: Body, change: Body) -> None:
        self.api.patch("Application", self.namespace, application["metadata"]["name"], change)


def _untried(state: Body | None, target: str) -> bool:
    """Once per revision, but again where what a success brought has drifted."""
    tried = (state or {}).get("syncResult") or {}
    return tried.get("revision") != target or (state or {})["phase"] == "Succeeded"


def _health(live: Body) -> Body:
    told = live["metadata"].get("annotations", {})
    if told.get("e2e/broken", "") == str((live.get("data") or {}).get("x", "nil")):
        return {"status": "Degraded", "message": told["e2e/broken-why"]}
    return {"status": "Healthy"}


def _reference(body: Mapping[str, Any]) -> Body:
    group, _, version = body["apiVersion"].rpartition("/")
    metadata = body["metadata"]
    return {
        "group": group,
        "version": version,
        "kind": body["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
    }


def _rendered(template: Any, release: Body) -> Any:
    """The few words of Go's templates that the bootstrap says."""
    if isinstance(template, dict):
        return {name: _rendered(value, release) for name, value in template.items()}
    if isinstance(template, list):
        return [_rendered(value, release) for value in template]
    if not isinstance(template, str):
        return template
    text = re.sub(r"{{if or false ([^{]*)}}(.*?){{end}}", lambda m: _chosen(m, release), template)
    text = re.sub(r'{{if hasKey \. "sync"}}(.*?){{else}}(.*?){{end}}', lambda m: _told(m, release), text)
    text = re.sub(r"{{get \(dict ([^)]*)\) \.(\w+)}}", lambda m: _looked_up(m, release), text)
    return re.sub(r"{{\.(\w+)}}", lambda match: release[match[1]], text)


def _told(match: re.Match[str], release: Body) -> str:
    """Of `{{toJson .sync.name}}`, or of `(concat (list "text") .sync.name)`, where the release says it."""
    if "sync" not in release:
        return match[2]
    said = match[1].rstrip("}) ").rpartition(".")[2]
    return json.dumps([*re.findall(r'"([^"]*)"', match[1]), *release["sync"][said]])


def _chosen(match: re.Match[str], release: Body) -> str:
    return match[2] if any(_holds(each, release) for each in match[1].split("(and ")[1:]) else ""


def _holds(conditions: str, release: Body) -> bool:
    """Of `(eq .field "text")`, also with several texts, or with `.tenant` between two of them."""
    found = re.findall(r'\(eq (?:\.(\w+)|\(get \. "(\w+)"\)) (\(print [^)]*\)|(?:"[^"]*" ?)+)\)', conditions)
    assert found, conditions
    return all(
        release.get(field or maybe, "")
        in ([release["tenant"].join(texts)] if words.startswith("(print") else texts)
        for field, maybe, words in found
        for texts in [re.findall(r'"([^"]*)"', words)]
    )


def _looked_up(match: re.Match[str], release: Body) -> str:
    texts = re.findall(r'"([^"]*)"', match[1])
    return dict(zip(texts[::2], texts[1::2], strict=True)).get(release[match[2]], "")

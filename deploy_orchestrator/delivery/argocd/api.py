# pyright: reportMissingTypeStubs=false
"""Argo CD's objects over the Kubernetes API: bounded retries, writes that overwrite nobody's, watches that
resume."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from kubernetes.client import ApiException, CustomObjectsApi
from kubernetes.watch import Watch

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.argocd.application import Application
from deploy_orchestrator.delivery.connection import connect, reported
from deploy_orchestrator.delivery.errors import ClusterRefused

_TIMEOUT = (3, 12)
_LONGEST_WATCH = 300
_STARTING = 15
_PAUSE = 0.5
_NAMED = 20
"""As many tenants are named in a request; for more of them, the Applications of all are asked for."""

# About 20 seconds in all, enough for an API server to restart, and under a minute where nothing answers at
# all. A write may be repeated: it names the version of the object that it changes, or sets what is set
# already.
_RETRIES = urllib3.Retry(
    total=8,
    read=3,
    backoff_factor=0.2,
    backoff_max=5,
    backoff_jitter=0.2,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)

_FIXES = {
    401: "renew the token of the orchestrator's ServiceAccount",
    403: names.BOOTSTRAP,
    404: names.BOOTSTRAP,
    422: names.BOOTSTRAP,
    429: "the API server is overloaded; try again later",
}


class Applications:
    """The Applications of the fleet in one Argo CD, and the ApplicationSet that makes them.

    Args:
        namespace: Argo CD's.
        kubeconfig, context, commands: its cluster, as `connect` takes them.

    Raises:
        KubeconfigRunsProgram, NoCluster: as `connect`.
    """

    def __init__(
        self, namespace: str, kubeconfig: Path | None, context: str | None, *, commands: bool = False
    ) -> None:
        group = {"group": "argoproj.io", "version": "v1alpha1", "namespace": namespace}
        self._kind = {**group, "plural": "applications"}
        self._sets = {**group, "plural": "applicationsets"}
        self._api: Any = CustomObjectsApi(connect(kubeconfig, context, _RETRIES, commands=commands))
        self._admitted = False

    def get(self, name: str) -> Application | None:
        """The Application; None where there is none."""
        try:
            found = self._call(partial(self._api.get_namespaced_custom_object, **self._kind, name=name))
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise
        return Application(found)

    def list(self, environment: str) -> list[Application]:
        """All Applications of the fleet in one environment."""
        found = self._list(label_selector=f"{names.TENANT},{names.ENVIRONMENT}={environment}")
        return [Application(body) for body in found["items"]]

    def changes(
        self, environment: str, tenants: Collection[str], deadline: float
    ) -> Iterator[tuple[str, Application | None]]:
        """The Application of each of `tenants` as it is (None where there is none), and again after each
        change of any, by one watch for all.

        Ends at `deadline` (`time.monotonic()`). A watch that breaks off is opened again.
        """
        named = f" in ({','.join(tenants)})" if len(tenants) <= _NAMED else ""
        only = f"{names.ENVIRONMENT}={environment},{names.TENANT}{named}"
        wanted = {names.application(environment, tenant): tenant for tenant in tenants}
        while True:
            found = self._list(label_selector=only)
            known = {each.name: each for each in map(Application, found["items"])}
            yield from ((tenant, known.get(name)) for name, tenant in wanted.items())
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            version = found["metadata"]["resourceVersion"]
            for name, application in self._watch(only, version, min(remaining, _LONGEST_WATCH)):
                if name in wanted:
                    yield wanted[name], application

    def write(self, application: Application, change: Mapping[str, Any]) -> Application | None:
        """Merge `change`, which names the version that it changes; None where there is a newer one by now, or
        none any more.
        """
        try:
            return Application(self._patch(self._kind, application.name, change))
        except ClusterRefused as error:
            if error.status in (404, 409):
                return None
            raise

    def look(self, application: Application) -> bool:
        """Ask Argo CD for a look that is overdue; whether it could be asked. Nothing is waited for."""
        change = application.look
        try:
            if change:
                self._patch(self._kind, application.name, change, patient=False)
        except ClusterRefused as error:
            return error.status in (404, 409)
        return True

    def refresh_releases(self, commit: str) -> None:
        """Ask Argo CD to read the release files now, at `commit` or later; asking twice is asking once."""
        body = {"metadata": {"annotations": {names.REFRESH_SET: commit}}}
        self._patch(self._sets, names.APPLICATION_SET, body)

    def _list(self, **selector: str) -> Any:
        return self._call(partial(self._api.list_namespaced_custom_object, **self._kind, **selector))

    def _patch(
        self, kind: dict[str, str], name: str, change: Mapping[str, Any], *, patient: bool = True
    ) -> Any:
        write = self._api.patch_namespaced_custom_object
        return self._call(partial(write, **kind, name=name, body=change), patient=patient)

    def _call(self, request: Callable[..., Any], *, patient: bool = True) -> Any:
        """An API server that has just started refuses for a moment what it allowed before; who is `patient`
        waits for that.
        """
        patience = time.monotonic() + (_STARTING if self._admitted and patient else 0)
        while True:
            try:
                with reported(_FIXES):
                    answer = request(_request_timeout=_TIMEOUT)
            except ClusterRefused as error:
                if error.status not in (401, 403) or time.monotonic() > patience:
                    raise
                time.sleep(1)
            else:
                self._admitted = True
                return answer

    def _watch(self, only: str, version: str, seconds: float) -> Iterator[tuple[str, Application | None]]:
        timeout = math.ceil(seconds)
        watch: Any = Watch()
        events = watch.stream(
            self._api.list_namespaced_custom_object,
            **self._kind,
            label_selector=only,
            resource_version=version,
            timeout_seconds=timeout,
            _request_timeout=(5, timeout + 5),
        )
        try:
            for event in events:
                application = Application(event["object"])
                yield application.name, None if event["type"] == "DELETED" else application
        except (ApiException, urllib3.exceptions.HTTPError):
            # Too old a version or a lost connection: the next list tells how things stand, or what is wrong.
            time.sleep(_PAUSE)

# pyright: reportMissingTypeStubs=false
"""Argo CD's objects over the Kubernetes API: bounded retries, writes that overwrite nobody's, watches that
resume."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import urllib3
from kubernetes.client import ApiClient, ApiException, Configuration, CustomObjectsApi
from kubernetes.config import ConfigException, load_config  # pyright: ignore[reportUnknownVariableType]
from kubernetes.watch import Watch

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.argocd.application import Application
from deploy_orchestrator.delivery.argocd.errors import ClusterRefused, ClusterUnreachable, NoCluster

_GROUP = {"group": "argoproj.io", "version": "v1alpha1", "namespace": names.NAMESPACE}
_APPLICATIONS = {**_GROUP, "plural": "applications"}
_SETS = {**_GROUP, "plural": "applicationsets"}
_TIMEOUT = (5, 30)
_LONGEST_WATCH = 300
_CONNECTIONS = 64
_STARTING = 15
_PAUSE = 0.5

# About 20 seconds in all, enough for an API server to restart. A write may be repeated: it names the version
# of the object that it changes, or sets what is set already.
_RETRIES = urllib3.Retry(
    total=8,
    backoff_factor=0.2,
    backoff_max=5,
    backoff_jitter=0.2,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class Applications:
    """The Applications of the fleet, and the ApplicationSet that makes them.

    Args:
        kubeconfig: names Argo CD's cluster; None for the user's own, or the one that this runs in.
        context: one of its contexts; None for the current one.
    """

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        settings = Configuration()
        file = str(kubeconfig) if kubeconfig else None
        try:
            load_config(config_file=file, context=context, client_configuration=settings)
        except ConfigException as error:
            raise NoCluster(kubeconfig, error) from error
        cast(Any, settings).retries = _RETRIES
        settings.connection_pool_maxsize = _CONNECTIONS
        self._api: Any = CustomObjectsApi(ApiClient(settings))
        self._admitted = False

    def get(self, name: str) -> Application | None:
        """The Application; None where there is none."""
        try:
            found = self._call(self._api.get_namespaced_custom_object, **_APPLICATIONS, name=name)
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise
        return Application(found)

    def list(self) -> list[Application]:
        """All Applications of the fleet."""
        return [Application(body) for body in self._list(label_selector=names.TENANT)["items"]]

    def changes(self, name: str, deadline: float) -> Iterator[Application | None]:
        """The Application as it is (None where there is none), and again after each change.

        Ends at `deadline` (`time.monotonic()`). A watch that breaks off is opened again.
        """
        only = f"metadata.name={name}"
        while True:
            found = self._list(field_selector=only)
            yield Application(found["items"][0]) if found["items"] else None
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            yield from self._watch(only, found["metadata"]["resourceVersion"], min(remaining, _LONGEST_WATCH))

    def write(self, application: Application, change: Mapping[str, Any]) -> Application | None:
        """Merge `change`, which names the version that it changes; None where there is a newer one by now."""
        try:
            return Application(self._patch(_APPLICATIONS, application.name, change))
        except ClusterRefused as error:
            if error.status == 409:
                return None
            raise

    def refresh(self, name: str) -> None:
        """Ask Argo CD to compare the Application, where there is one, with its target and the cluster now."""
        try:
            self._patch(_APPLICATIONS, name, {"metadata": {"annotations": {names.REFRESH: "normal"}}})
        except ClusterRefused as error:
            if error.status != 404:
                raise

    def refresh_releases(self, commit: str) -> None:
        """Ask Argo CD to read the release files now, at `commit` or later; asking twice is asking once."""
        body = {"metadata": {"annotations": {names.REFRESH_SET: commit}}}
        self._patch(_SETS, names.APPLICATION_SET, body)

    def _list(self, **selector: str) -> Any:
        return self._call(self._api.list_namespaced_custom_object, **_APPLICATIONS, **selector)

    def _patch(self, kind: dict[str, str], name: str, change: Mapping[str, Any]) -> Any:
        return self._call(self._api.patch_namespaced_custom_object, **kind, name=name, body=change)

    def _call(self, request: Callable[..., Any], **arguments: Any) -> Any:
        """An API server that has just started refuses for a moment what it allowed before."""
        patience = time.monotonic() + (_STARTING if self._admitted else 0)
        while True:
            try:
                with _reported():
                    answer = request(**arguments, _request_timeout=_TIMEOUT)
            except ClusterRefused as error:
                if error.status not in (401, 403) or time.monotonic() > patience:
                    raise
                time.sleep(1)
            else:
                self._admitted = True
                return answer

    def _watch(self, only: str, version: str, seconds: float) -> Iterator[Application | None]:
        timeout = math.ceil(seconds)
        watch: Any = Watch()
        events = watch.stream(
            self._api.list_namespaced_custom_object,
            **_APPLICATIONS,
            field_selector=only,
            resource_version=version,
            timeout_seconds=timeout,
            _request_timeout=(5, timeout + 5),
        )
        try:
            for event in events:
                yield None if event["type"] == "DELETED" else Application(event["object"])
        except (ApiException, urllib3.exceptions.HTTPError):
            # Too old a version or a lost connection: the next list tells how things stand, or what is wrong.
            time.sleep(_PAUSE)


@contextmanager
def _reported() -> Generator[None]:
    try:
        yield
    except ApiException as error:
        refusal: Any = error
        raise ClusterRefused(refusal.status, refusal.reason, refusal.body) from error
    except urllib3.exceptions.HTTPError as error:
        raise ClusterUnreachable(error) from error

# pyright: reportMissingTypeStubs=false
"""How the API server of a Kubernetes cluster is reached, and what it says when it refuses."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from deploy_orchestrator.delivery.errors import (
    ClusterRefused,
    ClusterUnreachable,
    KubeconfigRunsProgram,
    NoCluster,
)

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_CONNECTIONS = 64
_PROGRAMS = ("exec", "auth-provider")


def connect(
    kubeconfig: Path | None, context: str | None, retries: urllib3.Retry, *, commands: bool = False
) -> "ApiClient":
    """A client for the cluster of a `context` in `kubeconfig`; None: the current one, and the user's own file
    or the cluster that this runs in. Only with `commands` may it name a program to run, as those of cloud
    providers do.

    Raises:
        KubeconfigRunsProgram: it names one, and may not.
        NoCluster: the kubeconfig is missing or broken, or does not have the context.
    """
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import (
        ConfigException,
        load_config,
    )

    settings = Configuration()
    file = str(kubeconfig) if kubeconfig else None
    try:
        if not commands:
            _require_no_program(kubeconfig)
        load_config(config_file=file, context=context, client_configuration=settings)
    except ConfigException as error:
        raise NoCluster(kubeconfig, context, error) from error
    settings.retries = retries
    settings.connection_pool_maxsize = _CONNECTIONS
    return ApiClient(settings)


def _require_no_program(kubeconfig: Path | None) -> None:
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

    merged: Any = KubeConfigMerger(str(kubeconfig) if kubeconfig else KUBE_CONFIG_DEFAULT_LOCATION)
    users: Any = merged.config.safe_get("users") if merged.config else None
    for each in users or ():
        if any(program in each["user"] for program in _PROGRAMS):
            raise KubeconfigRunsProgram(kubeconfig, str(each["name"]))


@contextmanager
def reported(fixes: Mapping[int, str] | None = None) -> Generator[None]:
    """What goes wrong in a request, as our own errors; `fixes` is what to do about an HTTP status.

    Raises:
        ClusterRefused, ClusterUnreachable
    """
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as error:
        refusal: Any = error
        status: int = refusal.status or 0
        said = _message(refusal.body) or refusal.reason
        raise ClusterRefused.of(status, said, fix=(fixes or {}).get(status)) from error
    except urllib3.exceptions.HTTPError as error:
        raise ClusterUnreachable(error) from error


def _message(body: str | bytes | None) -> str | None:
    try:
        return json.loads(body or "")["message"]
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace") if isinstance(body, bytes) else body

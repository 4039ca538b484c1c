"""A Kubernetes cluster seen by its administrator."""

from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import (
    ApiClient,
    ApiextensionsV1Api,
    AuthenticationV1TokenRequest,
    CoreV1Api,
    V1TokenRequestSpec,
)
from kubernetes.config import new_client_from_config
from kubernetes.dynamic import DynamicClient
from kubernetes.watch import Watch

FAILING_POD = {"pod-container-running-failed.stage.kwok.x-k8s.io": "true"}
"""Labels with which a pod's containers fail a second or two after they ran."""

CONSENT = "deploy-orchestrator.io/e2e"
"""Label by which the namespace of an Argo CD is given to the tests."""


class Cluster:
    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def client(self) -> ApiClient:
        """A new client with the administrator's rights."""
        return new_client_from_config(str(self.kubeconfig))

    def account(self, namespace: str, name: str, folder: Path) -> Path:
        """A kubeconfig in `folder` with a service account's rights, for an hour."""
        with self.client() as administrator:
            spec = V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
            token = CoreV1Api(administrator).create_namespaced_service_account_token(
                name, namespace, AuthenticationV1TokenRequest(spec=spec)
            )
            settings = administrator.configuration
        path = folder / f"{name}.kubeconfig"
        found = kubeconfig(settings.host, Path(settings.ssl_ca_cert), token.status.token)
        path.write_text(yaml.safe_dump(found))
        return path

    def apply(self, *objects: dict[str, Any]) -> None:
        """Server-side apply, forced."""
        with self.client() as connection:
            kinds = DynamicClient(connection).resources
            for body in objects:
                kinds.get(api_version=body["apiVersion"], kind=body["kind"]).server_side_apply(
                    body=body,
                    namespace=body["metadata"].get("namespace"),
                    field_manager="rig",
                    force_conflicts=True,
                )

    def define(self, *definitions: dict[str, Any]) -> None:
        """Apply CustomResourceDefinitions and wait until their kinds are served."""
        self.apply(*definitions)
        waiting = {definition["metadata"]["name"] for definition in definitions}
        with self.client() as connection:
            api = ApiextensionsV1Api(connection)
            for event in Watch().stream(api.list_custom_resource_definition, timeout_seconds=300):
                conditions = event["object"].status.conditions or []
                if any(one.type == "Established" and one.status == "True" for one in conditions):
                    waiting.discard(event["object"].metadata.name)
                if not waiting:
                    return
        raise TimeoutError(f"not served after 300 s: {', '.join(sorted(waiting))}")


def kubeconfig(server: str, ca: Path, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rig",
        "clusters": [{"name": "rig", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "user"}}],
    }

"""What is blocked is what a real API server refuses: every field of every kind, changed one at a time."""

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path as FilePath

import pytest
import yaml
from kubernetes.client import ApiClient
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError
from rig import Cluster
from urllib3.exceptions import ProtocolError
from variations import Body, Path, Schema, Variation, value_at, variations

from deploy_orchestrator.fleet import ChartReference, Deployment, Destination, Environment, Quota, Tenant
from deploy_orchestrator.manifests import ChartUsed, InvalidObject, Manifests, Object
from deploy_orchestrator.releases import Plan, Release, SourceChange, digest_of, make_plan
from deploy_orchestrator.risk import Verdict

KINDS = list(yaml.safe_load_all((FilePath(__file__).parent / "kinds.yaml").read_text()))

KNOWN = {
    "Job/suspended: spec.completions added": "the default is one, but not with parallelism",
    "Job/suspended: spec.template.metadata removed": "it leaves pods that no selector finds",
    "Job/suspended: spec.template.metadata.labels removed": "it leaves pods that no selector finds",
    "Pod/one: spec.enableServiceLinks added": "it is filled in for a pod, but not for a template",
    "Pod/one: spec.serviceAccount added": "an old name of serviceAccountName",
    "StatefulSet/one: spec.volumeClaimTemplates.0.status added": "a status is the server's to write",
    "CSIDriver/csi.example: spec.volumeLifecycleModes.0 removed": "an empty list is filled in",
}
"""Where the rules differ from the server on purpose, and why."""


def name_of(body: Body) -> str:
    return f"{body['kind']}/{body['metadata']['name']}"


class Server:
    """The API server, asked what would come of an object."""

    def __init__(self, connection: ApiClient) -> None:
        self.connection = connection
        self.kinds = DynamicClient(connection).resources

    def apply(self, body: Body, *, dry_run: bool = True) -> Body | None:
        """What becomes of the object by a server-side apply, None where that is refused."""
        resource = self.kinds.get(api_version=body["apiVersion"], kind=body["kind"])
        dry = {"dry_run": "All"} if dry_run else {}
        try:
            return resource.server_side_apply(
                body=body,
                namespace=body["metadata"].get("namespace"),
                field_manager="risk",
                force_conflicts=True,
                **dry,
            ).to_dict()
        except (DynamicApiError, ProtocolError):
            # A success policy without a count makes kube-apiserver 1.37.2 panic and hang up.
            return None

    def create(self, body: Body) -> Body:
        """The object without its status, which it has in the server."""
        without = {key: value for key, value in body.items() if key != "status"}
        # Its connection may be one that a panic before has ended.
        made = self.apply(without, dry_run=False) or self.apply(without, dry_run=False)
        assert made, "the first of the pair must be valid"
        if "status" in body:
            resource = self.kinds.get(api_version=body["apiVersion"], kind=body["kind"])
            resource.status.patch(
                body={"status": body["status"]},
                name=body["metadata"]["name"],
                namespace=body["metadata"].get("namespace"),
                content_type="application/merge-patch+json",
            )
        return without

    def delete(self, body: Body) -> None:
        resource = self.kinds.get(api_version=body["apiVersion"], kind=body["kind"])
        with suppress(NotFoundError):
            resource.delete(name=body["metadata"]["name"], namespace=body["metadata"].get("namespace"))

    def schema(self, body: Body) -> Schema:
        group, _, version = body["apiVersion"].rpartition("/")
        path = f"/openapi/v3/{f'apis/{group}' if group else 'api'}/{version}"
        answer = self.connection.call_api(path, "GET", auth_settings=["BearerToken"], _preload_content=False)
        components = json.loads(answer.data)["components"]["schemas"]
        named = {"group": group, "version": version, "kind": body["kind"]}
        (root,) = [
            each for each in components.values() if named in each.get("x-kubernetes-group-version-kind", ())
        ]
        return Schema(root, components)


@pytest.fixture(scope="module")
def server(k8s: Cluster) -> Iterator[Server]:
    with k8s.client() as connection:
        asked = Server(connection)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "risk"}}
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "risk"},
        }
        for body in (namespace, account):
            assert asked.apply(body, dry_run=False)
        yield asked
        for body in (*KINDS, namespace):
            asked.delete(body)


@pytest.mark.parametrize("body", KINDS, ids=name_of)
def test_blocked_is_what_the_api_server_refuses(server: Server, body: Body) -> None:
    body = server.create(body)
    with ThreadPoolExecutor(4) as asking:
        tried = asking.map(
            lambda each: disagreement(server, body, each), variations(body, server.schema(body))
        )
        wrong = [each for each in tried if each]
    assert wrong == [], "\n".join(wrong)


def disagreement(server: Server, before: Body, variation: Variation) -> str | None:
    field = f"{name_of(before)}: {variation}"
    for after in variation.bodies:
        if field in KNOWN or server.apply(copy_of(after)) is None:
            continue
        answer = server.apply(after)
        if answer is not None and variation.what == "added" and not is_kept(answer, after, variation.path):
            continue
        try:
            verdict = plan_of(before, after).verdict
        except InvalidObject:
            continue
        if answer is None and verdict is Verdict.NEEDS_APPROVAL and may_be_gone(before):
            return None
        if (answer is None) != (verdict is Verdict.BLOCKED):
            return f"{field}: the server {'refuses' if answer is None else 'takes'} it, and it is {verdict}"
        return None
    return None


def may_be_gone(body: Body) -> bool:
    """Whether the object may have been removed by its own TTL when the next one is applied."""
    return body["kind"] == "Job" and "ttlSecondsAfterFinished" in body["spec"]


def is_kept(answer: Body, after: Body, path: Path) -> bool:
    """Whether the server took what was said; it drops what belongs to a feature that is off."""
    said, kept = value_at(after, path), value_at(answer, path)
    return kept == said or (isinstance(said, dict | list) and bool(kept))


def copy_of(body: Body) -> Body:
    """The same object under another name, to learn whether it is valid by itself."""
    copied = copy.deepcopy(body)
    metadata, spec = copied["metadata"], copied.get("spec") or {}
    metadata["name"] += "-copy"
    match body["kind"]:
        case "CustomResourceDefinition":
            names = spec.get("names") or {}
            names.update({key: f"{text}copy" for key, text in names.items() if isinstance(text, str)})
            metadata["name"] = f"{names.get('plural')}.{spec.get('group')}"
        case "APIService":
            metadata["name"] = f"{spec.get('version')}.{spec.get('group')}"
        case "IPAddress":
            metadata["name"] = "10.0.0.98"
        case "Service" if str(spec.get("clusterIP")).startswith("10.0.0."):
            spec["clusterIP"] = "10.0.0.200"
    return copied


def plan_of(before: Body, after: Body) -> Plan:
    chart = ChartUsed(name="any", version="1.0.0")
    source = SourceChange(commit="a" * 40, authors=("author@example.com",), signed=True)
    old, new = (
        Manifests((Object(body),), ChartUsed(name=chart.name, version=chart.version))
        for body in (before, after)
    )
    tenant = Tenant(
        name="risk",
        chart=ChartReference(name="any", version="1.0.0"),
        environments=("e2e",),
        quota=Quota(cpu="1", memory="1Gi", storage="1Gi", pods=1),
        owners=("owner@example.com",),
    )
    released = Release(
        format=2,
        environment="e2e",
        tenant="risk",
        namespace="risk",
        cluster="main",
        digest=digest_of(
            environment="e2e",
            tenant="risk",
            destination=Destination("main", None, "risk"),
            content=old.content,
            base=None,
            replaces=None,
        ),
        content=old.content,
        chart=chart,
        source=source,
        revision=source.commit,
        path="manifests/e2e/risk",
        released_at=datetime(2026, 3, 2, tzinfo=UTC),
        commit=source.commit,
    )
    return make_plan(
        Deployment(
            Environment(name="e2e", cluster="main", kubernetes="1.34"), tenant, "risk", "https://main"
        ),
        source=source,
        candidate=new,
        released=released,
        released_manifests=old,
        findings=(),
        after=(),
    )

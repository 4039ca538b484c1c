"""Objects are what the Kubernetes version of the environment takes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from deploy_orchestrator.fleet import Deployment, kubernetes_versions
from deploy_orchestrator.manifests import schemas, untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.custom_kinds import custom_kinds
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.misfits import Schema
from deploy_orchestrator.manifests.objects import Manifests
from deploy_orchestrator.manifests.pods import pod_of

MAX_BYTES: Final = 1_500_000
MAX_DATA_BYTES: Final = 1_048_576


def _misfits(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    api = schemas.api(deployment.environment.kubernetes)
    custom = {each.kind: each for each in custom_kinds(manifests)}
    for each in custom.values():
        if isinstance(each.schema, str):
            yield Broken(each.defined_by, f"its schema of {each.kind[1]} is none: {each.schema}")
    for object_ in manifests.objects:
        kind = schemas.kind_of(object_)
        schema = api.schema(kind) or (custom[kind].schema if kind in custom else None)
        if isinstance(schema, Schema):
            for misfit in schema.misfits(object_):
                yield Broken(object_.key, f"{misfit.field}: {misfit.problem}", misfit.fix)


def _unknown(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    api = schemas.api(deployment.environment.kubernetes)
    custom = {each.kind for each in custom_kinds(manifests)}
    defined = {(group, kind) for group, _, kind in custom}
    for object_ in manifests.objects:
        group, version, kind = schemas.kind_of(object_)
        known = (group, version, kind) in api.kinds or (group, version, kind) in custom
        if known or not (is_built_in(group) or (group, kind) in defined):
            continue
        others = sorted(each for each in {*api.kinds, *custom} if (each[0], each[2]) == (group, kind))
        instead = " or ".join("/".join(part for part in each[:2] if part) for each in others)
        yield Broken(
            object_.key,
            f"Kubernetes {api} has no {kind} in {object_.api_version}",
            f"use apiVersion {instead}" if instead else None,
        )


def _removed_next(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    api = schemas.api(deployment.environment.kubernetes)
    later = _next(deployment.environment.kubernetes)
    for object_ in manifests.objects:
        kind = schemas.kind_of(object_)
        if later and is_built_in(kind[0]) and kind in api.kinds and kind not in later.kinds:
            yield Broken(
                object_.key, f"Kubernetes {later} has no {object_.kind} in {object_.api_version} any more"
            )


def _next(version: str) -> schemas.Api | None:
    known = kubernetes_versions()
    return next((schemas.api(later) for this, later in pairwise(known) if this == version), None)


def _too_large(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        size = len(object_.canonical)
        limit = MAX_DATA_BYTES if object_.kind in {"ConfigMap", "Secret"} else MAX_BYTES
        if size > limit:
            yield Broken(object_.key, f"{size:,} bytes, of which {limit:,} fit")


def _unselected(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        selector = untyped.mapping(untyped.at(object_.body, "spec", "selector"))
        wanted = untyped.mapping(selector.get("matchLabels"))
        if object_.key.group != "apps" or not (pod := pod_of(object_)):
            continue
        labels = untyped.mapping(pod.metadata.get("labels"))
        missing = {name: value for name, value in wanted.items() if labels.get(name) != value}
        if missing or not selector:
            lacking = ", ".join(f"{name}={value}" for name, value in missing.items())
            yield Broken(object_.key, f"its pods lack {lacking}" if missing else "it has no selector")


MANIFEST_CHECKS = (
    ManifestCheck(
        "schema",
        "error",
        "The API server refuses what its schema does not allow, and drops fields that it does not know.",
        "mend the field",
        _misfits,
    ),
    ManifestCheck(
        "unknown-api",
        "error",
        "The apply fails for a kind that the API server does not serve.",
        "use a kind of this version, or install the CRD that defines it",
        _unknown,
    ),
    ManifestCheck(
        "removed-api",
        "warning",
        "The next upgrade of the cluster would make the apply fail.",
        "use the version of the API that replaces it",
        _removed_next,
    ),
    ManifestCheck(
        "object-size",
        "error",
        "The API server and etcd refuse larger objects.",
        "split it, or keep the data elsewhere",
        _too_large,
    ),
    ManifestCheck(
        "selector",
        "error",
        "The API server refuses a workload that does not select the pods it makes.",
        "give spec.selector.matchLabels and the labels of the pod template the same values",
        _unselected,
    ),
)

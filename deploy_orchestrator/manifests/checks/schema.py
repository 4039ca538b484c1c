"""Objects are what the Kubernetes version of the environment takes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from deploy_orchestrator.fleet import Deployment, kubernetes_versions
from deploy_orchestrator.manifests import expressions, fields, schemas
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.custom_kinds import CustomKind, custom_kinds
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.misfits import Schema
from deploy_orchestrator.manifests.objects import Manifests, Object
from deploy_orchestrator.manifests.validation import Refusal, refusals

MAX_BYTES: Final = 1_500_000
_COUNTED_DECODED: Final = frozenset({"ConfigMap", "Secret"})
"""The kinds whose data the rule `refused` counts as the API server does."""


def _refused(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    api = schemas.api(deployment.environment.kubernetes)
    custom = {each.kind: each for each in custom_kinds(manifests) if expressions.has_rules(each.structural)}
    for object_ in manifests.objects:
        kind = schemas.kind_of(object_)
        schema = api.schema(kind)
        if schema.misfits(object_) if schema else is_built_in(object_.key.group):
            continue
        group_kind = (object_.key.group, object_.kind)
        wrong = refusals(object_.body, group_kind, api.kinds.get(kind), api.types)
        for each in (*wrong, *_unmet(custom.get(kind), object_)):
            field = fields.dotted(fields.named(object_.body, each.path))
            yield Broken(object_.key, f"{field}: {each.message}" if field else each.message)


def _unmet(kind: CustomKind | None, object_: Object) -> list[Refusal]:
    """The expressions of its CRD that a custom object does not meet; asked of what fits its schema alone."""
    if kind is None or isinstance(kind.schema, str) or kind.schema.misfits(object_):
        return []
    return expressions.refusals(kind.structural, object_.body)


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
        if size > MAX_BYTES and object_.kind not in _COUNTED_DECODED:
            yield Broken(object_.key, f"{size:,} bytes, of which {MAX_BYTES:,} fit")


MANIFEST_CHECKS = (
    ManifestCheck(
        "schema",
        "error",
        "The API server refuses what its schema does not allow, and drops fields that it does not know.",
        "mend the field",
        _misfits,
    ),
    ManifestCheck(
        "refused",
        "error",
        "The API server refuses what its own rules do not allow, and the sync fails.",
        "mend the field",
        _refused,
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
)

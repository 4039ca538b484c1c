"""What the API server says to an object beyond its schema: the rules of Kubernetes' validation, as tables.

The source is `k8s.io/kubernetes/pkg/apis/*/validation` at 1.37, with what is behind feature gates taken as
allowed; older versions are held to the same. The API server fills defaults in before it looks, so what is
absent is judged as if the default stood there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import (
    access,
    admission,
    classes,
    cluster,
    configuration,
    containers,
    definitions,
    discovery,
    formats,
    jobs,
    networking,
    pods,
    resources,
    scaling,
    security,
    selectors,
    services,
    volumes,
    workloads,
)
from deploy_orchestrator.manifests.validation.metadata import Kind, metadata_refusals
from deploy_orchestrator.manifests.validation.shapes import Refusal, Says, Shape, at
from deploy_orchestrator.manifests.validation.walking import Definitions, Types

__all__ = ["SHAPES", "TABLES", "Refusal", "Types", "refusals", "types"]

TABLES: Final = (
    access,
    admission,
    classes,
    cluster,
    configuration,
    containers,
    definitions,
    discovery,
    jobs,
    networking,
    pods,
    resources,
    scaling,
    security,
    selectors,
    services,
    volumes,
    workloads,
)
SHAPES: Final[Mapping[str, Shape]] = {name: shape for table in TABLES for name, shape in table.SHAPES.items()}
"""What each type of Kubernetes must be, by its name in the documentation."""
SCALARS: Final[Mapping[str, Says]] = {
    "api.resource.Quantity": formats.amount,
    "meta.v1.MicroTime": formats.time,
    "meta.v1.Time": formats.time,
}
"""What values of a type of their own must be."""


def types(definitions: Definitions) -> Types:
    """The types that a version of Kubernetes has, by the definitions of its schemas."""
    return Types(definitions, SHAPES, SCALARS)


def refusals(body: Mapping[str, Any], kind: Kind, definition: str | None, known: Types) -> Iterator[Refusal]:
    """Why the API server would refuse an object whose schema it keeps to: each field, and what is said of it.

    `definition` is the object's type among those `known`; None for a kind that Kubernetes does not define.
    """
    yield from at(("metadata",), metadata_refusals(untyped.mapping(body.get("metadata")), kind))
    if definition:
        yield from known.refusals(body, definition)

"""What the API server says to an object beyond its schema: the rules of Kubernetes' own validation, as tables.

`k8s.io/kubernetes/pkg/apis/*/validation` at 1.37 is the source. Where versions differ, the mildest holds: what is
refused here is refused by every version. The API server fills defaults in before it looks, so what is absent
is judged as if the default stood there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import (
    access,
    classes,
    configuration,
    containers,
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
from deploy_orchestrator.manifests.validation.shapes import Refusal, Shape, at, found
from deploy_orchestrator.manifests.validation.walking import QUANTITY, Types
from deploy_orchestrator.terms import quantity

__all__ = ["SHAPES", "Refusal", "Types", "refusals"]

_TABLES: Final = (
    access,
    classes,
    configuration,
    containers,
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
SHAPES: Final[Mapping[str, Shape]] = {
    name: shape for table in _TABLES for name, shape in table.SHAPES.items()
}
"""What each type of Kubernetes must be, by its name in the documentation."""


def refusals(body: Mapping[str, Any], kind: Kind, definition: str, types: Types) -> Iterator[Refusal]:
    """Why the API server would refuse an object whose schema it keeps to: each field, and what is said of it.

    `definition` is the object's type among `types`.
    """
    yield from at(("metadata",), metadata_refusals(untyped.mapping(body.get("metadata")), kind))
    for each in types.parts(body, definition):
        if isinstance(each, Refusal):
            yield each
        elif each.type == QUANTITY:
            if quantity(each.value) is None:
                yield Refusal(each.path, found("must be an amount such as 500m or 2Gi", each.value))
        elif (shape := SHAPES.get(each.type)) and isinstance(each.value, Mapping):
            yield from at(each.path, shape.refusals(untyped.mapping(each.value)))

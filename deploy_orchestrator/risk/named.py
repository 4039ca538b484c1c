"""What objects name of others: ConfigMaps, Secrets, Services, claims."""

from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped

_KINDS: Final = (
    ("configmap", "ConfigMap"),
    ("secret", "Secret"),
    ("serviceaccount", "ServiceAccount"),
    ("service", "Service"),
    ("backend", "Service"),
    ("claim", "PersistentVolumeClaim"),
)
"""By a word in the name of a field, the first that fits counts, the kind that it names."""

Named = tuple[str, str | None, str]
"""Kind, namespace (None: that of the object), name."""


def named_in(value: Any) -> Iterator[Named]:
    """Everything that a field of an object, or one below it, names by its kind.

    A field names something as `secretName: tls`, `service: {name: web}` or `backendRefs: [{name: web}]`.
    """
    for item in untyped.items(value):
        yield from named_in(item)
    for field, below in untyped.mapping(value).items():
        kind = next((kind for word, kind in _KINDS if word in field.lower()), None)
        if kind is not None:
            if field.endswith("Name") and isinstance(below, str):
                yield kind, None, below
            for each in (below, *untyped.items(below)):
                name = untyped.text(untyped.at(each, "name"))
                if name:
                    space = untyped.text(untyped.at(each, "namespace")) or None
                    yield untyped.text(untyped.at(each, "kind")) or kind, space, name
        yield from named_in(below)

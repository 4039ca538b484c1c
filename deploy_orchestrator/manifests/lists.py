"""Lists in Kubernetes objects whose items have an identity, so that their order says little or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

ITEM_KEYS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    **dict.fromkeys(
        (
            "containers",
            "devices",
            "env",
            "ephemeralContainers",
            "imagePullSecrets",
            "initContainers",
            "matchConditions",
            "resourceClaims",
            "secrets",
            "volumes",
            "webhooks",
        ),
        (("name",),),
    ),
    "conditions": (("type",),),
    "hostAliases": (("ip",),),
    "items": (("key",), ("path",)),
    "ownerReferences": (("uid",),),
    "paths": (("path", "pathType"),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "rules": (("host",),),
    "sysctls": (("name",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "versions": (("name",),),
    "volumeClaimTemplates": (("metadata.name",),),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
}
"""What tells the items of a list apart, by the list's field name; the first that all items have counts.

After `x-kubernetes-list-map-keys` and `x-kubernetes-patch-merge-key` in the Kubernetes OpenAPI schemas, and
what the API server's validation asks to be unique.
"""

SETS: Final = frozenset(
    {
        "accessModes",
        "add",
        "apiGroups",
        "drop",
        "egress",
        "finalizers",
        "from",
        "ingress",
        "loadBalancerSourceRanges",
        "matchExpressions",
        "namespaces",
        "nonResourceURLs",
        "policyTypes",
        "resourceNames",
        "resources",
        "rules",
        "shortNames",
        "subjects",
        "to",
        "tolerations",
        "values",
        "verbs",
    }
)
"""Lists of the built-in kinds that mean the same in any order."""

ORDERED: Final = frozenset({"containers", "env", "hostAliases", "initContainers", "webhooks"})
"""Keyed lists whose order still counts: containers start in it, webhooks are asked in it, `$(NAME)` reads
what stands before, and of two lines for one host the first counts.
"""

_PORTS_OF_A_SERVICE: Final = ("spec", "ports")
_DEFAULTS: Final[Mapping[str, str]] = {"protocol": "TCP", "pathType": ""}


def identities(field: str, *lists: Sequence[Any]) -> list[list[str]] | None:
    """The identity of each item of each list at `field`; None where the items have none, or not one each."""
    for keys in ITEM_KEYS.get(field, ()):
        found = [[_identity(item, keys) for item in items] for items in lists]
        known = [[identity for identity in items if identity is not None] for items in found]
        if all(len(set(items)) == len(of) for items, of in zip(known, lists, strict=True)):
            return known
    return None


def order_counts(path: Sequence[str], *lists: Sequence[Any]) -> bool:
    """Whether a list of a built-in kind means another thing in another order, though its items have names.

    The order of an Ingress's paths counts for those of which the controller says what they mean; the first of
    a Service's ports is the one in the variables that pods get of it.
    """
    field = path[-1]
    if field == "env":
        return any("$(" in str(item.get("value", "")) for items in lists for item in items)
    if field in {"paths", "rules"}:
        return any(map(_is_left_to_controller, (each for items in lists for each in items)))
    return field in ORDERED or tuple(path) == _PORTS_OF_A_SERVICE


def is_set(path: Sequence[str], *lists: Sequence[Any]) -> bool:
    """Whether the lists at a path of a built-in kind mean the same in any order.

    The rules of roles and webhooks do, those by which failed pods are judged do not.
    """
    return path[-1] in SETS and "podFailurePolicy" not in path and not order_counts(path, *lists)


def without(items: list[Any], others: list[Any]) -> list[Any]:
    """`items` less the `others`, each as often as it is there."""
    left = list(others)
    remaining: list[Any] = []
    for item in items:
        if (found := next((index for index, other in enumerate(left) if equal(item, other)), None)) is None:
            remaining.append(item)
        else:
            del left[found]
    return remaining


def equal(before: Any, after: Any) -> bool:
    """Equal as JSON: unlike in Python, `true` is not 1."""
    if isinstance(before, list) and isinstance(after, list):
        ours, theirs = cast(list[Any], before), cast(list[Any], after)
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast(dict[str, Any], before), cast(dict[str, Any], after)
        return old.keys() == new.keys() and all(equal(value, new[name]) for name, value in old.items())
    return isinstance(before, bool) == isinstance(after, bool) and before == after


def _is_left_to_controller(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    paths = _at(item, "http.paths")
    if isinstance(paths, list):
        return any(map(_is_left_to_controller, cast(list[Any], paths)))
    return _at(item, "pathType") == "ImplementationSpecific"


def _identity(item: Any, keys: tuple[str, ...]) -> str | None:
    if not isinstance(item, dict):
        return None
    first, *rest = keys
    leading = _at(item, first)
    if not isinstance(leading, str | int):
        return None
    return "/".join([str(leading), *(str(_at(item, key) or _DEFAULTS.get(key, "")) for key in rest)])


def _at(item: Any, path: str) -> Any:
    for step in path.split("."):
        item = cast(dict[str, Any], item).get(step) if isinstance(item, dict) else None
    return item

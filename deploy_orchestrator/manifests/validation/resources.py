"""How much a container, a namespace or a claim may have: requests and limits, limit ranges, quotas.

After `validateResourceRequirements`, `ValidateLimitRange` and `ValidateResourceQuotaSpec` in
`k8s.io/kubernetes/pkg/apis/core/validation`, and `pkg/apis/core/helper`.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, found, is_absent
from deploy_orchestrator.terms import quantity

_HUGE_PAGES: Final = "hugepages-"
_COMPUTE: Final = frozenset({"cpu", "memory"})
_OF_CONTAINERS: Final = _COMPUTE | {"ephemeral-storage"}
_OF_PODS: Final = _COMPUTE
_COUNTED: Final = frozenset(
    {
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    }
)
_OF_QUOTAS: Final = (
    _COUNTED
    | _OF_CONTAINERS
    | {f"requests.{name}" for name in (*_OF_CONTAINERS, "storage")}
    | {f"limits.{name}" for name in _OF_CONTAINERS}
)
_STANDARD: Final = _OF_QUOTAS | {"storage"}
_LIMITED: Final = frozenset({"Container", "PersistentVolumeClaim", "Pod"})
_POD_QUOTAS: Final = frozenset(
    {"pods", *_COMPUTE, *(f"{of}.{name}" for of in ("limits", "requests") for name in _COMPUTE)}
)
_SCOPES: Final = {
    "BestEffort": frozenset({"pods"}),
    "CrossNamespacePodAffinity": _POD_QUOTAS,
    "NotBestEffort": _POD_QUOTAS,
    "NotTerminating": _POD_QUOTAS,
    "PriorityClass": _POD_QUOTAS,
    "Terminating": _POD_QUOTAS,
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
}
"""What each scope of a quota can count."""

_OPPOSITE: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS_ONLY: Final = frozenset(_SCOPES) - {"PriorityClass", "VolumeAttributesClass"}

Named = Callable[[str], str | None]


def resource_name(name: str) -> str | None:
    """What is wrong with the name of any resource."""
    if said := formats.label_key(name):
        return said
    if "/" not in name and name not in _STANDARD and not _is_huge_pages(name, of_quotas=True):
        return "must be a resource of Kubernetes, or have a domain before a '/'"
    return None


def container_resource_name(name: str) -> str | None:
    """What is wrong with the name of a resource of containers."""
    if said := resource_name(name):
        return said
    if "/" not in name and name not in _OF_CONTAINERS and not _is_huge_pages(name):
        return "is no resource of containers"
    if not _is_native(name) and not _is_extended(name):
        return "is no name of an extended resource"
    return None


def _pod_resource_name(name: str) -> str | None:
    if said := resource_name(name):
        return said
    return None if name in _OF_PODS or _is_huge_pages(name) else "is no resource of whole pods"


def _quota_resource_name(name: str) -> str | None:
    if said := resource_name(name):
        return said
    if "/" not in name and name not in _OF_QUOTAS and not _is_huge_pages(name, of_quotas=True):
        return "is no resource that a quota counts"
    return None


def amount(name: str, value: Any) -> str | None:
    """What is wrong with how much of a resource there is."""
    number = quantity(value)
    if number is None:
        return None
    if number < 0:
        return found("must be at least 0", value)
    if (name in _COUNTED or _is_extended(name)) and number % 1:
        return found("must be a whole number", value)
    return None


def _is_huge_pages(name: str, *, of_quotas: bool = False) -> bool:
    return name.startswith(_HUGE_PAGES) or (of_quotas and name.startswith(f"requests.{_HUGE_PAGES}"))


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    prefixed = name.startswith("requests.")
    return not _is_native(name) and not prefixed and formats.label_key(f"requests.{name}") is None


def _is_shared(name: str) -> bool:
    return _is_native(name) and not _is_huge_pages(name)


def requirements(given: Fields, named: Named = container_resource_name) -> Iterator[Refusal]:
    """What is wrong with requests and limits."""
    limits, requests = (untyped.mapping(given.get(field)) for field in ("limits", "requests"))
    for field, resources in (("limits", limits), ("requests", requests)):
        yield from _amounts((field,), resources, named)
        for name, value in resources.items():
            if _is_huge_pages(name) and not _is_divisible(name, value):
                yield Refusal((field, name), found("must be a multiple of the page's size", value))
    for name, value in requests.items():
        asked, limit = quantity(value), quantity(limits.get(name))
        if not _is_shared(name) and limits.get(name) is None:
            yield Refusal(("limits", name), "required, and absent: it cannot be shared")
        elif asked is not None and limit is not None and not _is_shared(name) and asked != limit:
            yield Refusal(("requests", name), f"must be the limit of {limits[name]}, found {value}")
        elif asked is not None and limit is not None and asked > limit:
            yield Refusal(("requests", name), f"must be at most the limit of {limits[name]}, found {value}")
    if any(map(_is_huge_pages, (*limits, *requests))) and not _COMPUTE & {*limits, *requests}:
        yield Refusal((), "huge pages need cpu or memory beside them")


def pod_requirements(given: Fields) -> Iterator[Refusal]:
    """What is wrong with the requests and limits of a whole pod."""
    return requirements(given, _pod_resource_name)


def _amounts(path: tuple[str, ...], resources: Fields, named: Named) -> Iterator[Refusal]:
    for name, value in resources.items():
        if said := named(name) or amount(name, value):
            yield Refusal((*path, name), said)


def _is_divisible(name: str, value: Any) -> bool:
    size, number = quantity(name.removeprefix(_HUGE_PAGES)), quantity(value)
    return size is not None and size > 0 and size % 1 == 0 and number is not None and number % size == 0


def _limit_range(spec: Fields) -> Iterator[Refusal]:
    seen = set[str]()
    for index, limit in enumerate(untyped.mappings(spec.get("limits"))):
        of = untyped.text(limit.get("type"))
        if of in seen:
            yield Refusal(("limits", index, "type"), f"stands twice: {of}")
        seen.add(of)
        for each in _limits(limit, of):
            yield Refusal(("limits", index, *each.path), each.message)


def _limits(limit: Fields, of: str) -> Iterator[Refusal]:
    if (said := formats.label_key(of)) or ("/" not in of and of not in _LIMITED):
        yield Refusal(("type",), found(said or f"must be one of {', '.join(sorted(_LIMITED))}", of))
    named = container_resource_name if of in {"Pod", "Container"} else resource_name
    bounds = {
        field: untyped.mapping(limit.get(field))
        for field in ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
    }
    for field, values in bounds.items():
        if of == "Pod" and field.startswith("default") and values:
            yield Refusal((field,), "may not be set for a Pod")
        for name in values:
            if said := named(name):
                yield Refusal((field, name), said)
    if of == "PersistentVolumeClaim" and not ("storage" in bounds["min"] or "storage" in bounds["max"]):
        yield Refusal(("min",), "needs min or max of storage")
    for name in {name for values in bounds.values() for name in values}:
        yield from _ordered(bounds, name, is_filled_in=of == "Container")


def _ordered(bounds: dict[str, Fields], name: str, *, is_filled_in: bool) -> Iterator[Refusal]:
    numbers = {field: quantity(values.get(name)) for field, values in bounds.items()}
    if is_filled_in:
        numbers["default"] = _first(numbers["default"], numbers["max"])
        numbers["defaultRequest"] = _first(numbers["defaultRequest"], numbers["default"], numbers["min"])
    for lower, upper in (
        ("min", "max"),
        ("min", "defaultRequest"),
        ("defaultRequest", "max"),
        ("defaultRequest", "default"),
        ("min", "default"),
        ("default", "max"),
    ):
        low, high = numbers[lower], numbers[upper]
        if low is not None and high is not None and low > high:
            yield Refusal((upper, name), f"is less than {lower}")
    ratio = numbers["maxLimitRequestRatio"]
    if ratio is not None and ratio < 1:
        yield Refusal(("maxLimitRequestRatio", name), "must be at least 1")
    low, high = numbers["min"], numbers["max"]
    if ratio is not None and low and high and ratio > high / low:
        yield Refusal(("maxLimitRequestRatio", name), "must be at most max divided by min")


def _first(*numbers: Decimal | None) -> Decimal | None:
    return next((number for number in numbers if number is not None), None)


def _quota(spec: Fields) -> Iterator[Refusal]:
    hard = untyped.mapping(spec.get("hard"))
    yield from _amounts(("hard",), hard, _quota_resource_name)
    scopes = untyped.texts(spec.get("scopes"))
    yield from _scopes(("scopes",), scopes, hard)
    selected = untyped.mappings(untyped.at(spec, "scopeSelector", "matchExpressions"))
    path = ("scopeSelector", "matchExpressions")
    yield from _scopes(path, [untyped.text(each.get("scopeName")) for each in selected], hard)
    for index, each in enumerate(selected):
        operator, values = each.get("operator"), untyped.items(each.get("values"))
        if operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            yield Refusal((*path, index, "operator"), found("is no operator", operator))
        elif each.get("scopeName") in _EXISTS_ONLY and operator != "Exists":
            yield Refusal((*path, index, "operator"), found("must be Exists for this scope", operator))
        elif bool(values) != (operator in {"In", "NotIn"}):
            yield Refusal((*path, index, "values"), f"do not go with the operator {operator}")


def _scopes(path: tuple[str, ...], scopes: Iterable[str], hard: Fields) -> Iterator[Refusal]:
    given = list(scopes)
    for scope in given:
        if scope not in _SCOPES:
            yield Refusal(path, found(f"must be one of {', '.join(sorted(_SCOPES))}", scope))
        elif others := [name for name in hard if name in _OF_QUOTAS and name not in _SCOPES[scope]]:
            yield Refusal(path, f"{scope} cannot count {', '.join(others)}")
    for one, other in _OPPOSITE:
        if one in given and other in given:
            yield Refusal(path, f"{one} and {other} exclude each other")


def storage_asked(spec: Fields) -> Iterator[Refusal]:
    """What is wrong with the storage that a claim asks for."""
    asked = untyped.at(spec, "resources", "requests", "storage")
    number = quantity(asked)
    if is_absent(asked):
        yield Refusal(("resources", "requests", "storage"), "required, and absent")
    elif number is not None and number <= 0:
        yield Refusal(("resources", "requests", "storage"), found("must be more than 0", asked))


SHAPES: Final = {
    "core.v1.LimitRangeSpec": Shape(rules=(_limit_range,)),
    "core.v1.ResourceQuotaSpec": Shape(rules=(_quota,)),
}

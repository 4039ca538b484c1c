"""From what templates print to the objects of a tenant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.diffs import diff
from deploy_orchestrator.manifests.errors import DuplicateObject, InvalidObject
from deploy_orchestrator.manifests.findings import Check, Finding
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.kinds import Scopes, is_cluster_scoped, scopes
from deploy_orchestrator.manifests.objects import HOOK, Manifests, Object

UNKNOWN_HOOK: Final = Check(
    "unknown-hook",
    "error",
    "Helm leaves an object out without a word when it does not know one of its hook types.",
    "use the hook types that Helm knows, or remove the annotation",
)
VOLATILE: Final = Check(
    "volatile-output",
    "error",
    "What is approved is not what the next render gives, so no approval can hold.",
    "set the value that the template makes up otherwise, or refer to a Secret made elsewhere",
)


@dataclass(frozen=True, slots=True)
class Printed:
    """A Kubernetes object as a template printed it, and where."""

    place: Place
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Printout:
    """All that one Helm release prints, and the `namespace` that it goes to."""

    release: str
    namespace: str
    printed: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class SkippedHook:
    """A hook annotation for which Helm leaves an object out; which object, if the engine tells."""

    hook: str
    printed: Printed | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """An object that a release makes, and where its template prints it."""

    release: str
    object: Object
    place: Place


def combined(printouts: Iterable[Printout], declared: Mapping[str, str]) -> tuple[Made, ...]:
    """The objects that releases print, lists taken apart, each in its namespace. `declared` are the scopes of
    custom kinds that no chart defines.

    Raises:
        InvalidObject: what is printed somewhere is no object.
        DuplicateObject: one object is printed in two places.
    """
    printed = [(out, each) for out in printouts for one in out.printed for each in _flattened(one)]
    custom = scopes((each.body for _, each in printed), declared)
    objects: dict[ObjectKey, Made] = {}
    for out, each in printed:
        made = Made(out.release, _placed(_object(each), out.namespace, custom), each.place)
        other = objects.setdefault(_applied(made.object.key, out.namespace, custom), made)
        if other is not made and not (
            made.object.kind == "CustomResourceDefinition" and other.object == made.object
        ):
            raise _twice(made, other)
    return tuple(objects.values())


def _twice(made: Made, other: Made) -> DuplicateObject:
    if made.release == other.release:
        said = f"{made.object.key} is printed here and by {other.place}"
    else:
        said = (
            f"{made.object.key} is printed here for the release {made.release}, and by {other.place} for the"
            f" release {other.release}"
        )
    return DuplicateObject(said, place=made.place, fix="rename one of them, or print it once")


def _flattened(printed: Printed) -> Iterator[Printed]:
    """The items of a `List`, or of a typed one such as `ConfigMapList`, whose items need not repeat it."""
    body = printed.body
    kind, items = str(body.get("kind", "")), body.get("items")
    if not kind.endswith("List") or not isinstance(items, list):
        yield printed
        return
    typed = (
        {"apiVersion": body.get("apiVersion"), "kind": kind.removesuffix("List")} if kind != "List" else {}
    )
    for item in cast(list[Any], items):
        if not isinstance(item, Mapping):
            raise InvalidObject(
                f"{kind} has an item that is no object", place=printed.place, fix="remove the item"
            )
        yield from _flattened(Printed(printed.place, {**typed, **cast(Mapping[str, Any], item)}))


def _object(printed: Printed) -> Object:
    try:
        return Object(printed.body)
    except InvalidObject as error:
        raise InvalidObject(error.what, place=printed.place, fix=error.fix) from error


def _placed(object_: Object, namespace: str, custom: Scopes) -> Object:
    """The object in the namespace where `helm install` would put it."""
    scope = is_cluster_scoped(object_.key, custom)
    wanted = None if scope else object_.namespace or (namespace if scope is False else None)
    if wanted == object_.body["metadata"].get("namespace"):
        return object_
    metadata = {key: value for key, value in object_.body["metadata"].items() if key != "namespace"}
    return Object({**object_.body, "metadata": {**metadata, **({"namespace": wanted} if wanted else {})}})


def _applied(key: ObjectKey, namespace: str, custom: Scopes) -> ObjectKey:
    """The key under which Argo CD applies an object: in the Application's namespace where it names none."""
    unknown = key.namespace is None and is_cluster_scoped(key, custom) is None
    return replace(key, namespace=namespace) if unknown else key


def skipped_hook(skipped: SkippedHook) -> Finding:
    """The finding on an object that Helm leaves out because of its hook annotation."""
    key = _object(skipped.printed).key if skipped.printed else None
    return UNKNOWN_HOOK.finding(key, f"its {HOOK} is {skipped.hook!r}")


def volatile(first: Printout, second: Printout, declared: Mapping[str, str]) -> Iterator[Finding]:
    """A finding on each object that is another on every render."""
    once, again = (Manifests(made.object for made in combined([each], declared)) for each in (first, second))
    changes = diff(once, again)
    differing = [(change.key, ", ".join(each.field for each in change.fields)) for change in changes.changed]
    differing += [(each.key, "its name") for each in (*changes.added, *changes.removed)]
    for key, fields in sorted(differing):
        yield VOLATILE.finding(key, f"each render gives another value of {fields}")

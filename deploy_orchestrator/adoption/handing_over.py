"""Let go of an Application without touching what it delivers, one step at a time and back again.

Argo CD refuses a sync of objects that name another Application in their tracking-id, though that is gone
(`FailOnSharedResource`; `controller/state.go` of 3.6). So the mark goes, where it names exactly the one that
is handed over.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.errors import AdoptionError
from deploy_orchestrator.adoption.live import would
from deploy_orchestrator.adoption.proof import TRACKING
from deploy_orchestrator.delivery import ClusterClient, ClusterRefused, inspect
from deploy_orchestrator.manifests import Manifests, Object, hooks, untyped
from deploy_orchestrator.storage import write_whole

_INSTANCE: Final = "app.kubernetes.io/instance"
_TRIES: Final = 5
"""How often a write of somebody else in between makes it start over."""

_LETTING_GO: Final = 120.0
"""Seconds: Kubernetes comes to know new kinds, and what owns what of them, twice a minute."""

_BETWEEN: Final = 0.2
_CASCADE: Final = "finalizer.argocd.argoproj.io"
"""What those finalizers have in common with which Argo CD deletes what an Application delivers."""

_API: Final = "argoproj.io/v1alpha1"


class NotHandedOver(AdoptionError):
    """Something stands in the way of handing an Application over. Nothing was changed by this step."""


@dataclass(frozen=True, slots=True)
class Old:
    """The Application `name` in the namespace of its Argo CD, and the file that keeps it as it was."""

    cluster: ClusterClient
    argocd: str
    name: str
    kept: Path

    @property
    def marks(self) -> frozenset[str]:
        """How tracking-ids name it: by its name, or with the namespace of its Argo CD."""
        return frozenset({self.name, f"{self.argocd}_{self.name}"})

    def live(self) -> Object | None:
        """As it is; None where it is gone."""
        return self.cluster.read(_named(self.name), self.argocd)


def in_the_way(old: Old, candidate: Manifests, namespace: str) -> tuple[str, ...]:
    """What stands against handing over: nothing where every object of the candidate is live and the
    Application's, and applying it would change none.

    Raises:
        NotHandedOver: there is no such Application, and none was kept.
        DeliveryError: the cluster does not answer, or refuses.
    """
    if old.live() is None and not old.kept.exists():
        raise NotHandedOver(
            f"there is no Application {old.name} in {old.argocd}",
            fix=f"`kubectl -n {old.argocd} get applications` lists them; --argocd names another namespace",
        )
    found = inspect(old.cluster, namespace, None, candidate)
    return (
        *_going(old),
        *_owned(old),
        *_made_by_another(old),
        *would(found, candidate),
        *_of_others(old, candidate, namespace),
    )


def hand_over(old: Old, candidate: Manifests, namespace: str) -> Iterator[str]:
    """Lets go of the Application; tells each step when it is done, and what was done before is not done
    again. What it delivers is read and, but for Argo CD's own mark, never written.

    Raises:
        NotHandedOver: the candidate changes something or is another's, or the Application comes back.
        DeliveryError: the cluster does not answer, or refuses.
    """
    if reasons := in_the_way(old, candidate, namespace):
        raise NotHandedOver(
            f"{old.name} is not handed over: {'; '.join(reasons)}",
            fix="mend what it names, and plan again; nothing was changed",
        )
    live = old.live()
    if live is not None:
        if not old.kept.exists():
            _keep(old, live)
            yield f"kept as it was in {old.kept}"
        if not _is_going(live):
            yield from _paused_parent(old)
            left = _left_behind(old, candidate, namespace)
            yield from _deleted(old)
            if left:
                yield f"nobody delivers any more what the plan does not have: {', '.join(left)}"
        _await_gone(old)
        yield "it is deleted, and its objects stay"
    count = sum(_unmarked(old, each, namespace) for each in candidate.objects)
    yield f"{count} objects no longer name it"


def take_back(old: Old) -> Iterator[str]:
    """Makes the Application again as it was before, and its parent's automation. May be repeated.

    While others that the parent made are handed over, its automation stays off: it would make them again.
    Whoever is taken back last turns it on.

    Raises:
        NotHandedOver: nobody kept it.
    """
    if not old.kept.exists():
        raise NotHandedOver(f"nothing is kept of {old.name} at {old.kept}", fix="apply it from Git")
    kept = _kept(old.kept)
    body = untyped.mapping(kept.get("application"))
    if old.live() is None:
        old.cluster.create(Object(body), old.argocd)
        yield "the Application is there again"
    else:
        change = {"spec": body["spec"], "metadata": {"finalizers": body["metadata"].get("finalizers")}}
        old.cluster.merge(_named(old.name), old.argocd, change)
        yield "the Application is as it was"
    parent = kept.get("parent")
    others = [each for each in sorted(old.kept.parent.glob("*.yaml")) if each != old.kept]
    waiting = [each for each in others if _kept(each).get("parent") == parent]
    if isinstance(parent, str) and kept.get("automated") is not None and waiting:
        write_whole(waiting[0], documents.dump({**_kept(waiting[0]), "automated": kept["automated"]}))
        yield f"{parent} stays as it is: it would make {', '.join(each.stem for each in waiting)} again"
    elif isinstance(parent, str) and kept.get("automated") is not None:
        healing = {"spec": {"syncPolicy": {"automated": kept["automated"]}}}
        old.cluster.merge(*_qualified(old, parent), healing)
        yield f"{parent} heals itself again"
    old.kept.unlink()


def _kept(file: Path) -> Mapping[str, Any]:
    return untyped.mapping(documents.parse(file.read_bytes(), str(file)).value)


def _going(old: Old) -> Iterator[str]:
    live = old.live()
    if live is None or not _is_going(live):
        return
    cascading = [each for each in untyped.texts(live.body["metadata"].get("finalizers")) if _CASCADE in each]
    if cascading:
        yield (
            f"{old.name} is being deleted, and what it delivers with it: `kubectl -n {old.argocd} patch"
            f' application {old.name} --type merge --patch \'{{"metadata": {{"finalizers": null}}}}\'` keeps'
            " what is still there"
        )


def _made_by_another(old: Old) -> Iterator[str]:
    """The parent that it names where that does not know of it: whose automation would be turned off is not
    for the Application to say.
    """
    live = old.live()
    parent = _parent_of(old, live) if live else None
    named = _qualified(old, parent) if parent else None
    if named and old.cluster.read(*named) and not _lists(old, *named):
        yield f"{old.name} says that the Application {parent} made it, and {parent} does not list it"


def _lists(old: Old, parent: Object, namespace: str) -> bool:
    """Whether an Application delivers this one."""
    resources = untyped.mappings(old.cluster.status(parent, namespace).get("resources"))
    return any(
        each.get("kind") == "Application"
        and each.get("name") == old.name
        and each.get("namespace") == old.argocd
        for each in resources
    )


def _owned(old: Old) -> Iterator[str]:
    live = old.live()
    owners = untyped.mappings(live.body["metadata"].get("ownerReferences")) if live else ()
    for each in owners:
        if each.get("kind") == "ApplicationSet":
            yield (
                f"the ApplicationSet {each.get('name')} would make it again: `kubectl -n {old.argocd} delete"
                f" applicationset {each.get('name')} --cascade=orphan` leaves all of its Applications"
            )


def _of_others(old: Old, candidate: Manifests, namespace: str) -> Iterator[str]:
    """Objects that the Application does not deliver, by their tracking-ids; by Argo CD's label or by what the
    Application itself lists, where they have none.
    """
    if old.live() is None:
        return
    listed = _listed(old)
    for each in candidate.objects:
        live = None if hooks.is_hook(each) else old.cluster.read(each, namespace)
        if live is None:
            continue
        owner = _delivered_by(live)
        if owner and owner not in old.marks:
            yield f"{each.key} is delivered by the Application {owner}"
        elif not owner and not (
            live.labels.get(_INSTANCE) == old.name or (live.kind, live.namespace or "", live.name) in listed
        ):
            yield f"{each.key} names no Application, and {old.name} does not list it"


def _listed(old: Old) -> frozenset[tuple[str, str, str]]:
    """Kind, namespace and name of what the Application says that it delivers."""
    resources = untyped.mappings(old.cluster.status(_named(old.name), old.argocd).get("resources"))
    return frozenset(
        (untyped.text(each.get("kind")), untyped.text(each.get("namespace")), untyped.text(each.get("name")))
        for each in resources
    )


def _left_behind(old: Old, candidate: Manifests, namespace: str) -> list[str]:
    """What the Application delivers and the candidate does not have, as `Secret shop/database`."""
    ours = {(each.kind, each.namespace or namespace, each.name) for each in candidate.objects}
    return [
        f"{kind} {space}/{name}" if space else f"{kind} {name}"
        for kind, space, name in sorted(_listed(old))
        if (kind, space or namespace, name) not in ours
    ]


def _deleted(old: Old) -> Iterator[str]:
    """Takes the finalizer off and deletes what is as it was then: with a finalizer that somebody put back,
    Argo CD would delete all that the Application delivers.
    """
    off = {"spec": {"syncPolicy": {"automated": None}}, "metadata": {"finalizers": None}}
    for left in reversed(range(_TRIES)):
        version = old.cluster.merge(_named(old.name), old.argocd, off)
        if left == _TRIES - 1:
            yield "its automation and its finalizer are off"
        try:
            old.cluster.delete(_named(old.name), old.argocd, version)
        except ClusterRefused as error:
            if error.status != 409:
                raise
            if not left:
                raise NotHandedOver(
                    f"{old.name} is not deleted: somebody writes it again and again",
                    fix="end what writes it (a sync of its parent, a pipeline), and run this again; what it"
                    " delivers stays",
                ) from error
        else:
            break


def _is_going(live: Object) -> bool:
    return untyped.at(live.body, "metadata", "deletionTimestamp") is not None


def _await_gone(old: Old) -> None:
    """Kubernetes lets go of what an object owns before the object is gone."""
    until = time.monotonic() + _LETTING_GO
    while old.live() is not None:
        if time.monotonic() > until:
            raise NotHandedOver(
                f"{old.name} is being deleted, and is not gone after {_LETTING_GO:g} seconds",
                fix="see what its finalizers wait for, and run this again; what it delivers stays",
            )
        time.sleep(_BETWEEN)


def _keep(old: Old, live: Object) -> None:
    parent = _parent_of(old, live)
    found = old.cluster.read(*_qualified(old, parent)) if parent else None
    automated = untyped.at(found.body, "spec", "syncPolicy", "automated") if found else None
    kept: dict[str, Any] = {"application": dict(live.body), "parent": parent, "automated": automated}
    old.kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(old.kept, documents.dump(kept))


def _paused_parent(old: Old) -> Iterator[str]:
    live = old.live()
    parent = _parent_of(old, live) if live else None
    found = old.cluster.read(*_qualified(old, parent)) if parent else None
    if parent and found and untyped.at(found.body, "spec", "syncPolicy", "automated") is not None:
        old.cluster.merge(*_qualified(old, parent), {"spec": {"syncPolicy": {"automated": None}}})
        yield f"{parent}, which would make it again, no longer heals itself"


def _parent_of(old: Old, live: Object) -> str | None:
    """The Application that made this one, by its name or with its namespace: as its tracking-id says; where
    it has none as its label does, if that one lists it.
    """
    if told := _delivered_by(live):
        return told
    label = live.labels.get(_INSTANCE)
    if not label or label == old.name:
        return None
    named = _qualified(old, label)
    return label if old.cluster.read(*named) and _lists(old, *named) else None


def _qualified(old: Old, parent: str) -> tuple[Object, str]:
    """The Application that a tracking-id names, and its namespace."""
    namespace, _, name = parent.rpartition("_")
    return _named(name), namespace or old.argocd


def _delivered_by(live: Object) -> str:
    """The Application that an object names in its tracking-id; nothing where it names none."""
    return live.annotations.get(TRACKING, "").partition(":")[0]


def _unmarked(old: Old, wanted: Object, namespace: str) -> bool:
    """Whether an object named the Application, and no longer does."""
    live = old.cluster.read(wanted, namespace)
    if live is None or _delivered_by(live) not in old.marks:
        return False
    old.cluster.merge(wanted, namespace, {"metadata": {"annotations": {TRACKING: None}}})
    return True


def _named(name: str) -> Object:
    return Object({"apiVersion": _API, "kind": "Application", "metadata": {"name": name}})

"""What ConfigMaps and Secrets hold, whoever makes them: the entries, and of Secrets their names alone."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import Object, untyped
from deploy_orchestrator.risk.settings import ANYTHING, Secret

Held = Mapping[tuple[str, str | None, str], Mapping[str, Any]]
"""By kind, namespace and name: the entries of a ConfigMap, and those of a Secret, their values `Secret`s.

What is fetched as a whole stands under the name of its Secret.
"""

_ENTRIES: Final[Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]] = {
    ("", "Secret"): (("data",), ("stringData",)),
    ("bitnami.com", "SealedSecret"): (("spec", "encryptedData"), ("spec", "template", "data")),
    ("external-secrets.io", "ExternalSecret"): (("spec", "target", "template", "data"),),
}
"""Where the entries of a Secret stand in what makes it."""


def held_by(objects: Iterable[Object]) -> Held:
    """What the ConfigMaps and Secrets hold that objects are, or that controllers make of them."""
    found: dict[tuple[str, str | None, str], dict[str, Any]] = {}
    for each in objects:
        if (each.key.group, each.kind) == ("", "ConfigMap"):
            found["ConfigMap", each.namespace, each.name] = {**untyped.mapping(each.body.get("data"))}
        elif name := secret_made_by(each):
            keys = {key: Secret((name, key)) for key in _keys(each)}
            whole = {name: Secret((name, ANYTHING))} if _is_open(each) else {}
            # Several may make one together, as `creationPolicy: Merge` of an ExternalSecret says.
            found.setdefault(("Secret", each.namespace, name), {}).update({**keys, **whole})
    return found


def _keys(each: Object) -> Iterator[str]:
    for path in _ENTRIES.get((each.key.group, each.kind), ()):
        yield from untyped.mapping(untyped.at(each.body, *path))
    for one in untyped.mappings(untyped.at(each.body, "spec", "data")):
        yield untyped.text(one.get("secretKey"))


def _is_open(each: Object) -> bool:
    """Whether a Secret comes to have keys that do not stand in what makes it."""
    spec = untyped.mapping(each.body.get("spec"))
    return bool(spec.get("dataFrom") or untyped.at(spec, "target", "template", "templateFrom"))


def secret_brought_by(each: Object) -> str | None:
    """The name of the Secret whose values come with an object, or are made for it; None for any other."""
    match (each.key.group, each.kind):
        case ("", "Secret") | ("bitnami.com", "SealedSecret"):
            return each.name
        case ("cert-manager.io", "Certificate"):
            return untyped.text(untyped.at(each.body, "spec", "secretName")) or None
        case _:
            return None


def secret_made_by(each: Object) -> str | None:
    """The name of the Secret that an object is, or that a controller makes of it; None for any other."""
    if (each.key.group, each.kind) == ("external-secrets.io", "ExternalSecret"):
        return untyped.text(untyped.at(each.body, "spec", "target", "name")) or each.name
    return secret_brought_by(each)

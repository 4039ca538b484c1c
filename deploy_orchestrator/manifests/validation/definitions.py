"""What adds kinds to an API server: CustomResourceDefinitions and APIServices.

After `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation` and
`k8s.io/kube-aggregator/pkg/apis/apiregistration/validation`. Expressions are not compiled.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Path,
    Refusal,
    Shape,
    each,
    found,
    is_absent,
)

_NEVER: Final = (
    "$ref",
    "$schema",
    "id",
    "definitions",
    "dependencies",
    "patternProperties",
    "additionalItems",
)
_COLUMNS: Final = ("boolean", "date", "integer", "number", "string")
_MAX_GROUP_PRIORITY: Final = 20_000
_MAX_VERSION_PRIORITY: Final = 1_000
_TYPES: Final = formats.one_of("array", "boolean", "integer", "number", "object", "string")


def _named(crd: Fields) -> Iterator[Refusal]:
    spec = untyped.mapping(crd.get("spec"))
    name = untyped.at(crd, "metadata", "name")
    wanted = f"{untyped.at(spec, 'names', 'plural')}.{spec.get('group')}"
    if name and name != wanted:
        yield Refusal(("metadata", "name"), found(f"must be {wanted}", name))


def _versions(spec: Fields) -> Iterator[Refusal]:
    versions = list(untyped.mappings(spec.get("versions")))
    stored = [version for version in versions if version.get("storage")]
    if len(stored) != 1:
        yield Refusal(("versions",), f"needs one version that is stored, and has {len(stored)}")
    names = [version.get("name") for version in versions]
    if len(set(names)) < len(names):
        yield Refusal(("versions",), found("must have names of their own", names))
    if spec.get("preserveUnknownFields"):
        yield Refusal(("preserveUnknownFields",), "may not be true")


def _version(version: Fields) -> Iterator[Refusal]:
    schema = untyped.at(version, "schema", "openAPIV3Schema")
    if schema is None:
        yield Refusal(("schema", "openAPIV3Schema"), "required, and absent")
        return
    if version.get("deprecationWarning") is not None and not version.get("deprecated"):
        yield Refusal(("deprecationWarning",), "may only be set where deprecated is true")
    path = ("schema", "openAPIV3Schema")
    if untyped.mapping(schema).get("type") != "object":
        yield Refusal((*path, "type"), found("must be object", untyped.mapping(schema).get("type")))
    if untyped.mapping(schema).get("nullable"):
        yield Refusal((*path, "nullable"), "may not be true at the root")
    yield from _structural(untyped.mapping(schema), path, is_root=True)


def _structural(schema: Mapping[str, Any], path: Path, *, is_root: bool = False) -> Iterator[Refusal]:
    """What a schema must be for the API server to prune and fill in objects by it."""
    open_, type_ = schema.get("x-kubernetes-preserve-unknown-fields"), schema.get("type")
    either = schema.get("x-kubernetes-int-or-string")
    if not type_ and not either and not open_ and not is_root:
        yield Refusal((*path, "type"), "required, and absent")
    if type_ and (said := _TYPES(type_)):
        yield Refusal((*path, "type"), found(said, type_))
    for field in _NEVER:
        if schema.get(field) not in (None, "", {}):
            yield Refusal((*path, field), "is not supported")
    if schema.get("uniqueItems"):
        yield Refusal((*path, "uniqueItems"), "may not be true")
    if open_ is False:
        yield Refusal((*path, "x-kubernetes-preserve-unknown-fields"), "must be true or absent")
    if schema.get("properties") and schema.get("additionalProperties") not in (None, False):
        yield Refusal((*path, "additionalProperties"), "may not stand beside properties")
    if schema.get("additionalProperties") is False:
        yield Refusal((*path, "additionalProperties"), "may not be false")
    yield from _lists(schema, path)
    for name, below in untyped.mapping(schema.get("properties")).items():
        yield from _structural(untyped.mapping(below), (*path, "properties", name))
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), Mapping):
            yield from _structural(untyped.mapping(schema[field]), (*path, field))


def _lists(schema: Mapping[str, Any], path: Path) -> Iterator[Refusal]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    if kind is not None:
        if said := formats.one_of("atomic", "map", "set")(kind):
            yield Refusal((*path, "x-kubernetes-list-type"), found(said, kind))
        if schema.get("type") != "array":
            yield Refusal((*path, "type"), "must be array where x-kubernetes-list-type is set")
    if keys and kind != "map":
        yield Refusal(
            (*path, "x-kubernetes-list-type"), "must be map where x-kubernetes-list-map-keys is set"
        )
    if kind == "map" and not keys:
        yield Refusal((*path, "x-kubernetes-list-map-keys"), "required for a list of type map, and absent")
    map_kind = schema.get("x-kubernetes-map-type")
    if map_kind is not None and (said := formats.one_of("atomic", "granular")(map_kind)):
        yield Refusal((*path, "x-kubernetes-map-type"), found(said, map_kind))
    if schema.get("type") == "array" and schema.get("items") is None:
        yield Refusal((*path, "items"), "required, and absent")


def _kind(value: str) -> str | None:
    return formats.dns_1035_label(value.lower())


def _scale(value: Fields) -> Iterator[Refusal]:
    for field, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        path = untyped.text(value.get(field))
        if path and not path.startswith(root):
            yield Refusal((field,), found(f"must begin with {root}", path))


def _api_service(given: Fields) -> Iterator[Refusal]:
    spec = untyped.mapping(given.get("spec"))
    group, version = spec.get("group") or "", spec.get("version") or ""
    name = untyped.at(given, "metadata", "name")
    if name and name != f"{version}.{group}":
        yield Refusal(("metadata", "name"), found(f"must be {version}.{group}", name))
    if not group and version != "v1":
        yield Refusal(("spec", "group"), "required, and absent")
    for field, most in (
        ("groupPriorityMinimum", _MAX_GROUP_PRIORITY),
        ("versionPriority", _MAX_VERSION_PRIORITY),
    ):
        value = spec.get(field) or 0
        if not 0 < value <= most:
            yield Refusal(("spec", field), found(f"must be 1 to {most}", value))
    if spec.get("service") is None:
        for field in ("insecureSkipTLSVerify", "caBundle"):
            if spec.get(field):
                yield Refusal(("spec", field), "may not be set without a service")
    elif spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        yield Refusal(("spec", "insecureSkipTLSVerify"), "may not be set beside caBundle")


def _called(service: Fields) -> Iterator[Refusal]:
    for field in ("name", "namespace"):
        if is_absent(service.get(field)):
            yield Refusal((field,), "required, and absent")


_APIEXTENSIONS: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_APIREGISTRATION: Final = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1."

SHAPES: Final = {
    f"{_APIEXTENSIONS}CustomResourceDefinition": Shape(rules=(_named,)),
    f"{_APIEXTENSIONS}CustomResourceDefinitionSpec": Shape(
        required=("group", "scope"),
        fields={"group": formats.domain, "scope": formats.one_of("Cluster", "Namespaced")},
        rules=(_versions,),
    ),
    f"{_APIEXTENSIONS}CustomResourceDefinitionNames": Shape(
        required=("plural", "kind"),
        fields={
            "categories": each(formats.dns_1035_label),
            "kind": _kind,
            "listKind": _kind,
            "plural": formats.dns_1035_label,
            "shortNames": each(formats.dns_1035_label),
            "singular": formats.dns_1035_label,
        },
    ),
    f"{_APIEXTENSIONS}CustomResourceDefinitionVersion": Shape(
        required=("name",), fields={"name": formats.dns_1035_label}, rules=(_version,)
    ),
    f"{_APIEXTENSIONS}CustomResourceColumnDefinition": Shape(
        required=("name", "type", "jsonPath"), fields={"type": formats.one_of(*_COLUMNS)}
    ),
    f"{_APIEXTENSIONS}SelectableField": Shape(required=("jsonPath",)),
    f"{_APIEXTENSIONS}CustomResourceConversion": Shape(
        required=("strategy",), fields={"strategy": formats.one_of("None", "Webhook")}
    ),
    f"{_APIEXTENSIONS}CustomResourceSubresourceScale": Shape(
        required=("specReplicasPath", "statusReplicasPath"), rules=(_scale,)
    ),
    f"{_APIREGISTRATION}APIService": Shape(rules=(_api_service,)),
    f"{_APIREGISTRATION}APIServiceSpec": Shape(
        fields={"group": formats.dns_subdomain, "version": formats.dns_1035_label}
    ),
    f"{_APIREGISTRATION}ServiceReference": Shape(fields={"port": formats.port_number}, rules=(_called,)),
}

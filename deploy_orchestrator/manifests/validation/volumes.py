"""What a pod mounts.

After `validateVolumeSource` and what it calls in `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.metadata import labelled
from deploy_orchestrator.manifests.validation.resources import storage_asked
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    at,
    each,
    found,
)
from deploy_orchestrator.terms import quantity

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_HOST_PATHS: Final = (
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_FIELDS_IN_VOLUMES: Final = frozenset(
    {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"}
)
_MAX_DRIVER: Final = 63
_TOKEN_SECONDS: Final = formats.within(600, 2**32)


def _one_source(volume: Fields) -> Iterator[Refusal]:
    sources = [name for name, value in volume.items() if name != "name" and value is not None]
    if len(sources) > 1:
        yield Refusal((sources[1],), f"may not have more than one source: {' and '.join(sorted(sources))}")


def _absolute(value: str) -> str | None:
    return None if value.startswith("/") else "must be an absolute path"


def driver_name(value: str) -> str | None:
    """What is wrong with the name of a CSI driver."""
    too_long = len(value) > _MAX_DRIVER
    return (
        f"must be no more than {_MAX_DRIVER} characters" if too_long else formats.dns_subdomain(value.lower())
    )


def _not_negative(value: Any) -> str | None:
    number = quantity(value)
    return "must be at least 0" if number is not None and number < 0 else None


def _downward_file(file: Fields) -> Iterator[Refusal]:
    field, resource = file.get("fieldRef"), file.get("resourceFieldRef")
    if field is None and resource is None:
        yield Refusal((), "needs a fieldRef or a resourceFieldRef")
    elif field is not None and resource is not None:
        yield Refusal((), "may not have both fieldRef and resourceFieldRef")
    path = untyped.text(untyped.at(field, "fieldPath"))
    if path and path.partition("[")[0] not in _FIELDS_IN_VOLUMES:
        yield Refusal(("fieldRef", "fieldPath"), found("is no field that a volume can show", path))
    if resource is not None and field is None and not untyped.at(resource, "containerName"):
        yield Refusal(("resourceFieldRef", "containerName"), "required, and absent")


def _projected(volume: Fields) -> Iterator[Refusal]:
    seen = set[str]()
    for index, source in enumerate(untyped.mappings(volume.get("sources"))):
        present = [name for name, value in source.items() if value is not None]
        if len(present) > 1:
            yield Refusal(("sources", index), f"may not have more than one source: {' and '.join(present)}")
        for name in ("secret", "configMap"):
            if source.get(name) is not None and not untyped.at(source, name, "name"):
                yield Refusal(("sources", index, name, "name"), "required, and absent")
        for name in ("secret", "configMap", "downwardAPI"):
            for item in untyped.mappings(untyped.at(source, name, "items")):
                path = untyped.text(item.get("path"))
                if path and path in seen:
                    yield Refusal(("sources", index, name, "items"), found("stands twice", path))
                seen.add(path)


def _access_modes(spec: Fields) -> Iterator[Refusal]:
    modes = untyped.texts(spec.get("accessModes"))
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        yield Refusal(("accessModes",), "ReadWriteOncePod may not stand beside others")


def _sources(spec: Fields) -> Iterator[Refusal]:
    kind = untyped.at(spec, "dataSourceRef", "kind")
    if kind and kind != "PersistentVolumeClaim" and not untyped.at(spec, "dataSourceRef", "apiGroup"):
        yield Refusal(("dataSourceRef", "apiGroup"), found("required for another kind than claims", kind))


def _template_metadata(template: Fields) -> Iterator[Refusal]:
    yield from at(("metadata",), labelled(untyped.mapping(template.get("metadata"))))


_MODE: Final = {"defaultMode": formats.file_mode}

SHAPES: Final = {
    "core.v1.Volume": Shape(required=("name",), fields={"name": formats.dns_label}, rules=(_one_source,)),
    "core.v1.EmptyDirVolumeSource": Shape(fields={"sizeLimit": _not_negative}),
    "core.v1.HostPathVolumeSource": Shape(
        required=("path",),
        fields={"path": formats.without_steps_back, "type": formats.one_of(*_HOST_PATHS)},
    ),
    "core.v1.SecretVolumeSource": Shape(required=("secretName",), fields=_MODE),
    "core.v1.ConfigMapVolumeSource": Shape(required=("name",), fields=_MODE),
    "core.v1.KeyToPath": Shape(
        required=("key", "path"), fields={"path": formats.file_in_volume, "mode": formats.file_mode}
    ),
    "core.v1.PersistentVolumeClaimVolumeSource": Shape(required=("claimName",)),
    "core.v1.NFSVolumeSource": Shape(required=("server", "path"), fields={"path": _absolute}),
    "core.v1.CSIVolumeSource": Shape(required=("driver",), fields={"driver": driver_name}),
    "core.v1.DownwardAPIVolumeSource": Shape(fields=_MODE),
    "core.v1.DownwardAPIVolumeFile": Shape(
        required=("path",),
        fields={"path": formats.file_in_volume, "mode": formats.file_mode},
        rules=(_downward_file,),
    ),
    "core.v1.ProjectedVolumeSource": Shape(fields=_MODE, rules=(_projected,)),
    "core.v1.ServiceAccountTokenProjection": Shape(
        required=("path",),
        fields={"path": formats.file_in_volume, "expirationSeconds": _TOKEN_SECONDS},
    ),
    "core.v1.EphemeralVolumeSource": Shape(required=("volumeClaimTemplate",)),
    "core.v1.PersistentVolumeClaimTemplate": Shape(rules=(_template_metadata,)),
    "core.v1.PersistentVolumeClaimSpec": Shape(
        required=("accessModes",),
        fields={
            "accessModes": each(formats.one_of(*ACCESS_MODES)),
            "storageClassName": formats.dns_subdomain,
            "volumeAttributesClassName": formats.dns_subdomain,
            "volumeMode": formats.one_of("Block", "Filesystem"),
        },
        not_empty=("volumeMode",),
        rules=(_access_modes, storage_asked, _sources),
    ),
}

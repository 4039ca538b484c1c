"""What `helm install`, helmfile and Flux leave in a cluster: a Secret for each revision of a release.

The Secret's `release` is base64 (Kubernetes' own around it), gzip and JSON, after `pkg/storage/driver` of
Helm. It has the values that people gave as one map, and the objects as they were applied.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.applications import IN_CLUSTER
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.adoption.found import ChartInGit, ChartPublished, OldLayer, OldRelease, Raw
from deploy_orchestrator.manifests import untyped

_TYPE: Final = "helm.sh/release.v1"
_GZIP: Final = b"\x1f\x8b"
_MOST: Final = 64 * 2**20
_DEPLOYED: Final = "deployed"


def is_release(body: Raw) -> bool:
    """Whether an object is a revision of a Helm release."""
    return body.get("kind") == "Secret" and body.get("type") == _TYPE


def newest(bodies: Iterable[Raw]) -> list[Raw]:
    """Of each release the revision that is deployed; the last one where none is."""
    found: dict[tuple[str, str], Raw] = {}
    for body in bodies:
        labels = untyped.mapping(untyped.at(body, "metadata", "labels"))
        key = (str(untyped.at(body, "metadata", "namespace")), str(labels.get("name")))
        if key not in found or _rank(body) > _rank(found[key]):
            found[key] = body
    return [found[key] for key in sorted(found)]


def owner_of(body: Raw) -> str:
    """Which release it is, as `Helm release apps/web`."""
    labels = untyped.mapping(untyped.at(body, "metadata", "labels"))
    return f"Helm release {untyped.at(body, 'metadata', 'namespace')}/{labels.get('name')}"


def release_of(body: Raw, environment: str, charts: Mapping[str, ChartInGit | str]) -> OldRelease:
    """The release in a Secret; `charts` tell by the chart's name where that comes from: a folder, or the URL
    of a repository.

    Raises:
        NotAdoptable: it cannot be read, failed, or nobody knows its chart.
    """
    about = _decoded(body)
    place = untyped.at(body, "metadata", "namespace"), untyped.at(body, "metadata", "labels", "name")
    if (about.get("namespace"), about.get("name")) != place:
        raise NotAdoptable(
            "it says to be another release than its Secret is of",
            fix="find out who wrote it: Helm keeps a release in its own namespace, under its own name",
        )
    status = untyped.at(about, "info", "status")
    if status != _DEPLOYED:
        raise NotAdoptable(f"it is {status}, not {_DEPLOYED}", fix="mend it with Helm first, or uninstall it")
    metadata = untyped.mapping(untyped.at(about, "chart", "metadata"))
    name, version = str(metadata.get("name")), str(metadata.get("version"))
    known = charts.get(name)
    if known is None:
        raise NotAdoptable(
            f"nobody says where its chart {name} {version} comes from",
            fix=f"name its folder, or its repository: --chart {name}=FOLDER or --chart {name}=URL",
        )
    values = untyped.mapping(about.get("config"))
    return OldRelease(
        environment=environment,
        owner=owner_of(body),
        name=str(about.get("name")),
        release=str(about.get("name")),
        namespace=str(about.get("namespace")),
        server=IN_CLUSTER,
        chart=ChartPublished(known, name, version) if isinstance(known, str) else known.readable(),
        layers=(OldLayer(f"the values of {owner_of(body)}", documents.dump(values).decode()),)
        if values
        else (),
        manifests=_manifests(about),
    )


def _manifests(about: Mapping[str, Any]) -> bytes:
    hooks = [untyped.text(each.get("manifest")) for each in untyped.mappings(about.get("hooks"))]
    return "\n---\n".join([untyped.text(about.get("manifest")), *hooks]).encode()


def _rank(body: Raw) -> tuple[bool, int]:
    labels = untyped.mapping(untyped.at(body, "metadata", "labels"))
    version = str(labels.get("version", "0"))
    return labels.get("status") == _DEPLOYED, int(version) if version.isdigit() else 0


def _decoded(body: Raw) -> Mapping[str, Any]:
    text = untyped.text(untyped.at(body, "data", "release"))
    try:
        data = base64.b64decode(base64.b64decode(text, validate=True), validate=True)
        if data[:2] == _GZIP:
            unpacking = zlib.decompressobj(wbits=31)
            data = unpacking.decompress(data, _MOST)
            if unpacking.unconsumed_tail:
                raise NotAdoptable(f"it holds more than {_MOST:,} bytes", fix="leave it where it is")
        about = json.loads(data)
        # What is no text in UTF-8, and no number, goes into no file.
        json.dumps(about, allow_nan=False, ensure_ascii=False).encode()
        return untyped.mapping(about)
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise NotAdoptable(
            "it cannot be read as Helm wrote it", fix="look at it with `helm get all`"
        ) from error

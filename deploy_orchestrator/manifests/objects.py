"""Kubernetes objects as values: their identity, their canonical bytes, and the files that hold them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Self, cast

from deploy_orchestrator import documents
from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests.errors import DuplicateObject, InvalidObject
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.manifests.keys import ObjectKey

HOOK: Final = "helm.sh/hook"
_NO_OBJECTS: Final = "no-objects.yaml"
_DECODER: Final = json.JSONDecoder()
_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


@dataclass(frozen=True)
class Object:
    """One Kubernetes object: its `body` in JSON types, to be read and never changed.

    Raises:
        InvalidObject: no apiVersion, kind or name, metadata that is not what Kubernetes reads, or more
            objects in it.
    """

    body: Mapping[str, Any]
    key: ObjectKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        metadata = self.body.get("metadata")
        for name, value in (("apiVersion", self.body.get("apiVersion")), ("kind", self.body.get("kind"))):
            if not isinstance(value, str) or not value:
                raise InvalidObject(f"a Kubernetes object needs {name}, found {value!r}", fix=f"set {name}")
        if not isinstance(metadata, Mapping):
            raise InvalidObject(f"{self.kind} has no metadata", fix="set metadata.name")
        metadata = cast(Mapping[str, Any], metadata)
        name = metadata.get("name")
        if not isinstance(name, str) or not name:
            generated = (
                "generateName gives another name on each apply; " if metadata.get("generateName") else ""
            )
            raise InvalidObject(
                f"{self.kind} has no metadata.name", fix=f"{generated}set metadata.name to a text"
            )
        if not isinstance(metadata.get("namespace") or "", str):
            raise InvalidObject(
                f"{self.kind} {name}: metadata.namespace is not a text", fix="quote the namespace"
            )
        if isinstance(self.body.get("items"), list):
            raise InvalidObject(
                f"{self.kind} {name} has a list `items`: Argo CD applies what stands in that, and not itself",
                fix="print each object by itself, or a List of them",
            )
        group, slash, _ = self.api_version.partition("/")
        key = ObjectKey(group if slash else "", self.kind, self.namespace, self.name)
        object.__setattr__(self, "key", key)

    @property
    def api_version(self) -> str:
        return self.body["apiVersion"]

    @property
    def kind(self) -> str:
        return self.body["kind"]

    @property
    def name(self) -> str:
        return self.body["metadata"]["name"]

    @property
    def namespace(self) -> str | None:
        return self.body["metadata"].get("namespace") or None

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return _texts(self.body["metadata"].get("labels"))

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        return _texts(self.body["metadata"].get("annotations"))

    @cached_property
    def hooks(self) -> tuple[str, ...]:
        """The Helm hook events the object is for, as `pre-upgrade`; empty for what is no hook."""
        events = (event.strip().lower() for event in self.annotations.get(HOOK, "").split(","))
        return tuple(event for event in events if event)

    @cached_property
    def remembered(self) -> dict[str, Any]:
        """What somebody works out of the object once, and it stays what it is."""
        return {}

    @cached_property
    def canonical(self) -> bytes:
        """The object as JSON with sorted keys and nothing between them; equal objects give equal bytes."""
        return _CANONICAL.encode(self.body).encode()


class PackageUsed(documents.Record):
    """A published `chart`, as `https://charts.example.com/redis@18.1.0`, and its package's SHA-256 in hex."""

    chart: str
    sha256: str


class ReleaseUsed(documents.Record):
    """A Helm release of a tenant that has several, and the name and version of its chart."""

    release: str
    name: str
    version: str


class ChartUsed(documents.Record):
    """The chart that a tenant's manifests come from; of several `releases` the last one's.

    `packages` were fetched for it and for the platform; None: there were none, or they were not told yet.
    `releases` are all of a tenant that lists them, each behind those that it comes after; None: there is one.
    """

    name: str
    version: str
    packages: tuple[PackageUsed, ...] | None = None
    releases: tuple[ReleaseUsed, ...] | None = None

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """Name and version of every chart, in the order of the releases."""
        return tuple((each.name, each.version) for each in self.releases or (self,))

    @property
    def called(self) -> str:
        """The names of all charts, each once, in the order of the releases."""
        return ", ".join(dict.fromkeys(name for name, _ in self.versions))

    def __str__(self) -> str:
        """Every chart with its version, as `postgres 16.2.0, web 1.4.0`."""
        return ", ".join(dict.fromkeys(f"{name} {version}" for name, version in self.versions))


class Manifests:
    """All objects of one tenant in one environment in the order of their keys, hooks and test pods too.

    Immutable. `chart`, `findings` and `templates` tell how they were rendered, and take no part in equality.

    Raises:
        DuplicateObject: two objects have one key, or keys that a file system may not tell apart.
    """

    def __init__(
        self,
        objects: Iterable[Object],
        chart: ChartUsed | None = None,
        findings: Iterable[Finding] = (),
        templates: Mapping[ObjectKey, str] = MappingProxyType({}),
    ) -> None:
        self._objects: tuple[Object, ...] | None = _distinct(objects)
        self._canonical: bytes | None = None
        self._templates = tuple(templates.get(each.key, "") for each in self._objects)
        self.chart = chart
        self.findings = tuple(findings)

    @classmethod
    def from_canonical(
        cls,
        canonical: bytes,
        chart: ChartUsed | None = None,
        findings: Iterable[Finding] = (),
        templates: Iterable[str] = (),
    ) -> Self:
        """The manifests whose `canonical` bytes these are, read only when the objects are asked for.

        `templates` are those of the objects, in their order.
        """
        manifests = cls((), chart, findings)
        manifests._objects, manifests._canonical = None, canonical
        manifests._templates = tuple(templates)
        return manifests

    def at_rest(self) -> Self:
        """The same, with nothing but its bytes until somebody asks for the objects: to keep many of them."""
        return self.from_canonical(self.canonical, self.chart, self.findings, self._templates)

    @property
    def objects(self) -> tuple[Object, ...]:
        if self._objects is None:
            self._objects = tuple(_read_canonical(self.canonical.decode()))
        return self._objects

    @property
    def canonical(self) -> bytes:
        """All objects as one JSON list, as `Object.canonical`."""
        if self._canonical is None:
            self._canonical = b"[" + b",".join(each.canonical for each in self.objects) + b"]"
        return self._canonical

    @cached_property
    def content(self) -> str:
        """`sha256:<hex>` of the canonical bytes of all objects."""
        return f"sha256:{hashlib.sha256(self.canonical).hexdigest()}"

    @property
    def templates(self) -> Mapping[ObjectKey, str]:
        """What prints each object, as `charts/app/templates/web.yaml`; "" where that is not known."""
        return dict(zip((each.key for each in self.objects), self._templates, strict=False))

    @cached_property
    def by_key(self) -> Mapping[ObjectKey, Object]:
        return {each.key: each for each in self.objects}

    def files(self) -> dict[str, bytes]:
        """The objects as YAML, one a file, named after their keys. `read` gives back equal manifests.

        Where there are none it is one file without an object: Git and Argo CD know no empty folder.
        """
        return {each.key.file: documents.dump(each.body) for each in self.objects} or {
            _NO_OBJECTS: b"# No objects.\n"
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifests) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    def __repr__(self) -> str:
        return f"Manifests({len(self.objects)} objects, {self.content})"


def _read_canonical(text: str) -> Iterator[Object]:
    """The objects of a canonical list, each with the part of the text that is its own."""
    begin = 1
    while begin < len(text) - 1:
        body, end = _DECODER.raw_decode(text, begin)
        object_ = Object(body)
        object_.__dict__["canonical"] = text[begin:end].encode()
        yield object_
        begin = end + 1


def _distinct(objects: Iterable[Object]) -> tuple[Object, ...]:
    ordered = tuple(sorted(objects, key=lambda each: each.key))
    files: dict[str, ObjectKey] = {}
    for key in (each.key for each in ordered):
        other = files.setdefault(key.file.lower(), key)
        if other is not key:
            both = f"{key} stands twice" if other == key else f"{other} and {key} would share a file"
            raise DuplicateObject(both, fix="remove or rename one of them")
    return ordered


def read_manifests(files: Mapping[str, bytes]) -> Manifests:
    """The manifests that `Manifests.files` wrote.

    Raises:
        DocumentError: a file is not YAML.
        InvalidObject: a file holds no Kubernetes object, or has not the name of the one that it holds: what
            Argo CD makes of a file depends on its name.
    """
    if files == NOTHING.files():
        return NOTHING
    return Manifests(_read_object(file, data) for file, data in sorted(files.items()))


NOTHING: Final = Manifests(())
"""No objects at all: what is left of a tenant that is removed."""


def _read_object(file: str, data: bytes) -> Object:
    value = documents.parse(data, file).value
    if not isinstance(value, dict):
        raise InvalidObject("expected one Kubernetes object", place=Place(file))
    try:
        found = Object(cast(dict[str, Any], value))
    except InvalidObject as error:
        raise InvalidObject(error.what, place=Place(file), fix=error.fix) from error
    if found.key.file != file:
        raise InvalidObject(
            f"{found.key} belongs into a file {found.key.file}",
            place=Place(file),
            fix="put back the files that were there",
        )
    return found


def _texts(value: object) -> Mapping[str, str]:
    entries = cast(Mapping[str, object], value if isinstance(value, Mapping) else {})
    return {key: text for key, text in entries.items() if isinstance(text, str)}

"""A repository's index, read once and kept small: https://helm.sh/docs/topics/chart_repository/#the-index-file."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pydantic

from deploy_orchestrator.charts.errors import IndexInvalid
from deploy_orchestrator.charts.metadata import ChartMetadata
from deploy_orchestrator.charts.published import PublishedChart, dependencies_as_json
from deploy_orchestrator.charts.sources import index_yaml
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.documents import DocumentError, parse
from deploy_orchestrator.errors import Place

MAX_BYTES = 256 * 1024 * 1024
"""The largest index that is read, unpacked; the largest public one is a tenth of it."""

_NOTHING = msgspec.Raw(b"[]")
_BYTES = (0xC4, 0xC5, 0xC6)
"""What bytes begin with in MessagePack: entries that were not read yet."""


class _Entry(msgspec.Struct, frozen=True, gc=False):
    name: str
    version: str
    created: datetime | None = None
    digest: str | None = None
    urls: tuple[str, ...] | None = None
    type: str | None = None
    deprecated: bool | None = None
    app_version: str | None = msgspec.field(name="appVersion", default=None)
    dependencies: msgspec.Raw = _NOTHING


class _Kept(msgspec.Struct, frozen=True, gc=False, array_like=True):
    version: str
    created: datetime | None
    digest: str
    urls: tuple[str, ...]
    type: str
    deprecated: bool
    app_version: str
    dependencies: bytes


class _File(msgspec.Struct, frozen=True):
    entries: dict[str, msgspec.Raw] | None


_Unread = tuple[str, bytes]
"""The name of a chart, and its entries as the index has them: JSON, or the lines of YAML with the name."""

_JSON = re.compile(rb'\s*\{\s*["}]')
_JsonFailure = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_decode_entries = msgspec.json.Decoder(list[_Entry] | None).decode
_decode_each = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_kept = msgspec.msgpack.Decoder(list[_Kept]).decode
_decode_charts = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.msgpack.Encoder().encode


class Index:
    """Every version of every chart in one repository; those of one chart are read when asked for."""

    def __init__(self, repository: str, charts: Mapping[str, msgspec.Raw]) -> None:
        self.repository = repository
        self._charts = dict(charts)
        self._unpacked: dict[str, tuple[PublishedChart, ...]] = {}

    @classmethod
    def parse(cls, data: bytes, repository: str) -> "Index":
        """The index in `data`: YAML or JSON, plain or gzipped. `repository` is the URL that it belongs to.

        As in Helm, an entry that is no chart is skipped.

        Raises:
            IndexInvalid: no index, or larger than `MAX_BYTES`.
        """
        text = _unpacked(data, repository)
        charts = _json if _JSON.match(text) else _yaml
        return cls(
            repository, {name: msgspec.Raw(_encode(unread)) for name, unread in charts(text, repository)}
        )

    @classmethod
    def restore(cls, kept: bytes, repository: str) -> "Index":
        """The index that `keep` made these bytes of."""
        return cls(repository, _decode_charts(kept))

    def keep(self) -> bytes:
        """The index in a compact form for `restore`."""
        return _encode(self._charts)

    @property
    def read(self) -> int:
        """Of how many charts the versions were asked for."""
        return len(self._unpacked)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all charts in it."""
        return tuple(self._charts)

    def versions(self, name: str) -> tuple[PublishedChart, ...]:
        """Every version of a chart, newest first; none if there is no such chart. Raises IndexInvalid."""
        if name not in self._unpacked:
            kept = _decode_kept(self._packed(name)) if name in self._charts else []
            self._unpacked[name] = tuple(_published(self.repository, name, version) for version in kept)
        return self._unpacked[name]

    def read_all(self) -> bool:
        """Read what nobody has asked for yet, but for what cannot be read; whether there was any."""
        unread = [name for name, kept in self._charts.items() if _is_unread(kept)]
        for name in unread:
            with suppress(IndexInvalid):
                self._packed(name)
        return bool(unread)

    def _packed(self, name: str) -> msgspec.Raw:
        kept = self._charts[name]
        if _is_unread(kept):
            entries = _entries_of(name, msgspec.msgpack.decode(kept, type=bytes), self.repository)
            kept = self._charts[name] = _packed(name, entries)
        return kept


def _is_unread(kept: msgspec.Raw) -> bool:
    return memoryview(kept)[0] in _BYTES


def _published(repository: str, name: str, kept: _Kept) -> PublishedChart:
    return PublishedChart(
        repository,
        name,
        kept.version,
        kept.created,
        kept.digest,
        kept.urls,
        kept.type,
        kept.deprecated,
        kept.app_version,
        kept.dependencies,
    )


def _unpacked(data: bytes, repository: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = stream.read(MAX_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise _invalid(f"not gzip: {error}", repository) from error
    if len(data) > MAX_BYTES:
        raise _invalid(f"an index larger than {MAX_BYTES:,} bytes", repository)
    return data


def _invalid(what: str, repository: str, line: int | None = None) -> IndexInvalid:
    return IndexInvalid(
        what,
        url=repository,
        place=Place(repository, line),
        fix="check that the URL is a Helm repository; `helm repo index` writes its index",
    )


def _json(text: bytes, repository: str) -> Iterator[_Unread]:
    try:
        charts = msgspec.json.decode(text, type=_File).entries or {}
    except _JsonFailure as error:
        raise _invalid(f"not a Helm index: {error}", repository) from error
    for name, raw in charts.items():
        yield name, bytes(raw)


def _yaml(text: bytes, repository: str) -> Iterator[_Unread]:
    try:
        charts = dict(index_yaml.sections(text.decode()))
    except (index_yaml.UnusualLayoutError, UnicodeDecodeError):
        for name, found in _any_yaml(text, repository).items():
            yield name, msgspec.json.encode(found)
    else:
        for name, section in charts.items():
            yield name, section.encode()


def _entries_of(name: str, unread: bytes, repository: str) -> list[_Entry]:
    if not unread.startswith(b" "):
        return _entries(msgspec.Raw(unread))
    try:
        found: Any = index_yaml.entries(unread.decode())
    except index_yaml.UnusualLayoutError:
        found = _any_yaml(b"entries:\n" + unread, repository).get(name)
    return _entries(msgspec.Raw(msgspec.json.encode(found)))


def _any_yaml(text: bytes, repository: str) -> dict[str, Any]:
    try:
        value = parse(text, repository).value
    except DocumentError as error:
        raise _invalid(error.what, repository, error.place.line if error.place else None) from error
    entries = cast(dict[str, Any], value).get("entries", 0) if isinstance(value, dict) else 0
    if not isinstance(entries, dict | None):
        raise _invalid("not a Helm index: it has no `entries`", repository)
    return cast("dict[str, Any] | None", entries) or {}


def _entries(raw: msgspec.Raw) -> list[_Entry]:
    try:
        return _decode_entries(raw) or []
    except _JsonFailure:
        return _one_by_one(raw)


def _packed(name: str, entries: list[_Entry]) -> msgspec.Raw:
    kept: list[tuple[Version, _Kept]] = []
    for entry in entries:
        with suppress(VersionError):
            if entry.name == name:
                kept.append((Version.parse(entry.version), _kept(entry)))
    kept.sort(key=lambda pair: pair[0], reverse=True)
    return msgspec.Raw(_encode([entry for _, entry in kept]))


def _kept(entry: _Entry) -> _Kept:
    created = entry.created
    dependencies = bytes(entry.dependencies)
    return _Kept(
        entry.version,
        created.replace(tzinfo=UTC) if created and not created.tzinfo else created,
        (entry.digest or "").removeprefix("sha256:"),
        entry.urls or (),
        entry.type or "",
        bool(entry.deprecated),
        entry.app_version or "",
        b"[]" if dependencies == b"null" else dependencies,
    )


def _one_by_one(raw: msgspec.Raw) -> list[_Entry]:
    entries: list[_Entry] = []
    with suppress(*_JsonFailure):
        for entry in _decode_each(raw):
            with suppress(*_JsonFailure, pydantic.ValidationError):
                entries.append(_lenient(entry))
    return entries


class _LenientEntry(ChartMetadata):
    created: Any = None
    digest: str = ""
    urls: tuple[str, ...] = ()


def _lenient(raw: msgspec.Raw) -> _Entry:
    read = _LenientEntry.model_validate_json(bytes(raw))
    return _Entry(
        name=read.name,
        version=read.version,
        created=_time(read.created),
        digest=read.digest,
        urls=read.urls,
        type=read.type,
        deprecated=read.deprecated,
        app_version=read.app_version,
        dependencies=msgspec.Raw(dependencies_as_json(read.dependencies)),
    )


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None

"""Container images: which change is routine, and which is not."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from deploy_orchestrator.manifests import FieldChange, ImageReference, NotAnImage, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.rule import FieldRule
from deploy_orchestrator.risk.verdict import Verdict

_TAG: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:[-+._](.*))?")
_BUILD: Final = re.compile(r"(?:^|[-._])(?:r|build|b)?(\d{1,9})$")
_HASH: Final = re.compile(r"[0-9a-f]{7,64}")

_KEEPS_DATA: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        [
            "cassandra",
            "clickhouse",
            "clickhouse-server",
            "cockroach",
            "consul",
            "couchbase",
            "couchdb",
            "dgraph",
            "elasticsearch",
            "etcd",
            "influxdb",
            "kafka",
            "keydb",
            "memgraph",
            "minio",
            "nats",
            "neo4j",
            "opensearch",
            "pgvector",
            "postgis",
            "postgres",
            "postgresql",
            "postgresql-repmgr",
            "qdrant",
            "questdb",
            "rabbitmq",
            "redis",
            "redis-stack",
            "redpanda",
            "scylla",
            "solr",
            "spilo",
            "timescaledb",
            "timescaledb-ha",
            "valkey",
            "vault",
            "weaviate",
            "zookeeper",
        ],
        1,
    ),
    **dict.fromkeys(
        ["mariadb", "mariadb-galera", "mongo", "mongodb", "mssql", "mysql", "mysql-server", "percona"], 2
    ),
}
"""Images that keep data, by a part of their name: how many numbers of the version say that the data's
format changes.
"""


class Step(Enum):
    """How an image differs from the one before."""

    SAME = auto()
    MINOR = auto()
    MAJOR = auto()
    DOWN = auto()
    OTHER = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Version:
    """The numbers of a tag, its flavour (`alpine`, `debian-12`) and its build number (`r45`)."""

    numbers: tuple[int, ...]
    flavour: str
    build: int


def repository_of(image: str) -> str:
    """Where an image comes from, without its version; the text itself where it is no reference."""
    try:
        reference = ImageReference.parse(image)
    except NotAnImage:
        return image
    return f"{reference.registry}/{reference.repository}"


def version_of(image: ImageReference) -> Version | None:
    """What the tag tells, None where it is a hash, a date in one number, or a word."""
    found = _TAG.fullmatch(image.tag or "")
    if found is None or _HASH.fullmatch(found[0]):
        return None
    numbers = tuple(map(int, found[1].split(".")))
    rest = found[2] or ""
    build = _BUILD.search(rest)
    return Version((*numbers, 0, 0, 0, 0)[:4], _BUILD.sub("", rest), int(build[1]) if build else 0)


def data_numbers(image: ImageReference) -> int | None:
    """How many numbers of the version must stay for the data to fit; None where the image keeps none."""
    found = next((_KEEPS_DATA[part] for part in image.repository.split("/") if part in _KEEPS_DATA), None)
    version = version_of(image)
    old_postgres = version is not None and version.numbers[0] < 10 and "postgres" in image.repository
    return 2 if found and old_postgres else found


def step(before: ImageReference, after: ImageReference) -> Step:
    """What it takes to get from one image to another."""
    if before == after:
        return Step.SAME
    if (before.registry, before.repository) != (after.registry, after.repository):
        return Step.OTHER
    old, new = version_of(before), version_of(after)
    if old is None or new is None or before.tag == after.tag:
        return Step.UNCLEAR
    if new.numbers < old.numbers:
        return Step.DOWN
    significant = data_numbers(before) or 1
    if new.numbers[:significant] != old.numbers[:significant]:
        return Step.MAJOR
    if old.flavour != new.flavour:
        return Step.UNCLEAR
    return Step.DOWN if (new.numbers, new.build) < (old.numbers, old.build) else Step.MINOR


class _ImageRule(FieldRule):
    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.in_container(field) != ("image",):
            return None
        try:
            before, after = (ImageReference.parse(untyped.text(each)) for each in (field.before, field.after))
        except NotAnImage:
            return None
        if not self.concerns(before, after):
            return None
        return f"{field.path[-2].strip('[]')}: {field.before} → {field.after}"

    @abstractmethod
    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        """Whether the step between two images is this rule's."""


class ImageUpdated(_ImageRule):
    id = "image-updated"
    severity = Verdict.SAFE
    sees = "an image is raised to a later minor, patch or build of the same flavour"
    why = (
        "By its version it keeps to what it did, and the roll-out keeps the old pods until new ones are "
        "ready."
    )
    do = "Nothing."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        return step(before, after) in {Step.MINOR, Step.SAME}


class ImageMajor(_ImageRule):
    id = "image-major"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the major version of an image is raised"
    why = "A major version may do away with what its users rely on."
    do = "Read its release notes, then approve."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        return step(before, after) is Step.MAJOR and not data_numbers(before)


class ImageDowngraded(_ImageRule):
    id = "image-downgraded"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an image goes back to an earlier version"
    why = "An earlier version may not read what the later one wrote, and lacks its fixes."
    do = "Make sure that going back is meant, and that the data still fits."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        return step(before, after) is Step.DOWN


class ImageReplaced(_ImageRule):
    id = "image-replaced"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an image comes from another repository or registry"
    why = "It is other software, or from other hands, whatever its version says."
    do = "Check where it comes from and that it takes the same configuration, then approve."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        return step(before, after) is Step.OTHER and not (data_numbers(before) or data_numbers(after))


class ImageUnclear(_ImageRule):
    id = "image-unclear"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an image changes in a way that its tag does not explain: a hash, a word, another flavour, other "
        "bytes"
    )
    why = "Nobody can tell from the tag whether this is a fix or other software."
    do = "Tag images with versions. Compare what both were built from, then approve."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        return step(before, after) is Step.UNCLEAR


class DatabaseImage(_ImageRule):
    id = "database-image"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the image of a database or another keeper of data is replaced, or its data format changes with "
        "its version"
    )
    why = "It may refuse the data that is there, or convert it for good."
    do = "Follow its upgrade guide, make sure of a backup, then approve."

    def concerns(self, before: ImageReference, after: ImageReference) -> bool:
        kept = data_numbers(before) or data_numbers(after)
        return kept is not None and step(before, after) in {Step.MAJOR, Step.OTHER}


RULES = (
    ImageUpdated(),
    ImageMajor(),
    ImageDowngraded(),
    ImageReplaced(),
    ImageUnclear(),
    DatabaseImage(),
)

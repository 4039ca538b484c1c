"""Container images: which change is routine, and which is not."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from deploy_orchestrator.manifests import (
    Container,
    FieldChange,
    ImageReference,
    NamedPath,
    NotAnImage,
    Object,
    untyped,
)
from deploy_orchestrator.risk.accounts import changes_workloads
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import (
    containers_of,
    ends_before_any_successor,
    image_of,
    is_kept_apart,
    keeps_what_it_writes,
    ports_of,
)
from deploy_orchestrator.risk.rule import FieldRule
from deploy_orchestrator.risk.stores import PORTS, UNKNOWN, Store, is_beside, store_of
from deploy_orchestrator.risk.verdict import Verdict

_TAG: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:[-+._](.*))?")
_BUILD: Final = re.compile(r"(?:^|[-._])r(\d{1,9})$")
_BY_TWO: Final = frozenset(
    [
        "cilium",
        "cluster-autoscaler",
        "envoy",
        "flink",
        "haproxy",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "php",
        "pilot",
        "proxyv2",
        "pypy",
        "python",
        "ruby",
        "ztunnel",
    ]
)
"""Software that takes things away where its second number is raised, by the name of its image:
https://www.php.net/supported-versions.php, https://peps.python.org/pep-0387/,
https://www.ruby-lang.org/en/news/2013/12/21/ruby-version-policy-changes-with-2-1-0/,
https://kubernetes.io/releases/version-skew-policy/, https://www.haproxy.org (a branch each),
https://github.com/envoyproxy/envoy/blob/main/CONTRIBUTING.md#breaking-change-policy,
https://istio.io/latest/docs/releases/supported-releases/, https://docs.cilium.io/en/stable/operations/upgrade/,
https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/upgrading/.
"""

_UNFINISHED: Final = re.compile(
    r"(?:^|[-._])(?:alpha|beta|canary|dev|eap?|edge|experimental|head|main|master|milestone|next|nightly|pre|preview|rc|"
    r"snapshot|trunk|unstable|wip)(?![a-z])",
    re.IGNORECASE,
)
"""Flavours that say that a version is none yet: https://semver.org/#spec-item-9."""

_YEARS: Final = range(2000, 2100)
"""A version that begins with a year says when it is from, not what it keeps to: https://calver.org."""

_HASH: Final = re.compile(r"[0-9a-f]{7,64}")


class TagStep(Enum):
    """How an image differs from the one before."""

    SAME = auto()
    MINOR = auto()
    MAJOR = auto()
    DOWN = auto()
    OTHER = auto()
    PINNED = auto()
    UNWATCHED = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class TagVersion:
    """The numbers of a tag, of which the first ones are `written` and the others 0, its flavour (`alpine`,
    `python3.12`) and its build number (`r45`).
    """

    numbers: tuple[int, ...]
    written: int
    flavour: str
    build: int


def repository_of(image: str) -> str:
    """Where an image comes from, without its version; the text itself where it is no reference."""
    try:
        reference = ImageReference.parse(image)
    except NotAnImage:
        return image
    return f"{reference.registry}/{reference.repository}"


def version_of(image: ImageReference) -> TagVersion | None:
    """What the tag tells, None where it is a hash, a date in one number, or a word."""
    found = _TAG.fullmatch(image.tag or "")
    if found is None or _HASH.fullmatch(found[0]):
        return None
    numbers = tuple(map(int, found[1].split(".")))
    rest = found[2] or ""
    build = _BUILD.search(rest)
    number = int(build[1]) if build else 0
    return TagVersion((*numbers, 0, 0, 0, 0)[:4], len(numbers), _BUILD.sub("", rest), number)


def step(
    before: ImageReference, after: ImageReference, store: Store | None = None, *, looked_up: bool = False
) -> TagStep:
    """What it takes to get from one image to another, of what keeps its data as `store` says. `looked_up`:
    the registry says that the tag of `after` leads to its digest.
    """
    if before == after:
        return TagStep.SAME
    if (before.registry, before.repository) != (after.registry, after.repository):
        return TagStep.OTHER
    old, new = version_of(before), version_of(after)
    if old is None or new is None:
        return TagStep.UNCLEAR
    if before.tag == after.tag:
        return TagStep.UNCLEAR if before.digest or store else _pinned(looked_up, TagStep.SAME)
    if new.numbers < old.numbers:
        return TagStep.DOWN
    significant = store.significant(old.numbers) if store else _significant(after, old)
    if new.numbers[:significant] != old.numbers[:significant] or min(old.written, new.written) < significant:
        # What a tag leaves out is whatever the registry had last: `mysql:8` was 8.0, and is 8.4.
        return TagStep.MAJOR
    if old.flavour != new.flavour or _UNFINISHED.search(new.flavour):
        return TagStep.UNCLEAR
    if (new.numbers, new.build) < (old.numbers, old.build):
        return TagStep.DOWN
    if before.digest and not after.digest:
        return TagStep.UNCLEAR
    return _pinned(looked_up, TagStep.MINOR) if after.digest else TagStep.MINOR


def _significant(image: ImageReference, version: TagVersion) -> int:
    """How many leading numbers of a version stay where what its users rely on does: up to the first that is
    not zero, as `^` has it in Helm, npm and Cargo (https://semver.org/#spec-item-4).
    """
    by_two = version.numbers[0] in _YEARS or image.repository.rpartition("/")[2] in _BY_TWO
    zeros = next((index for index, number in enumerate(version.numbers[:2]) if number), 2)
    return max(zeros + 1, 2 if by_two else 1)


def _pinned(looked_up: bool, otherwise: TagStep) -> TagStep:
    return otherwise if looked_up else TagStep.PINNED


def stored_by(container: Container, owner: Object) -> Store | None:
    """What a container keeps its data as; None where it keeps none."""
    try:
        image = ImageReference.parse(image_of(container))
    except NotAnImage:
        return None
    if container.list == "containers" and not is_beside(image.repository):
        apart = is_kept_apart(owner) and is_first(container, owner)
        listens = not PORTS.isdisjoint(ports_of(container))
    else:
        apart = listens = False
    return store_of(image.repository, writes=apart or listens or keeps_what_it_writes(container, owner))


def is_first(container: Container, owner: Object) -> bool:
    """Whether a container is the one that an object is for, not one beside it."""
    first = next((each.path for each in containers_of(owner) if each.list == "containers"), None)
    return container.path == first


class _ImageRule(FieldRule):
    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.in_container(field) != ("image",):
            return None
        try:
            before, after = (ImageReference.parse(untyped.text(each)) for each in (field.before, field.after))
        except NotAnImage:
            return None
        store = _kept(altered, field.path[:-1])
        taken = step(before, after, store, looked_up=str(after) in change.looked_up)
        if (
            taken is TagStep.MINOR
            and step(before, after, UNKNOWN) is TagStep.MAJOR
            and _is_unwatched(altered, change)
        ):
            taken = TagStep.UNWATCHED
        if not self.concerns(taken, store):
            return None
        return f"{field.path[-2].strip('[]')}: {field.before} → {field.after}"

    @abstractmethod
    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        """Whether a step between two images, of which one keeps data as `store` says, is this rule's."""


class ImageUpdated(_ImageRule):
    id = "image-updated"
    severity = Verdict.SAFE
    sees = "an image is raised to a later minor, patch or build of the same flavour"
    why = (
        "By its version it keeps to what it did, and its data stays as it is; a roll-out stops where new "
        "pods do not get ready, and is reverted."
    )
    do = "Nothing."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken in {TagStep.MINOR, TagStep.SAME}


class ImagePinned(_ImageRule):
    id = "image-pinned"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an image is named by a digest beside a version that alone would do no harm, and nobody knows that "
        "the one is the other's"
    )
    why = (
        "What runs is what has the digest, whatever the version beside it says: any image of that repository."
    )
    do = (
        "Hold it against the registry, then approve. Where the policy asks anything of `images`, that is "
        "done with each plan."
    )

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.PINNED


class ImageMajor(_ImageRule):
    id = "image-major"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the major version of an image is raised; below 1.0 the first number that is not zero, and for one "
        "that begins with a year, or of software that breaks with less, the first two numbers"
    )
    why = "A major version may do away with what its users rely on."
    do = "Read its release notes, then approve."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.MAJOR and store is None


class ImageDowngraded(_ImageRule):
    id = "image-downgraded"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an image goes back to an earlier version"
    why = "An earlier version may not read what the later one wrote, and lacks its fixes."
    do = "Make sure that going back is meant, and that the data still fits."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.DOWN


class ImageReplaced(_ImageRule):
    id = "image-replaced"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an image comes from another repository or registry"
    why = "It is other software, or from other hands, whatever its version says."
    do = "Check where it comes from and that it takes the same configuration, then approve."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.OTHER and store is None


class ImageUnclear(_ImageRule):
    id = "image-unclear"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an image changes in a way that its tag does not explain: a hash, a word, another flavour, other "
        "bytes, or those that a digest fixes no more"
    )
    why = "Nobody can tell from the tag whether this is a fix or other software."
    do = "Tag images with versions. Compare what both were built from, then approve."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.UNCLEAR


class ImageUnwatched(_ImageRule):
    id = "image-unwatched"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an image is raised to a later minor version that runs by the clock, whose account may change other "
        "workloads (an operator), or whose pods all end before it is known to work (Recreate)"
    )
    why = (
        "No roll-out stops in time where it fails or does another thing: it runs when nobody looks, it "
        "renews what it is in charge of, as a database's members, or no pod of before is left."
    )
    do = "Let it run once where it harms nobody, read what it does to what it is in charge of, then approve."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken is TagStep.UNWATCHED


class DatabaseImage(_ImageRule):
    id = "database-image"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the image of a database, or of anything that keeps data on a volume which outlives its pod, is "
        "replaced, or raised beyond the part of its version in which its data stays as it is, also by a tag "
        "that leaves that part out"
    )
    why = "It may refuse the data that is there, or convert it for good."
    do = "Follow its upgrade guide, make sure of a backup, then approve."

    def concerns(self, taken: TagStep, store: Store | None) -> bool:
        return taken in {TagStep.MAJOR, TagStep.OTHER} and store is not None


def _is_unwatched(altered: Altered, change: Change) -> bool:
    by_the_clock = (altered.key.group, altered.key.kind) == ("batch", "CronJob")
    return (
        by_the_clock
        or ends_before_any_successor(altered.after)
        or changes_workloads(altered.after, change.after.objects)
    )


def _kept(altered: Altered, path: NamedPath) -> Store | None:
    """What the container at `path` keeps its data as, before or after."""
    for side in (altered.before, altered.after):
        for container in containers_of(side):
            if container.path == path and (store := stored_by(container, side)):
                return store
    return None


RULES = (
    ImageUpdated(),
    ImagePinned(),
    ImageMajor(),
    ImageDowngraded(),
    ImageReplaced(),
    ImageUnclear(),
    ImageUnwatched(),
    DatabaseImage(),
)

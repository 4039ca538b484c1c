"""Images held against what the policy of an environment asks of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.fleet import Deployment, Fleet, ImagePolicy
from deploy_orchestrator.images.auditing import AT_A_TIME, AuditedImage, Running
from deploy_orchestrator.images.errors import ImageMissing
from deploy_orchestrator.images.inventory import Image, images
from deploy_orchestrator.images.published import Layer, Published, Variant
from deploy_orchestrator.images.remote import remote_of
from deploy_orchestrator.manifests import (
    Finding,
    ImageReference,
    Manifests,
    Object,
    ObjectKey,
    Workspace,
    excepted,
    image_checks,
    pod_of,
    untyped,
)
from deploy_orchestrator.outcomes import Outcome, attempt, in_order, raised
from deploy_orchestrator.terms import quantity

_AHEAD: Final = timedelta(days=1)
"""How far the clock of who builds may be ahead."""

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class ExaminedImages:
    """What is wrong with the images of a deployment, and the `digests` that those lead to now whose names
    have none.
    """

    findings: tuple[Finding, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict[str, str])


def examine_images(
    manifests: Manifests, deployment: Deployment, fleet: Fleet, workspace: Workspace
) -> ExaminedImages:
    """What is wrong with the images of a deployment now, as `judged` tells it. No registry is asked where the
    environment's policy asks nothing of images, or where one is named that no runtime takes for an image:
    that is for `manifests.examine` to tell.

    Raises:
        Transient: a registry did not answer, so that nobody can tell.
    """
    if deployment.environment.policy.images is None:
        return ExaminedImages()
    known = attempt(images, manifests)
    if isinstance(known, OrchestratorError):
        return ExaminedImages()
    remote = remote_of(fleet, workspace)
    found = dict(in_order(remote.published, dict.fromkeys(each.name for each in known), AT_A_TIME))
    findings = tuple(judged(manifests, deployment, found, datetime.now(UTC)))
    digests = {
        str(name): each.digest
        for name, each in found.items()
        if isinstance(each, Published) and remote.is_of_tag(name)
    }
    return ExaminedImages(findings, digests)


def judged(
    manifests: Manifests,
    deployment: Deployment,
    found: Mapping[ImageReference, Outcome[Published]],
    now: datetime,
) -> list[Finding]:
    """What is wrong with the images of a deployment by its environment's policy, but for what the tenant is
    excepted from.

    `found` is what the registries have of each, `now` in UTC. Nothing where the policy asks nothing.

    Raises:
        Transient: as one of those that are `found`: a registry did not answer, so that nobody can tell.
    """
    policy = deployment.environment.policy.images
    if policy is None:
        return []
    known = images(manifests)
    for each in known:
        outcome = found[each.name]
        if isinstance(outcome, Transient):
            raise outcome
    told = [finding for each in known for finding in _judged(each, found[each.name], policy, now)]
    published = [each for image in known if isinstance(each := found[image.name], Published)]
    told += [*_together(published, policy), *_users(manifests, found, policy)]
    return excepted(told, deployment, now)


def findings_of(
    running: Iterable[Running],
    asked: Mapping[str, Deployment],
    audited: Iterable[AuditedImage],
    now: datetime,
) -> list[tuple[str, Finding]]:
    """As `judged`, for each of the candidates among `running` whose images could all be read, by key; `asked`
    are the deployments of the fleet by theirs.
    """
    found = {each.name: each.found for each in audited}
    told: list[tuple[str, Finding]] = []
    for each in running:
        if each.standing == "candidate" and each.key in asked:
            outcome = attempt(judged, each.manifests, asked[each.key], found, now)
            told += [] if isinstance(outcome, Transient) else [(each.key, one) for one in raised(outcome)]
    return told


def size(count: int) -> str:
    """A number of bytes as people say it, as `1.2 GB`."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def _judged(
    image: Image, outcome: Outcome[Published], policy: ImagePolicy, now: datetime
) -> Iterator[Finding]:
    for object_ in dict.fromkeys(use.object for use in image.used_by):
        if isinstance(outcome, OrchestratorError):
            check = image_checks.MISSING if isinstance(outcome, ImageMissing) else image_checks.INVALID
            yield check.finding(object_, outcome.what, outcome.fix)
            continue
        if policy.by_digest and image.digest is None:
            fix = f"name it {image.reference}@{outcome.digest}, if that is what is meant"
            yield image_checks.BY_DIGEST.finding(object_, f"{image.reference} names no digest", fix)
        yield from _one(_About(image.reference, object_, outcome, policy, now))


@dataclass(frozen=True, slots=True)
class _About:
    """An image by its `name`, as it is `published`, that an object runs."""

    name: str
    object: ObjectKey
    published: Published
    policy: ImagePolicy
    now: datetime

    @property
    def variants(self) -> list[Variant]:
        return _asked(self.published, self.policy)


def _asked(published: Published, policy: ImagePolicy) -> list[Variant]:
    """The platforms that the policy asks for and that are there; all where it asks for none."""
    if not policy.platforms:
        return [*published.variants]
    return [each for wanted in policy.platforms for each in published.variants_for(wanted)]


def _one(about: _About) -> Iterator[Finding]:
    for look in (_platforms, _sizes, _age, _attached):
        yield from look(about)


def _platforms(about: _About) -> Iterator[Finding]:
    there = ", ".join(str(each.platform) for each in about.published.variants)
    for wanted in about.policy.platforms:
        if not about.published.variants_for(wanted):
            said = f"{about.name} is not there for {wanted}, only for {there}"
            yield image_checks.PLATFORM.finding(about.object, said)
    if not about.policy.platforms:
        for platform in about.published.absent:
            said = f"{about.name} names {platform} in its index, and {about.object} would find nothing there"
            yield image_checks.PLATFORM.finding(
                about.object, said, "push the image again, with all platforms"
            )
    for each in about.variants:
        told, own = each.platform, each.built_for
        if (told.os, told.architecture) != (own.os, own.architecture):
            said = f"{about.name} is said to be for {told}, and its own configuration says {own}"
            yield image_checks.PLATFORM.finding(
                about.object, said, "build it for the platform that it is for"
            )


def _sizes(about: _About) -> Iterator[Finding]:
    download, disk = (_bytes(each) for each in (about.policy.download, about.policy.disk))
    for each in about.variants:
        told = f"{about.name} for {each.platform}"
        if download is not None and each.download > download:
            said = f"{told} takes {size(each.download)} to download, of {size(download)} that it may"
            largest = max(each.layers, key=lambda layer: layer.size, default=None)
            most = f"; {size(largest.size)} of it are {largest}" if largest else ""
            yield image_checks.SIZE.finding(about.object, f"{said}{most}")
        if disk is not None:
            yield from _on_disk(about.object, told, each.layers, disk)


def _on_disk(
    object_: ObjectKey | None, told: str, layers: Collection[Layer], budget: int
) -> Iterator[Finding]:
    known = [(each.unpacked, each) for each in layers if each.unpacked is not None]
    least = sum(unpacked for unpacked, _ in known)
    if len(known) < len(layers):
        said = f"nobody can tell without pulling it what {told} takes on disk"
        fix = "push it with layers packed by gzip, or take the budget for the disk out of the policy"
        yield image_checks.SIZE.finding(object_, said, fix)
    elif least > budget:
        about = "" if all(each.is_exact for each in layers) else "at least "
        taken, most = max(known, key=lambda each: each[0])
        said = f"{told} takes {about}{size(least)} on disk, of {size(budget)} that it may"
        yield image_checks.SIZE.finding(object_, f"{said}; {size(taken)} of it are {most}")


def _age(about: _About) -> Iterator[Finding]:
    oldest = about.policy.max_age
    if oldest is None:
        return
    for each in about.variants:
        if each.created is None:
            said = f"{about.name} for {each.platform} does not tell when it was built"
            fix = "set the time of the build in the image, or name a base and build that tell theirs"
            yield image_checks.AGE.finding(about.object, said, fix)
        elif each.created - about.now > _AHEAD:
            said = f"{about.name} for {each.platform} says that it is built on {each.created:%Y-%m-%d}"
            yield image_checks.AGE.finding(about.object, said, "set the time of the build in the image")
        elif about.now - each.created > oldest:
            days = (about.now - each.created).days
            said = (
                f"{about.name} for {each.platform} was built {days} days ago, of {oldest.days} that it may be"
            )
            yield image_checks.AGE.finding(about.object, said)


def _attached(about: _About) -> Iterator[Finding]:
    if about.policy.sbom and not about.published.attached.sboms:
        yield image_checks.SBOM.finding(about.object, f"{about.name} has no SBOM")
    if about.policy.signature and not about.published.attached.signatures:
        yield image_checks.SIGNATURE.finding(about.object, f"{about.name} is not signed")


def _together(found: list[Published], policy: ImagePolicy) -> Iterator[Finding]:
    """What all images of a tenant take on one node, on each platform."""
    download, disk = (_bytes(each) for each in (policy.tenant_download, policy.tenant_disk))
    platforms = policy.platforms or sorted({str(each.platform) for one in found for each in one.variants})
    for platform in platforms:
        there = [each for one in found for each in one.variants_for(platform)]
        layers = {layer.digest: layer for each in there for layer in each.layers}.values()
        told = f"all images of the tenant for {platform} together"
        taken = sum(each.size for each in layers) + sum(
            {each.digest: each.overhead for each in there}.values()
        )
        if download is not None and taken > download:
            said = f"{told} take {size(taken)} to download, of {size(download)} that they may"
            yield image_checks.SIZE.finding(None, said)
        if disk is not None and there:
            yield from _on_disk(None, told, layers, disk)


def _users(
    manifests: Manifests, found: Mapping[ImageReference, Outcome[Published]], policy: ImagePolicy
) -> Iterator[Finding]:
    """Containers that would run as root, or of which a node cannot tell whether they would."""
    if not policy.non_root:
        return
    for object_ in manifests.objects:
        for name, image, context in _contexts(object_):
            published = found[ImageReference.parse(image)]
            if not isinstance(published, Published):
                continue
            user = context("runAsUser")
            for each in _asked(published, policy) if user is None else ():
                told = f"{name} runs {image} for {each.platform} as"
                if each.is_root:
                    said = f"{told} {each.user or 'nobody else'}, which is root"
                    yield image_checks.ROOT.finding(object_.key, said)
                elif each.is_named and context("runAsNonRoot") is True:
                    yield image_checks.USER.finding(object_.key, f"{told} {each.user!r}, which is no number")
                elif each.is_named:
                    said = f"{told} {each.user!r}, of whom nobody can tell that it is not root"
                    yield image_checks.ROOT.finding(object_.key, said)
            if user == 0:
                yield image_checks.ROOT.finding(object_.key, f"{name} runs {image} as user 0")


def _contexts(object_: Object) -> Iterator[tuple[str, str, Callable[[str], Any]]]:
    """Each container of an object's pods, with its image and what its context, or the pod's, says."""
    pod = pod_of(object_)
    if pod is None:
        return
    shared = untyped.mapping(pod.spec.get("securityContext"))
    for container in pod.containers():
        own = untyped.mapping(container.body.get("securityContext"))

        def said(field: str, own: Mapping[str, Any] = own) -> Any:
            value = own.get(field)
            return shared.get(field) if value is None else value

        if image := untyped.text(container.body.get("image")):
            yield container.name, image, said


def _bytes(budget: str | None) -> int | None:
    number = quantity(budget)
    return None if number is None else int(number)

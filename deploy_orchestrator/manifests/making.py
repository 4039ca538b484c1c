"""All releases of a tenant rendered, in one canonical set."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from deploy_orchestrator.documents import parse
from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.fleet import PLATFORM, Deployment, Fleet, ValueLayer
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.composition import FROM_FLEET, ChartRelease, releases_of
from deploy_orchestrator.manifests.findings import Check, Finding
from deploy_orchestrator.manifests.naming import by_mirrors, renamed
from deploy_orchestrator.manifests.objects import ChartUsed, Manifests, Object, PackageUsed, ReleaseUsed
from deploy_orchestrator.manifests.printed import Printed, Printout, combined, skipped_hook, volatile
from deploy_orchestrator.manifests.reads import Reads, unread
from deploy_orchestrator.manifests.rendering import RenderedRelease, render_release
from deploy_orchestrator.manifests.sequence import in_sequence
from deploy_orchestrator.manifests.verification import tested_after_sync
from deploy_orchestrator.manifests.workspace import Workspace

CLOCK: Final = Check(
    "clock",
    "warning",
    "What it prints may depend on the day, so that the same input renders to something else tomorrow.",
    "give the chart the time as a value, or do without",
)
LOOKUP: Final = Check(
    "lookup",
    "warning",
    "It finds nothing here, and may find something in a cluster.",
    "give the chart what it looks up as a value",
)
UNORDERED: Final = Check(
    "unordered",
    "warning",
    "A map has no order in Go, so that the same input may render to something else tomorrow.",
    "sort what keys or values give: `keys .Values.x | sortAlpha`",
)
HELM_VERSION: Final = Check(
    "helm-version",
    "warning",
    "Another version of Helm would print something else, though nobody changed the chart.",
    "do without .Capabilities.HelmVersion",
)
UNREAD: Final = Check(
    "unread-value",
    "warning",
    "Nothing in the chart reads this value: it does nothing, or its name is misspelt.",
    "mend the name, or remove the value",
)


def made(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> Manifests:
    """What Helm renders of a deployment now, with what was found in it. Raises as `render`."""
    releases = releases_of(deployment, fleet, workspace)
    rendered = [render_release(release, workspace) for release in releases]
    objects = combined(
        [
            Printout(
                release.name,
                release.namespace,
                tuple(each for each in one.objects if not _is_made_already(each, release, deployment)),
            )
            for release, one in zip(releases, rendered, strict=True)
        ],
        deployment.environment.custom_kinds,
    )
    ordered = in_sequence(objects, {each.name: each.after for each in releases})
    return Manifests(
        objects=tested_after_sync(_read_from_mirrors(ordered, deployment, fleet)),
        chart=_chart(deployment, releases, rendered),
        findings=tuple(
            finding
            for release, result in zip(releases, rendered, strict=True)
            for finding in _findings(release, result, deployment.environment.custom_kinds)
        ),
        templates={each.object.key: each.place.file for each in objects},
    )


def _chart(
    deployment: Deployment, releases: Iterable[ChartRelease], rendered: Iterable[RenderedRelease]
) -> ChartUsed:
    own = [
        ReleaseUsed(release=release.name, name=one.chart.name, version=one.chart.version)
        for release, one in zip(releases, rendered, strict=True)
        if not (deployment.has_platform and release.name == PLATFORM)
    ]
    several = None if deployment.tenant.releases is None else tuple(own)
    return ChartUsed(
        name=own[-1].name, version=own[-1].version, packages=_packages(releases), releases=several
    )


def _packages(releases: Iterable[ChartRelease]) -> tuple[PackageUsed, ...] | None:
    found = {chart: sha256 for each in releases for chart, sha256 in each.chart.packages.items()}
    return tuple(PackageUsed(chart=chart, sha256=found[chart]) for chart in sorted(found)) or None


def _read_from_mirrors(objects: Iterable[Object], deployment: Deployment, fleet: Fleet) -> Iterable[Object]:
    """The objects, with images named as they are read from the fleet's mirrors of images."""
    mirrors = fleet.image_mirrors_of(deployment.environment.name)
    if not mirrors:
        return objects
    name = by_mirrors(mirrors)
    return (Object(renamed(each.body, name)) for each in objects)


def _is_made_already(printed: Printed, release: ChartRelease, deployment: Deployment) -> bool:
    """Whether it is the platform's object of a namespace that somebody else has made."""
    body = printed.body
    return (
        deployment.placing.existing
        and release.name == PLATFORM
        and (body.get("apiVersion"), body.get("kind")) == ("v1", "Namespace")
        and untyped.at(body, "metadata", "name") == deployment.namespace
    )


def _findings(
    release: ChartRelease, rendered: RenderedRelease, declared: Mapping[str, str]
) -> Iterator[Finding]:
    for printed in rendered.skipped:
        yield skipped_hook(printed)
    if rendered.again is not None:
        first, second = (
            Printout(release.name, release.namespace, each) for each in (rendered.objects, rendered.again)
        )
        yield from volatile(first, second, declared)
    if "clock" in release.asks:
        yield CLOCK.finding(None, f"{release.source} calls now or ago")
    if "lookup" in release.asks:
        yield LOOKUP.finding(None, f"{release.source} calls lookup")
    if "unordered" in release.asks:
        yield UNORDERED.finding(
            None, f"{release.source} takes keys or values of a map and does not sort them"
        )
    if "helm" in release.asks:
        yield HELM_VERSION.finding(None, f"{release.source} reads .Capabilities.HelmVersion")
    for layer in release.layers:
        if layer.path != FROM_FLEET:
            yield from _unread(layer, release.chart.reads)


def _unread(layer: ValueLayer, known: Reads) -> Iterator[Finding]:
    document = parse(layer.data, layer.path)
    for path, beside in unread(document.value, known):
        place = document.place(*path)
        yield UNREAD.finding(None, str(place), instead_of(path[-1], beside), place)
